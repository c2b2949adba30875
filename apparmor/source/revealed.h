// SPDX-License-Identifier: Apache-2.0
//
// Profile sources whose denials are told: `deny` without `audit` leaves no record of what it denies. For aa-shimctl only.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace aa::apparmor {

// TEXT, of a profile file or what one includes, with `audit` before each `deny` that has none, alone or around it; nothing else is another.
struct RevealedText {
    std::string text;
    std::size_t rules = 0;  // how many, a block counting as one
};
RevealedText revealed(std::string_view text);

// Writes FILE so into DIRECTORY, called as it is, and all that it includes from below INCLUDE_DIRECTORY where a parser that looks in
// DIRECTORY first finds it. What it includes from elsewhere stays as it is.
struct RevealedFile {
    std::string path;
    std::size_t rules = 0;
};
Result<RevealedFile> write_revealed(const std::string& file, const std::string& directory, const std::string& include_directory);

}  // namespace aa::apparmor
