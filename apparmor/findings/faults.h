// SPDX-License-Identifier: Apache-2.0
//
// What people get wrong in profiles: from what the parser says of a text, and a piece of it that it may mean, to the fault, its cause and
// its cure. For syntax.cc alone.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/findings/finding.h"
#include "apparmor/findings/pieces.h"

namespace aa::apparmor {

// Why the parser took no text.
struct Refusal {
    std::string message;            // the first line of what it says, without the place
    std::string file;               // the included file that it speaks of; empty: the text itself
    std::size_t line = 0;           // 0: it names no place
    std::vector<std::string> more;  // its other lines

    [[nodiscard]] bool says(std::string_view words) const { return message.find(words) != std::string::npos; }
    // What stands between BEFORE and AFTER in one of the lines; empty if none has both.
    [[nodiscard]] std::string between(std::string_view before, std::string_view after) const;
};

// A piece of a text that a refusal may mean.
struct Suspect {
    std::string_view text;
    std::span<const Piece> pieces;
    std::size_t index;
    const Refusal& refusal;

    [[nodiscard]] const Piece& piece() const { return pieces[index]; }
    [[nodiscard]] std::size_t offset_of(std::string_view word) const { return static_cast<std::size_t>(word.data() - text.data()); }
    // The words of the piece with single spaces, in quotes.
    [[nodiscard]] std::string quoted() const;
    // The word replaced by BY; BY put before, and behind it.
    [[nodiscard]] Edit replaced(std::string_view word, std::string by) const { return {offset_of(word), word.size(), std::move(by)}; }
    [[nodiscard]] Edit before(std::string_view word, std::string by) const { return {offset_of(word), 0, std::move(by)}; }
    [[nodiscard]] Edit behind(std::string_view word, std::string by) const { return {offset_of(word) + word.size(), 0, std::move(by)}; }
    // The piece taken out, with its line if nothing else is on it.
    [[nodiscard]] Edit removed() const;
};

struct Fault {
    std::string_view code;
    std::size_t at;  // its place in the text
    std::string problem;
    std::string why;
    std::string cure;
    std::vector<Edit> fix = {};     // as in Finding, of the text
    std::vector<Edit> repair = {};  // how to go on looking, where that is neither the fix nor taking the piece out
};

using Recognizer = std::optional<Fault> (*)(const Suspect&);

// A fault of the suspect piece, by what it is; the first that is one is the fault.
std::span<const Recognizer> header_recognizers();
std::span<const Recognizer> keyword_recognizers();
std::span<const Recognizer> file_rule_recognizers();

// The fault of an include: it names a file that cannot be opened, or one that the parser does not take.
std::optional<Fault> include_fault(std::string_view text, std::span<const Piece> pieces, const Refusal& refusal);

// The fault of a refusal that names no line, as it is about what rules are together.
std::optional<Fault> whole_fault(std::string_view text, std::span<const Piece> pieces, const Refusal& refusal);

// WORD of a file as a message may hold it outside of quotes.
std::string spelled_out(std::string_view word);

// How lines end in TEXT.
std::string_view line_end_of(std::string_view text);

// WORD in lower case without "-", "_" and a "CAP_" before it: people spell the names of AppArmor in many ways.
std::string spelling(std::string_view word);

// The one of WORDS that is spelled like WORD; empty if none is.
std::string_view same_spelling(std::string_view word, std::span<const std::string_view> words);

// "; the nearest is 'X'" for the word of WORDS that is near WORD; empty if none is.
std::string nearest(std::string_view word, std::span<const std::string_view> words);

}  // namespace aa::apparmor
