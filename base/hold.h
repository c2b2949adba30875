// SPDX-License-Identifier: Apache-2.0
//
// Files that are held: by which others see that who holds one still lives (fcntl(2), "Open file description locks").
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace aa {

// Has FD, which NAME is for messages, held for as long as it is open, alone or with others that hold the same file so; an error if somebody is
// in the way.
enum class Hold : std::uint8_t { alone, with_others };
Result<void> hold_file(int fd, Hold hold, std::string_view name);

// Makes the file PATH, with TEXT, in the place of one that is there: whole, and held alone by the result, once others see it. Until then it is
// BESIDE, in the same directory, where what one that was killed has left goes first. Both are below DIRECTORY (openat(2)); its mode is 0644.
Result<Fd> make_held_file(int directory, const std::string& path, const std::string& beside, std::string_view text);

// Whether the file of FD is held by another open one; and whether it is alone, for which that one has to be open for writing. A question alone
// takes no lock that could be in the way.
bool is_held(int fd);
bool is_held_alone(int fd);

}  // namespace aa
