// SPDX-License-Identifier: Apache-2.0
//
// A runtime that restores a container, traced from before it is one (ptrace(2)), so that CRIU stops when it is about to let the first of the
// restored processes run on. CRIU has given all of them, which it holds until then, what the checkpoint says, their credentials last (CRIU
// criu/cr-restore.c, restore_root_task and finalize_restore_detach); what it traces nobody else can, so it is CRIU that is stopped.
//
// After an error of a member a task stands still: the restore cannot go on, and has to be ended.
//
// CRIU is known by what it does: a program that the runtime executes, and that lets go of a process of another mount namespace, which is its
// own child or the runtime's.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <vector>

#include "apparmor/kernel/kernel.h"
#include "base/result.h"

namespace aa::shim {

class RestoreStop {
public:
    // Seizes RUNTIME, a process of one thread that has to become the runtime yet. An error as of RuntimeStop::seize.
    static Result<RestoreStop> seize(const apparmor::Kernel& kernel, pid_t runtime);

    // Waits until CRIU stands before it lets the first process of a container go, and tells that process, from which the others descend. Nothing
    // if the runtime has ended, or none of the programs that it has executed runs and IS_RESTORED all the same.
    Result<std::optional<pid_t>> await_restored(const std::function<bool()>& is_restored);

    // Lets CRIU, if it stands, and the runtime go. What else is seized is let go when the caller ends.
    Result<void> release();

private:
    [[nodiscard]] bool is_program(pid_t task) const;
    // What TASK, which has stopped with STATUS, is from now on.
    Result<void> follow(pid_t task, int status);
    // The process that PROGRAM, which stands before a system call, would let run by it in a container; 0 if it would not.
    [[nodiscard]] pid_t released_by(pid_t program) const;

    pid_t runtime_ = 0;
    pid_t criu_ = 0;
    std::vector<pid_t> programs_;  // that the runtime has executed, and that have not ended
};

}  // namespace aa::shim
