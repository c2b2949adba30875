// SPDX-License-Identifier: Apache-2.0
//
// What must hold before the command line is read.
#pragma once

#include "base/result.h"
#include "ctl/cli/command.h"

namespace aa::ctl {

// Makes sure that descriptors 0 to 2 are open, so that no file of ours is taken for one of them; says so and returns false if it cannot.
bool open_standard_descriptors();

// An error, with the nearest command there is, unless the first word is a command of APP: CLI11 would print the help of APP itself for
// `instal --help`.
Result<void> check_command(const CLI::App& app, int argc, char** argv);

}  // namespace aa::ctl
