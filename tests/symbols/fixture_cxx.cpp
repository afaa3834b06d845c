// SPDX-License-Identifier: MIT
// C++ with what compilers make of it: templates, containers, inlined members, anonymous namespaces, parts moved out of
// line.
#include <algorithm>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace spipe_fixture
{
namespace
{

template <typename Key> struct Counter {
    std::map<Key, int> seen;
    void add(const Key &key)
    {
        seen[key]++;
    }
    int most() const
    {
        int most = 0;
        for (const auto &entry : seen)
            most = std::max(most, entry.second);
        return most;
    }
};

__attribute__((noinline)) int hidden(const std::vector<std::string> &words)
{
    Counter<std::string> counter;
    for (const auto &word : words) {
        if (word.empty())
            throw std::invalid_argument("an empty word: " + word);
        counter.add(word);
    }
    return counter.most();
}

} // namespace

class Words
{
  public:
    explicit Words(const char *text);
    int most_frequent() const
    {
        return hidden(words);
    }
    std::vector<std::string> sorted() const;

  private:
    std::vector<std::string> words;
};

Words::Words(const char *text)
{
    std::string word;
    for (; *text; text++) {
        if (*text != ' ')
            word += *text;
        else if (!word.empty())
            words.push_back(std::exchange(word, {}));
    }
    if (!word.empty())
        words.push_back(word);
}

std::vector<std::string> Words::sorted() const
{
    auto copy = words;
    std::sort(copy.begin(), copy.end());
    return copy;
}

} // namespace spipe_fixture

extern "C" int spipe_fixture_words(const char *text)
{
    spipe_fixture::Words words(text);
    return words.most_frequent() + static_cast<int>(words.sorted().size());
}
