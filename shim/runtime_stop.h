// SPDX-License-Identifier: Apache-2.0
//
// A runtime, traced from before it is one (ptrace(2)), so that what it executes in a container stops behind its execve(2), before the first
// instruction. Until then it runs as if nobody traced it: signals and stops reach it as they are.
//
// The container is known by its mount namespace, which is another than the runtime's own, wherever that goes itself. If who has seized the runtime
// ends before it has let go, the kernel kills the runtime and what it has made in the container (PTRACE_O_EXITKILL). That is what is left to do after
// an error of a member: a task stands still.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "apparmor/kernel/kernel.h"
#include "base/result.h"

namespace aa::shim {

class RuntimeStop {
public:
    // Seizes RUNTIME, a process of one thread that has to become the runtime yet, and so all that it makes, each from its first moment. In the
    // container only the first threads of processes are seized: a program that another thread executes escapes. An error: the kernel does
    // not let us, or an exec that we trace would end otherwise (both are `denied`); or it could not be done.
    static Result<RuntimeStop> seize(const apparmor::Kernel& kernel, pid_t runtime);

    // Waits until a process stands behind its execve(2) in the container, and tells which. Nothing once a program was let go and no other process
    // of the runtime's is in the container, or all have ended.
    Result<std::optional<pid_t>> await_program();

    // Lets PROGRAM, which stands there, go on without a tracer, or kills it.
    Result<void> let_go(pid_t program);
    void kill(pid_t program);

    // Lets the runtime go. What else is seized, all of it outside the container, is let go when the caller ends.
    Result<void> leave();

private:
    struct Seized {
        pid_t task;
        bool is_inside;  // in the container
    };

    [[nodiscard]] bool is_of_runtime(pid_t task) const;
    [[nodiscard]] bool is_inside(pid_t task);
    [[nodiscard]] bool is_done() const;
    Seized& remember(pid_t task);
    void forget(pid_t task);
    // What TASK, which has stopped with STATUS, tells of itself and its child.
    Result<void> follow(pid_t task, int status);
    // The runtime has ended: who is not in the container is awaited no longer.
    Result<void> leave_outside();

    pid_t runtime_ = 0;
    bool has_ended_ = false;      // the runtime
    bool has_program_ = false;    // one was let go
    std::string outside_;         // the mount namespace in which the runtime was seen last
    std::vector<Seized> seized_;  // the runtime's own threads but the first among them
};

}  // namespace aa::shim
