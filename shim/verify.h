// SPDX-License-Identifier: Apache-2.0
//
// Proof at the start: what the kernel really gave the container's first process, or an exec's, compared with the decision before that executes the
// first instruction of its program. A runtime's write of the label can be diverted (CVE-2019-16884, CVE-2023-28642, CVE-2025-52881) and then succeeds
// without effect; a mismatch ends the container or the exec, and is logged.
//
// Who watches is a process of its own: the caller goes on to become the runtime, pid and all. It holds nothing of the caller's but its place
// in a control group, and ends as soon as that process has obeyed or ended, or it is sure that none comes.
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

// The same for `run`, after which a container's first process must obey DECISION, as must whatever else the runtime executes in it. The
// runtime itself is traced until then, so that it is compared before its first instruction; not where the container has hooks, which are programs
// of the runtime's, or no mount namespace of its own: there the runtime's state has to tell of the process in time, else it is compared afterwards. It is killed for its
// mounts, too, where these are seen before. An error: nobody could be left behind to watch.
Result<void> watch_run(const Call& call, const Decision& decision);

// For `exec`, decided as TRACE says: what the runtime executes in the container must obey the bounds of BINDS, from whose profile it begins. It is compared
// before its first instruction as in a run, and killed if it differs. Where the kernel does not let us trace the runtime it is compared afterwards, if that
// names its process to the caller (--pid-file). Which process it is, is logged where TRACE asks for it. An error as above.
Result<void> watch_exec(const Call& call, const BoundExec& binds, const Trace& trace);

// For `restore`: has all processes and threads of the container compared with DECISION while CRIU, which gives them their credentials last, still holds
// them, and killed if they differ, before they run on. Where that is not seen (RestoreStop) they are compared once the runtime knows them, and
// killed unless they obey soon. An error as above.
Result<void> watch_restore(const Call& call, const Decision& decision);

}  // namespace aa::shim
