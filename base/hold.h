// SPDX-License-Identifier: Apache-2.0
//
// Files that are held: by which others see that who holds one still lives (fcntl(2), "Open file description locks").
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace aa {

// Has FD, which NAME is for messages, held for as long as it is open, alone or with others that hold the same file so; an error if somebody is
// in the way.
enum class Hold : std::uint8_t { alone, with_others };
Result<void> hold_file(int fd, Hold hold, std::string_view name);

// Whether the file of FD is held by another open one; and whether it is alone, for which that one has to be open for writing. A question alone
// takes no lock that could be in the way.
bool is_held(int fd);
bool is_held_alone(int fd);

}  // namespace aa
