// SPDX-License-Identifier: Apache-2.0
//
// The scanner behind toml::read(): one pass over the text, no look back. After the first error nothing more is read.
#pragma once

#include <string>
#include <string_view>

#include "ctl/install/toml/names.h"
#include "ctl/install/toml/toml.h"

namespace aa::ctl::install::toml {

constexpr bool is_bare_key_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

class Scanner {
public:
    Scanner(std::string_view text, std::string name);
    Result<Document> read();

private:
    // Each consumes what it is named for, and returns false after it has set the error.
    bool statement();
    bool header(Entry& entry);
    bool pair(Entry& entry);
    bool end_of_statement(Entry& entry);
    bool comment();
    bool dotted_key(Path& into);
    bool key_part(std::string& into);
    bool value(Entry& entry, unsigned depth);
    bool array(Entry& entry, unsigned depth);
    bool inline_table(Entry& entry, unsigned depth);
    bool word(Entry& entry);
    bool any_string(std::string& into);
    bool basic_string(std::string& into, bool many_lines);
    bool literal_string(std::string& into, bool many_lines);
    bool escape(std::string& into, bool many_lines);
    bool code_point(std::string& into, unsigned digits);
    bool string_byte(std::string& into, bool many_lines);
    bool closing_quotes(std::string& into, char quote);
    bool space_and_comments();

    [[nodiscard]] bool at_end() const { return at_ == text_.size(); }
    [[nodiscard]] char now() const { return at_end() ? '\0' : text_[at_]; }
    [[nodiscard]] bool ahead(std::string_view expected) const { return text_.substr(at_).starts_with(expected); }
    bool take(std::string_view expected);
    bool take_line_end();
    void skip_blanks();
    bool fail(std::string_view reason) { return fail_at(at_, reason); }
    bool fail_at(std::size_t offset, std::string_view reason);

    std::string_view text_;
    std::size_t at_ = 0;
    std::size_t line_begin_ = 0;
    Path table_;  // of the last header
    Names names_;
    Document document_;
    bool failed_ = false;
    std::size_t error_offset_ = 0;
    std::string error_;
};

}  // namespace aa::ctl::install::toml
