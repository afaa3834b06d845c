// SPDX-License-Identifier: MIT
// A C++ program as they are: virtual calls, strings, containers, exceptions, sorting.  work_objects ROUNDS
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

namespace {

uint32_t random_state = 1;

uint32_t pick(uint32_t below)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % below;
}

struct Shape {
    virtual ~Shape() = default;
    virtual double area() const = 0;
    virtual std::string name() const = 0;
};

struct Square : Shape {
    explicit Square(double length) : side(length) {}
    double area() const override { return side * side; }
    std::string name() const override { return "square of " + std::to_string(static_cast<int>(side)); }
    double side;
};

struct Circle : Shape {
    explicit Circle(double length) : radius(length) {}
    double area() const override { return 3.14159 * radius * radius; }
    std::string name() const override { return "circle of " + std::to_string(static_cast<int>(radius)); }
    double radius;
};

std::vector<std::unique_ptr<Shape>> make_shapes(size_t count)
{
    std::vector<std::unique_ptr<Shape>> shapes;
    for (size_t i = 0; i < count; i++) {
        if (pick(2) == 0)
            shapes.push_back(std::make_unique<Square>(pick(1000)));
        else
            shapes.push_back(std::make_unique<Circle>(pick(1000)));
    }
    return shapes;
}

uint64_t count_names(const std::vector<std::unique_ptr<Shape>> &shapes)
{
    std::unordered_map<std::string, uint64_t> by_name;
    std::map<std::string, double> areas;
    for (const auto &shape : shapes) {
        by_name[shape->name()]++;
        areas[shape->name().substr(0, 8)] += shape->area();
    }
    uint64_t total = areas.size();
    for (const auto &entry : by_name)
        total += entry.second * entry.first.size();
    return total;
}

uint64_t sort_shapes(std::vector<std::unique_ptr<Shape>> &shapes)
{
    std::stable_sort(shapes.begin(), shapes.end(), [](const auto &left, const auto &right) {
        return left->area() < right->area();
    });
    return static_cast<uint64_t>(shapes[shapes.size() / 2]->area());
}

uint32_t parse(const std::string &text)
{
    if (text.size() % 97 == 0)
        throw std::invalid_argument(text);
    return static_cast<uint32_t>(std::stoul(text.substr(text.rfind(' ') + 1)));
}

} // namespace

int main(int argc, char **argv)
{
    int rounds = argc == 2 ? std::atoi(argv[1]) : 10;
    uint64_t total = 0;
    for (int round = 0; round < rounds; round++) {
        auto shapes = make_shapes(4000);
        total += count_names(shapes) + sort_shapes(shapes);
        for (const auto &shape : shapes) {
            try {
                total += parse(shape->name());
            } catch (const std::invalid_argument &) {
                total++;
            }
        }
    }
    std::printf("%llu\n", static_cast<unsigned long long>(total));
    return 0;
}
