// SPDX-License-Identifier: Apache-2.0
//
// The words of AppArmor's profile language: statements as people write them, with their places. It follows the lexical rules
// of apparmor_parser (comments, quotes, commas and braces inside of patterns) and knows no rule's meaning.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aa::apparmor {

struct Statement {
    enum class End : std::uint8_t {
        rule,   // a comma
        line,   // the line's end: includes and assignments have no comma
        open,   // { : the words are the header of a block
        close,  // }
    };
    std::vector<std::string> words;  // quotes and escapes as written
    End end = End::rule;
    std::uint32_t line = 0;  // of the first word, from 1
    std::uint32_t column = 0;
    std::vector<std::size_t> offsets;  // of each word
    std::size_t stop = 0;              // behind what ended it

    [[nodiscard]] bool is_include() const;
};

class ProfileWords {
public:
    // TEXT must outlive it.
    explicit ProfileWords(std::string_view text) : text_(text) {}

    // The next statement; nothing at the end of the text. Text that the parser would refuse gives statements all the same.
    std::optional<Statement> next();

private:
    [[nodiscard]] char at(std::size_t offset) const { return at_ + offset < text_.size() ? text_[at_ + offset] : '\0'; }
    [[nodiscard]] bool ended() const { return at_ == text_.size(); }
    [[nodiscard]] bool is_comment() const;
    [[nodiscard]] bool ends_rule() const;
    void advance();
    void skip_line();
    std::string word();

    std::string_view text_;
    std::size_t at_ = 0;
    std::uint32_t line_ = 1;
    std::uint32_t column_ = 1;
};

// Whether WORD begins a rule that came after AppArmor 3.0, whose parser says of each that a mode is missing: "userns", "priority=5".
bool is_newer_rule(std::string_view word);

}  // namespace aa::apparmor
