// SPDX-License-Identifier: Apache-2.0
//
// Which process an exec became. Its runtime says so in a file that the engine names and takes away with the process, and nothing on record tells it
// later: what a command was denied that ended at once is known to be that exec's by its number alone (`aa-shimctl denials`). That
// costs a process and a record for each exec, health checks among them, so the catalog has to ask for it ("logExecProcesses").
#pragma once

#include "shim/call.h"
#include "shim/log/trace.h"

namespace aa::shim {

// Leaves a process behind that logs the number of what CALL, an exec that was decided as TRACE says, starts; it ends with the runtime. If the
// catalog does not ask for it, there is no file (--pid-file), or nobody can be left behind, nothing is logged: an exec does not fail for that.
void tell_exec_process(const Call& call, const Trace& trace);

}  // namespace aa::shim
