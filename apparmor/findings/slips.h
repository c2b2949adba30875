// SPDX-License-Identifier: Apache-2.0
//
// What apparmor_parser takes although it is hardly what was meant: told from the text alone.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apparmor/findings/finding.h"

namespace aa::apparmor {

// The slips in TEXT, the contents of FILE; warnings and notes.
std::vector<Finding> slips(const std::string& file, std::string_view text);

}  // namespace aa::apparmor
