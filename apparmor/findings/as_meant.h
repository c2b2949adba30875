// SPDX-License-Identifier: Apache-2.0
//
// Profiles that do not compile, compiled all the same as far as they can be understood, so that what is wrong besides their syntax is
// found in the same run. Nothing is ever loaded of it. For aa-shimctl only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apparmor/policy/policy.h"
#include "apparmor/source/parser_process.h"
#include "base/result.h"

namespace aa::apparmor {

// TEXT with common mistakes mended, line for line: headers without a brace, `flags(…)`, includes by their whole path, exec modes in rules
// that deny.
std::string as_meant(std::string_view text);

// The profiles of TEXT, compiled for FEATURES as it stands or else as it is meant; lines that apparmor_parser takes in no way are
// left out. Empty if nothing of it can be compiled.
Result<std::vector<Profile>> compile_as_meant(const Parser& parser, std::string_view text, const std::string& features);

}  // namespace aa::apparmor
