// SPDX-License-Identifier: Apache-2.0
//
// Text for people: quoting of foreign strings, and the nearest known word to a mistyped one.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace aa {

// The pieces one after the other.
std::string concat(std::initializer_list<std::string_view> pieces);

// TEXTS one after the other with SEPARATOR between them.
std::string join(std::span<const std::string> texts, std::string_view separator);

// The lines of TEXT, without their ends; one that the end of TEXT cuts off is a line, too.
std::vector<std::string_view> lines(std::string_view text);

// TEXT in single quotes, safe for a terminal and a log line: control characters, quotes, backslashes and bytes that
// are not UTF-8 are written as \xHH, and more than 256 bytes are cut with "…" (sudo's CVE-2023-28486 is about unescaped text).
std::string quote(std::string_view text);

// The first few of TEXTS, each so quoted, and how many more there are.
std::string quote_some(std::span<const std::string> texts);

// TEXT as the content of a JSON string, without the quotes: `"`, `\` and control characters escaped; bytes that are not
// valid UTF-8 become U+FFFD.
std::string json_escape(std::string_view text);

// The candidate nearest to WORD by edit distance, upper and lower case being the same; empty if none is near enough to
// be what was meant (distance over a third of the word's length).
std::string_view closest(std::string_view word, std::span<const std::string_view> candidates);

// VALUE in decimal; in 16 hexadecimal digits.
std::string decimal(long long value);
std::string hex64(unsigned long long value);

// The whole of TEXT as a decimal number without sign; false for anything else, an overflow included.
bool parse_decimal(std::string_view text, unsigned long long& value);

// The length of the valid UTF-8 sequence at the front of TEXT (1 to 4), or 0 if there is none (RFC 3629: no overlong
// forms, no surrogates, nothing above U+10FFFF).
std::size_t utf8_length(std::string_view text);

}  // namespace aa
