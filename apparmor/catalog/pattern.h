// SPDX-License-Identifier: Apache-2.0
//
// AppArmor's patterns (apparmor.d(5), "Globbing"), the only pattern language of this product: `*` any number of
// characters but `/`, `**` any number of characters, `?` one character but `/`, `[abc]` `[a-c]` `[^a]` one of (not) these,
// `{a,b}` either, `\c` the character c itself. As in apparmor_parser, a `*` or `**` that stands for a whole path component
// (`/*`, `/**`, `/*/b`) matches at least one character, the first of which is not `/`. A character is one byte.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace aa::apparmor {

inline constexpr std::size_t kMaxPattern = 4096;
inline constexpr std::size_t kMaxPatternDepth = 50;  // of nested braces; apparmor_parser's limit

// An error, with the offending place in words, if PATTERN is not one that can be matched: unbalanced braces or brackets,
// braces around a single alternative, an empty bracket or a range that runs backwards, nothing after a backslash, deeper
// than kMaxPatternDepth, longer than kMaxPattern.
Result<void> check_pattern(std::string_view pattern);

// Whether PATTERN matches the whole of TEXT. PATTERN has passed check_pattern(); one that would not pass matches nothing.
// Takes time in proportion to |PATTERN| × |TEXT| at worst, whatever both hold, and allocates nothing.
bool matches(std::string_view pattern, std::string_view text);

// The characters that every match of PATTERN begins with, escapes decoded; all of it if the pattern is a literal.
struct LiteralPrefix {
    std::string text;
    bool whole = false;  // the pattern matches this text and nothing else
};
LiteralPrefix literal_prefix(std::string_view pattern);

// Whether GENERAL certainly matches every text that SPECIFIC matches. Never wrong when true; false also where it is
// merely hard to tell. For checking catalogs, not for the way to a decision: in the library aa_apparmor_load.
bool pattern_covers(std::string_view general, std::string_view specific);

// Whether some text may match both. Never wrong when false; true also where it is merely hard to tell. Of the same library.
bool patterns_may_meet(std::string_view one, std::string_view other);

}  // namespace aa::apparmor
