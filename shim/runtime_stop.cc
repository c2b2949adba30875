// SPDX-License-Identifier: Apache-2.0
#include "shim/runtime_stop.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include "shim/tracing.h"
#include "shim/watched_process.h"

namespace aa::shim {
namespace {

// Of the runtime, and of what it makes outside the container: that may make the container's process by any thread.
constexpr std::uintptr_t kOutside = PTRACE_O_TRACEEXEC | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK;
// In the container. Its threads are none of ours: each would cost two stops.
constexpr std::uintptr_t kInside = PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK;

bool makes_task(int event) { return event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK || event == PTRACE_EVENT_CLONE; }

}  // namespace

Result<RuntimeStop> RuntimeStop::seize(const apparmor::Kernel& kernel, pid_t runtime) {
    TRY(require_harmless_tracing(kernel));
    if (::ptrace(PTRACE_SEIZE, runtime, nullptr, kOutside | PTRACE_O_EXITKILL) != 0) return trace_error(runtime, errno);
    RuntimeStop stop;
    stop.runtime_ = runtime;
    stop.outside_ = mount_namespace(runtime);
    return stop;
}

Result<std::optional<pid_t>> RuntimeStop::await_program() {
    int status = 0;
    while (!is_done()) {
        const pid_t task = await_task(status);
        if (task == 0) break;
        if (!WIFSTOPPED(status)) {
            forget(task);
            if (task == runtime_) TRY(leave_outside());
            continue;
        }
        TRY(follow(task, status));
        const bool inside = !is_of_runtime(task) && remember(task).is_inside;
        if (event_of(status) == PTRACE_EVENT_EXEC && inside) return std::optional(task);
        if (has_ended_ && !inside) {
            TRY(detach(task, status));
            forget(task);
        } else {
            TRY(pass_on(task, status));
        }
    }
    return std::optional<pid_t>();
}

Result<void> RuntimeStop::follow(pid_t task, int status) {
    bool inside = false;
    if (task != runtime_) {
        auto& seized = remember(task);
        const bool is_new = event_of(status) == PTRACE_EVENT_STOP;
        if (!seized.is_inside && !is_of_runtime(task)) seized.is_inside = is_inside(task);
        inside = seized.is_inside;
        // A task begins with the options of who has made it. The runtime's death is its threads', too.
        if (inside) {
            TRY(request_of(task, PTRACE_SETOPTIONS, kInside));
        } else if (is_new) {
            TRY(request_of(task, PTRACE_SETOPTIONS, kOutside));
        }
    }
    const int event = event_of(status);
    if (!makes_task(event) && event != PTRACE_EVENT_EXEC) return {};
    const pid_t told = told_task(task);
    if (event == PTRACE_EVENT_EXEC && told != task) forget(told);
    if (event == PTRACE_EVENT_EXEC || told == 0) return {};
    // This one may be seen to end before its child is seen to be there.
    auto& child = remember(told);
    child.is_inside = child.is_inside || inside;
    return {};
}

Result<void> RuntimeStop::let_go(pid_t program) {
    TRY(request_of(program, PTRACE_DETACH));
    forget(program);
    has_program_ = true;
    return {};
}

void RuntimeStop::kill(pid_t program) {
    (void)::kill(program, SIGKILL);
    forget(program);
}

Result<void> RuntimeStop::leave() {
    if (has_ended_) return {};
    return release_process(runtime_);
}

Result<void> RuntimeStop::leave_outside() {
    has_ended_ = true;
    for (const auto& seized : seized_) {
        if (!seized.is_inside) TRY(request_of(seized.task, PTRACE_INTERRUPT));
    }
    return {};
}

bool RuntimeStop::is_done() const {
    return has_program_ && std::none_of(seized_.begin(), seized_.end(), [](const Seized& one) { return one.is_inside; });
}

bool RuntimeStop::is_of_runtime(pid_t task) const { return !has_ended_ && ::syscall(SYS_tgkill, runtime_, task, 0) == 0; }

bool RuntimeStop::is_inside(pid_t task) {
    // One that has ended, and is not seen to have, has none.
    if (auto now = has_ended_ ? std::string() : mount_namespace(runtime_); !now.empty()) outside_ = std::move(now);
    const auto there = mount_namespace(task);
    return !there.empty() && there != outside_;
}

RuntimeStop::Seized& RuntimeStop::remember(pid_t task) {
    const auto known = std::find_if(seized_.begin(), seized_.end(), [task](const Seized& one) { return one.task == task; });
    return known != seized_.end() ? *known : seized_.emplace_back(Seized{task, false});
}

void RuntimeStop::forget(pid_t task) {
    seized_.erase(std::remove_if(seized_.begin(), seized_.end(), [task](const Seized& one) { return one.task == task; }), seized_.end());
}

}  // namespace aa::shim
