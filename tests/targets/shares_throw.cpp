// SPDX-License-Identifier: MIT
#include "shares.h"

#include <stdexcept>
#include <string>

namespace {

// Something to destroy in each frame, so that the unwinder has to stop there.
struct Guard {
    explicit Guard(uint32_t &open) : count(open)
    {
        count++;
    }
    ~Guard()
    {
        count--;
    }
    uint32_t &count;
};

uint32_t open_guards;

__attribute__((noinline)) uint32_t descend(int depth)
{
    Guard guard(open_guards);

    if (depth == 0) {
        throw std::runtime_error("the bottom");
    }
    return descend(depth - 1) + open_guards;
}

} // namespace

uint32_t shares_throw_and_catch(int times)
{
    uint32_t caught = 0;

    for (int i = 0; i < times; i++) {
        try {
            caught += descend(i % 9);
        } catch (const std::exception &error) {
            caught += static_cast<uint32_t>(std::string(error.what()).size());
        }
    }
    return caught + open_guards;
}
