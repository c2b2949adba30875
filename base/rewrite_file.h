// SPDX-License-Identifier: Apache-2.0
//
// Writing a file of somebody's anew, so that nobody sees a half of it and everything but its text stays. For aa-shimctl only.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace aa {

// Replaces the text of the regular file PATH, which has to be OLD_TEXT still, by NEW_TEXT: at once, and with owner, group, mode and extended
// attributes as they are. An error, and the file stays, if PATH is a symlink, which would not be one any more, or has several names.
Result<void> rewrite_file(const std::string& path, std::string_view old_text, std::string_view new_text);

}  // namespace aa
