// SPDX-License-Identifier: Apache-2.0
//
// What one catalog, or one profile, gains and loses against another, ready to be printed.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "ctl/cli/output.h"

namespace aa::ctl {

struct Comparison {
    bool gains = false;
    Json document;
    std::vector<std::string> lines;
    std::vector<std::string> broken;  // profile files that were left out, and why
};

// The catalog in DIRECTORY against the one in force: what `diff` tells, which has it (ctl/diff/catalogs.cc), and `load --dry-run`.
Result<Comparison> compare_with_in_force(const std::string& directory);

}  // namespace aa::ctl
