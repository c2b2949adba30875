// SPDX-License-Identifier: Apache-2.0
//
// crun's command line as glibc's argp reads it with ARGP_IN_ORDER: abbreviated names, attached and clustered short
// options, and no option after the first positional.
#pragma once

#include "oci/command_line/reading.h"

namespace aa::oci {

// TOKEN as it stands before the command.
GlobalToken classify_crun_global(std::string_view token);

// The arguments of COMMAND, which begin at FIRST. Reading ends at an option that prints something and exits.
Reading read_crun(Arguments arguments, std::uint32_t first, Command command);

}  // namespace aa::oci
