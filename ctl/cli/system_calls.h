// SPDX-License-Identifier: Apache-2.0
//
// Which system calls a command of aa-shimctl keeps. A command that only reads is filtered by seccomp before it reads what others
// wrote: what could change the host, another process or the kernel is out of reach of a mistake in a parser, and so of the programs
// that it runs, which inherit the filter. It forbids by name and allows the rest: what a reader needs is up to libc and to other
// people's programs (apparmor_parser, journalctl, dot).
#pragma once

#include "base/result.h"
#include "ctl/cli/privileges.h"

namespace aa::ctl {

enum class SystemCalls {
    all,          // it changes the host: no filter
    watches,      // reads, and the kernel's messages come over AF_NETLINK
    reads,        // and runs programs for that, which may speak to others of the host (AF_UNIX)
    reads_alone,  // runs no program, and speaks to none
};

// Which of them TASK keeps.
SystemCalls system_calls_of(Task task);

// Gives up all but KEPT, with libseccomp, for good: an error means that it has to end here. Needs no-new-privileges (keep_only() of
// privileges.h). A call that no reader and none of its programs makes ends the process. What a library may try, and get along without, is
// refused with EPERM: other sockets, other user IDs, namespaces, and io_uring, whose requests no filter sees (io_uring_setup(2)).
Result<void> keep_only(SystemCalls kept);

}  // namespace aa::ctl
