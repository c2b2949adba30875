// SPDX-License-Identifier: Apache-2.0
//
// runc's command line as its three generations of parser read it: urfave/cli v1.22.1 (runc 1.1), v1.22.14 and later (1.2
// to 1.5), and v3. A reading is only given when all three agree on it.
#pragma once

#include "oci/command_line/reading.h"

namespace aa::oci {

// TOKEN as it stands before the command.
GlobalToken classify_runc_global(std::string_view token);

// The arguments of COMMAND, which begin at FIRST. A fault if any generation has one, or if they disagree.
Reading read_runc(Arguments arguments, std::uint32_t first, Command command);

}  // namespace aa::oci
