// SPDX-License-Identifier: Apache-2.0
//
// A profile file that may be faulty, as pieces that a person would call a rule, a header or the end of a block. Where a comma or a brace
// is missing the next line begins a piece all the same; in a file that the parser takes, the pieces are its statements.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/catalog/catalog.h"

namespace aa::apparmor {

struct Piece {
    enum class End : std::uint8_t { comma, line, open, close, missing };
    std::vector<std::string_view> words;  // parts of the text; none for a brace that stands alone
    End end = End::comma;
    std::size_t begin = 0;      // of the first word
    std::size_t words_end = 0;  // behind the last word
    std::size_t stop = 0;       // behind what ended it
    std::size_t depth = 0;      // how many blocks are around it
    std::size_t first = 0;      // the index of the first word that is no qualifier such as `deny`; words.size() if there is none

    [[nodiscard]] std::string_view keyword() const { return first < words.size() ? words[first] : std::string_view(); }
    [[nodiscard]] bool has_qualifier(std::string_view word) const;
    [[nodiscard]] bool is_include() const;
    // Whether it begins a profile or a hat, be its brace there or not.
    [[nodiscard]] bool is_header() const;
};

// The pieces of TEXT, which must outlive them.
std::vector<Piece> pieces_of(std::string_view text);

// Where OFFSET of TEXT is in FILE, as people count.
Origin origin_of(const std::string& file, std::string_view text, std::size_t offset);

// Where line LINE of TEXT begins; the end of TEXT if it has fewer.
std::size_t line_offset(std::string_view text, std::size_t line);

// What rules may begin with behind their qualifiers (apparmor.d(5) of 5.0; not all of it is known to older parsers).
bool is_keyword(std::string_view word);
const std::vector<std::string_view>& keywords();

// Whether WORD is a path in a rule, or all letters of WORD are those of file modes.
bool is_path_word(std::string_view word);
bool is_mode_word(std::string_view word);

}  // namespace aa::apparmor
