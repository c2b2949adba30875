// SPDX-License-Identifier: Apache-2.0
//
// Many files of profiles, compiled at once. For aa-shimctl only.
#pragma once

#include <string>
#include <vector>

#include "apparmor/policy/policy.h"
#include "apparmor/source/parser_process.h"
#include "base/result.h"

namespace aa::apparmor {

// What compile_files() says of each of FILES by itself, in their order; the parser is run once for all that it takes, and uses all
// processors.
std::vector<Result<std::vector<Profile>>> compile_each(const Parser& parser, const std::vector<std::string>& files,
                                                       const std::string& features);

}  // namespace aa::apparmor
