// SPDX-License-Identifier: Apache-2.0
//
// The difference of two texts as people and patch(1) read it.
#pragma once

#include <string>
#include <string_view>

namespace aa {

// A unified diff with three lines of context; empty if the texts are equal. OLD_NAME and NEW_NAME stand in its head.
std::string unified_diff(std::string_view old_text, std::string_view new_text, std::string_view old_name, std::string_view new_name);

}  // namespace aa
