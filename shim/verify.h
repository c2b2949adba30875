// SPDX-License-Identifier: Apache-2.0
//
// Proof at the start: what the kernel really gave the container's first process, compared with the decision before that executes the first
// instruction of its program. A runtime's write of the label can be diverted (CVE-2019-16884, CVE-2023-28642, CVE-2025-52881) and then succeeds
// without effect; a mismatch ends the container and is logged.
//
// Who watches is a process of its own: the caller goes on to become the runtime, pid and all. It holds nothing of the caller's but its place
// in a control group, and ends as soon as the first process has obeyed or ended, or it is sure that none comes.
#pragma once

#include "base/result.h"
#include "shim/call.h"

namespace aa::shim {

// For `start` of a container whose record binds it: sees that what the runtime has mounted is what was judged, and has its first process
// stopped and compared when it executes its program, however long the runtime's own steps and hooks take until then. Where the kernel
// does not let us, it is compared as soon as it has executed its program, with all that descends from it, and killed if that does not obey (or,
// where nobody can tell whether it has, not within ten seconds). Nothing is done where there is no record. An error, which is logged: another
// place of the host is mounted, there is a record that aa-shim did not make, one of the two cannot be told, or nobody could be left behind to
// watch.
Result<void> watch_start(const Call& call);

// The same for `run`, after which a container's first process must obey DECISION: before its first instruction if the runtime's state tells of it
// in time, else afterwards. It is killed for its mounts, too, where these are seen before. An error: nobody could be left behind to watch.
Result<void> watch_run(const Call& call, const Decision& decision);

// For `restore`: has all processes and threads of the container compared with DECISION once the runtime knows them, and killed unless they
// obey it soon. CRIU gives its processes their credentials last, so a few moments are left to it. An error as above.
Result<void> watch_restore(const Call& call, const Decision& decision);

}  // namespace aa::shim
