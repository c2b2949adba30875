// SPDX-License-Identifier: Apache-2.0
//
// A refused exec as its engine sees a command that was started and ended at once: a message on its standard error, and an exit status.
// So a probe fails, where an error of the runtime would leave it without a result.
//
// Nothing of it is in the container: the process that the engine takes for the command is a child of aa-shim, which can do nothing but
// write, and end. Engines find an exec's process by its number and as its reaper (Linux, PR_SET_CHILD_SUBREAPER), wherever it runs.
#pragma once

#include <string_view>

#include "base/result.h"
#include "oci/command_line/command_line.h"

namespace aa::shim {

// Makes MESSAGE and the status kMayNotBeExecuted what becomes of the command of LINE, an exec: on the terminal that the engine waits for,
// else on standard error. Returns aa-shim's own exit code: the status itself, or 0 where a detached command has it. An error if the engine
// could not be given a command; it has seen none then.
Result<int> end_command(std::string_view message, const oci::CommandLine& line);

}  // namespace aa::shim
