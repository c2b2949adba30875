// SPDX-License-Identifier: Apache-2.0
#include "shim/restore_stop.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <ctime>

#include "shim/observed.h"
#include "shim/tracing.h"
#include "shim/watched_process.h"

namespace aa::shim {
namespace {

// Of the runtime, and of what it makes until that executes a program.
constexpr std::uintptr_t kRuntime = PTRACE_O_TRACEEXEC | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK;
// Of a program: CRIU has to trace what it makes itself.
constexpr std::uintptr_t kProgram = PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD;

constexpr long kPause = 10'000'000;  // nanoseconds between two questions whether it is restored while nothing stops

// The kernel tells a tracer of its tasks by SIGCHLD, which stays pending while it is blocked.
sigset_t news() {
    sigset_t signals;
    ::sigemptyset(&signals);
    ::sigaddset(&signals, SIGCHLD);
    return signals;
}

}  // namespace

Result<RestoreStop> RestoreStop::seize(const apparmor::Kernel& kernel, pid_t runtime) {
    TRY(require_harmless_tracing(kernel));
    const sigset_t blocked = news();
    (void)::sigprocmask(SIG_BLOCK, &blocked, nullptr);
    if (::ptrace(PTRACE_SEIZE, runtime, nullptr, kRuntime | PTRACE_O_EXITKILL) != 0) return trace_error(runtime, errno);
    RestoreStop stop;
    stop.runtime_ = runtime;
    return stop;
}

Result<std::optional<pid_t>> RestoreStop::await_restored(const std::function<bool()>& is_restored) {
    const sigset_t awaited = news();
    const struct timespec pause { 0, kPause };
    int status = 0;
    while (true) {
        const pid_t task = ::waitpid(-1, &status, __WALL | WNOHANG);
        if (task < 0) break;
        if (task == 0) {
            if (programs_.empty() && is_restored()) break;
            (void)::sigtimedwait(&awaited, nullptr, &pause);
        } else if (!WIFSTOPPED(status)) {
            std::erase(programs_, task);
            if (task == runtime_) break;
        } else {
            TRY(follow(task, status));
            const pid_t process = is_call(status) ? released_by(task) : 0;
            if (process != 0) {
                criu_ = task;
                return std::optional(process);
            }
            TRY(pass_on(task, status, is_program(task) ? Until::call : Until::event));
        }
    }
    return std::optional<pid_t>();
}

Result<void> RestoreStop::release() {
    if (criu_ != 0) TRY(request_of(criu_, PTRACE_DETACH));
    return release_process(runtime_);
}

Result<void> RestoreStop::follow(pid_t task, int status) {
    if (task == runtime_) return {};
    const int event = event_of(status);
    if (event == PTRACE_EVENT_EXEC) {
        if (!is_program(task)) programs_.push_back(task);
        TRY(request_of(task, PTRACE_SETOPTIONS, kProgram));
    } else if (event == PTRACE_EVENT_STOP && !is_program(task)) {
        // A task begins with the options of who has made it. The runtime's death is its threads', too.
        TRY(request_of(task, PTRACE_SETOPTIONS, kRuntime));
    }
    return {};
}

pid_t RestoreStop::released_by(pid_t program) const {
    struct __ptrace_syscall_info call {};
    if (::ptrace(PTRACE_GET_SYSCALL_INFO, program, sizeof call, &call) <= 0) return 0;
    if (call.op != PTRACE_SYSCALL_INFO_ENTRY || call.entry.nr != SYS_ptrace || call.entry.args[0] != PTRACE_DETACH) return 0;
    const auto process = static_cast<pid_t>(call.entry.args[1]);
    const auto there = mount_namespace(process);
    if (there.empty() || there == mount_namespace(program)) return 0;
    const auto observed = observe(apparmor::Kernel(), process, false);
    return observed && (observed->parent == runtime_ || observed->parent == program) ? process : 0;
}

bool RestoreStop::is_program(pid_t task) const { return std::find(programs_.begin(), programs_.end(), task) != programs_.end(); }

}  // namespace aa::shim
