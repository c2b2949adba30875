// SPDX-License-Identifier: Apache-2.0
//
// Who it was that was refused. A call may be refused before anything is known of its container, and its record is the one that people
// look for: so what is missing in it is found out then, as far as it can be. Nothing is decided here, and nothing fails.
#pragma once

#include <string_view>

#include "base/result.h"
#include "oci/command_line/command_line.h"
#include "shim/log/trace.h"

namespace aa::shim {

// Adds to TRACE who the container of LINE is, a call by the name PROGRAM of a runtime of KIND, unless that is known.
void trace_refused(const oci::CommandLine& line, oci::RuntimeKind kind, std::string_view program, Trace& trace);

}  // namespace aa::shim
