// SPDX-License-Identifier: Apache-2.0
//
// Help, and words on the command line that mean nothing.
#pragma once

#include <string_view>

#include "base/result.h"
#include "ctl/cli/command.h"

namespace aa::ctl {

// An error, with the nearest command there is, unless the first word is a command of APP: CLI11 would print the help of APP itself for
// `instal --help`.
Result<void> check_command(const CLI::App& app, int argc, char** argv);

// The error for words that APP, which has read the command line, did not expect: it names the first, and the nearest option there is.
Error unexpected_word(const CLI::App& app);

// The error for what CLI11 says (PROBLEM) of a command line that APP has read: a value that is missing or of another type, and the like.
Error wrong_command_line(const CLI::App& app, std::string_view problem);

// Registers `help [COMMAND]`, for what people type before they know of --help.
void add_help(CLI::App& app, Context& context);

}  // namespace aa::ctl
