// SPDX-License-Identifier: Apache-2.0
//
// A process, or all that a runtime makes, that stops at its next execve(2), before the first instruction of what it then executes (ptrace(2)).
// Until then it runs as if nobody traced it: signals and stops reach it as they are.
//
// If who has seized it ends before it is let go, the kernel kills it (PTRACE_O_EXITKILL); not so the runtime itself.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
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

    // Seizes RUNTIME, a process of one thread that has to become the runtime yet, and so each process that it makes, from its first moment. Only
    // what they execute in another mount namespace than ours, as in a container, stops. Once one of them has entered such a namespace, the
    // runtime is let go, and what it makes later is not seized; once one has executed a program there, or the runtime has ended, so are
    // those that are outside. Nor are the threads of those processes seized: one that executes a program in place of its process escapes.
    // Errors as above.
    static Result<ExecStop> seize_runtime(const apparmor::Kernel& kernel, pid_t runtime);

    // Waits until one of them stands behind its execve(2), and tells which; nothing once none is seized any more.
    std::optional<pid_t> await_exec();

    // The tasks that are seized; a runtime is none of them.
    [[nodiscard]] const std::vector<pid_t>& tasks() const { return tasks_; }

    // Lets PROCESS, which stands there, go on without a tracer.
    void let_go(pid_t process);

    // Lets all of them go, who run.
    void release();

    // Kills all of them, and returns when they have ended.
    void kill();

private:
    // Calls STOPPED with each task that stops and its status, until all have ended or STOPPED has let them go.
    template <class Stopped>
    void each_stop(Stopped stopped);

    // Whether TASK was not known.
    bool remember(pid_t task);
    void forget(pid_t task);

    [[nodiscard]] bool is_of_runtime(pid_t task) const;
    [[nodiscard]] bool is_in_container(pid_t task) const;
    // What TASK, none of a runtime's own, which has stopped with STATUS, tells of itself and its child.
    void follow(pid_t task, int status);
    // Has TASK, which has stopped with STATUS, go on as it would if nobody traced it.
    void pass_on(pid_t task, int status);
    // Who is outside is awaited no longer.
    void leave_outside();

    std::vector<pid_t> tasks_;
    pid_t runtime_ = 0;       // if that is seized
    std::string outside_;     // its mount namespace
    bool is_inside_ = false;  // one of its processes has entered another
    bool leaves_outside_ = false;
};

// Whether another process of this very program has seized PROCESS.
bool is_seized_by_us(pid_t process);

}  // namespace aa::shim
