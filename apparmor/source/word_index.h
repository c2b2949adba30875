// SPDX-License-Identifier: Apache-2.0
//
// Which of many texts may hold a name as a word of its own: told by the words that they are made of, so that each text is read once, however
// many names are looked for.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace aa::apparmor {

// What the words of profiles are made of; the names of some have more between these.
bool is_word_character(char c);

class WordIndex {
public:
    // Adds TEXT; texts are numbered from 0 in the order in which they were added.
    void add(std::string_view text);

    // The texts, ascending, that may hold NAME where no character of a word stands right before or behind it: all that do are among them. Those
    // have all words of NAME; here it is told by the one that the fewest have.
    [[nodiscard]] std::vector<std::size_t> may_hold(std::string_view name) const;

private:
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view word) const { return std::hash<std::string_view>()(word); }
    };

    std::size_t texts_ = 0;
    std::unordered_map<std::string, std::vector<std::size_t>, Hash, std::equal_to<>> holding_;  // by word, ascending
};

}  // namespace aa::apparmor
