// SPDX-License-Identifier: Apache-2.0
//
// What who traces tasks needs of ptrace(2), for those that are to run as if nobody traced them.
#pragma once

#include <sys/ptrace.h>
#include <sys/types.h>

#include <cstdint>

#include "apparmor/kernel/kernel.h"
#include "base/result.h"

namespace aa::shim {

// An error, of kind denied, where an exec that we trace would end otherwise than one that nobody does: a tracer without CAP_SYS_PTRACE has the
// kernel take set-user-ID from what is executed (commoncap.c, cap_bprm_creds_from_file); a confined one needs rules for every label
// (security/apparmor/domain.c, may_change_ptraced_domain), or the execve(2) fails.
Result<void> require_harmless_tracing(const apparmor::Kernel& kernel);

// Why PROCESS could not be traced, by the number PROBLEM (errno): denied where the kernel does not let us.
Error trace_error(pid_t process, int problem);

// Who traces TASK; 0 if nobody does, or it is gone.
pid_t tracer_of(pid_t task);

// The next task of ours that stops or ends, and how (waitpid(2)); 0 once there is none.
pid_t await_task(int& status);

// The task of which the event tells for which TASK has stopped: its child, or, of an execve(2), the thread that executed, which has its process's
// number now; 0 if it tells of none.
pid_t told_task(pid_t task);

// The event (PTRACE_EVENT_…) for which a task has stopped with STATUS (waitpid(2)); 0: a signal.
int event_of(int status);

// Whether STATUS is that of a task before or behind a system call (PTRACE_O_TRACESYSGOOD).
bool is_call(int status);

// Has the kernel do REQUEST, with DATA, to TASK, which is traced by us; false if that has ended. After an error, who is stopped stands still until
// its tracer ends.
Result<bool> request_of(pid_t task, __ptrace_request request, std::uintptr_t data = 0);

// What a task runs on to: the next event, or the next system call, too.
enum class Until { event, call };

// Has TASK, which has stopped with STATUS, go on as it would if nobody traced it: with the signal for which it has stopped, or stopped with its whole
// process; still traced, or not any more. False and an error as above.
Result<bool> pass_on(pid_t task, int status, Until until = Until::event);
Result<bool> detach(pid_t task, int status);

// Lets all threads of PROCESS go, which runs and whose first one we trace, and what else stops meanwhile. An error as above.
Result<void> release_process(pid_t process);

}  // namespace aa::shim
