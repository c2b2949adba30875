// SPDX-License-Identifier: Apache-2.0
//
// A process that stops at its next execve(2), before the first instruction of what it then executes (ptrace(2)). Until then it runs as if
// nobody traced it: signals and stops reach it as they are.
//
// If who has seized it ends before it is let go, the kernel kills it (PTRACE_O_EXITKILL). That is what is left to do after an error of a member: it
// stands still.
#pragma once

#include <sys/types.h>

#include <optional>
#include <vector>

#include "apparmor/kernel/kernel.h"
#include "base/result.h"

namespace aa::shim {

// Which of its threads are seized: all, or only the first. A thread that executes a program while others are being seized waits for ever for
// them to be reaped, so all are for a process that waits.
enum class Threads { all, first };

// What becomes of the processes that it makes: they stop at their execve(2), too, or nothing.
enum class Children { seized, left_alone };

class ExecStop {
public:
    // Seizes PROCESS. An error: the kernel does not let us, or an exec that we trace would end otherwise than one that nobody does (both are
    // `denied`); or it could not be done.
    static Result<ExecStop> seize(const apparmor::Kernel& kernel, pid_t process, Threads threads, Children children);

    // Waits until one of them stands behind its execve(2), and tells which; nothing once none is seized any more.
    Result<std::optional<pid_t>> await_exec();

    // The tasks that are seized.
    [[nodiscard]] const std::vector<pid_t>& tasks() const { return tasks_; }

    // Lets PROCESS, which stands there, go on without a tracer.
    Result<void> let_go(pid_t process);

    // Lets all of them go, who run.
    Result<void> release();

    // Kills all of them, and returns when they have ended.
    void kill();

private:
    // Calls STOPPED with each task that stops and its status, until all have ended or STOPPED has let them go.
    template <class Stopped>
    Result<void> each_stop(Stopped stopped);

    void remember(pid_t task);
    void forget(pid_t task);

    std::vector<pid_t> tasks_;
};

// Whether another process of this very program has seized PROCESS.
bool is_seized_by_us(pid_t process);

}  // namespace aa::shim
