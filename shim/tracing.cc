// SPDX-License-Identifier: Apache-2.0
#include "shim/tracing.h"

#include <linux/capability.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "apparmor/kernel/profile_name.h"
#include "base/file.h"
#include "base/text.h"
#include "shim/observed.h"

namespace aa::shim {
namespace {

constexpr std::string_view kRemedy = "; let aa-shim trace processes (CAP_SYS_PTRACE, no Yama scope 3) and run unconfined";

bool is_stop(int signal) { return signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU; }

// Nothing where only our being there was its reason.
std::uintptr_t signal_of(int status) {
    return event_of(status) == 0 && !is_call(status) ? static_cast<std::uintptr_t>(WSTOPSIG(status)) : 0;
}

}  // namespace

Result<void> require_harmless_tracing(const apparmor::Kernel& kernel) {
    const auto self = observe(kernel, ::getpid(), false);
    if (!self) return Error{ErrorKind::system, "aa-shim could not look at itself"};
    if (!CapabilitySet(std::uint64_t{1} << CAP_SYS_PTRACE).subset_of(self->permitted))
        return Error{ErrorKind::denied, concat({"aa-shim has no CAP_SYS_PTRACE here", kRemedy})};
    const auto label = kernel.task_label(0);
    if (label && label->label != apparmor::kUnconfined && label->mode != apparmor::Mode::unconfined)
        return Error{ErrorKind::denied, concat({"aa-shim itself runs under the label ", quote(label->label), kRemedy})};
    return {};
}

Error trace_error(pid_t process, int problem) {
    auto error = errno_error("trace", concat({"process ", decimal(process)}), problem);
    if (problem != EPERM) return error;
    return {ErrorKind::denied, concat({error.message, kRemedy})};
}

pid_t tracer_of(pid_t task) {
    const auto observed = observe(apparmor::Kernel(), task, false);
    return observed ? observed->tracer : 0;
}

pid_t await_task(int& status) {
    pid_t task = 0;
    do {
        task = ::waitpid(-1, &status, __WALL);
    } while (task < 0 && errno == EINTR);
    return std::max(task, 0);
}

pid_t told_task(pid_t task) {
    unsigned long told = 0;
    return ::ptrace(PTRACE_GETEVENTMSG, task, nullptr, &told) == 0 ? static_cast<pid_t>(told) : 0;
}

int event_of(int status) { return status >> 16; }

bool is_call(int status) { return WSTOPSIG(status) == (SIGTRAP | 0x80); }

Result<bool> request_of(pid_t task, __ptrace_request request, std::uintptr_t data) {
    if (::ptrace(request, task, nullptr, data) == 0) return true;
    if (errno == ESRCH) return false;
    return trace_error(task, errno);
}

Result<bool> pass_on(pid_t task, int status, Until until) {
    if (event_of(status) == PTRACE_EVENT_STOP && is_stop(WSTOPSIG(status))) return request_of(task, PTRACE_LISTEN);
    return request_of(task, until == Until::call ? PTRACE_SYSCALL : PTRACE_CONT, signal_of(status));
}

Result<bool> detach(pid_t task, int status) { return request_of(task, PTRACE_DETACH, signal_of(status)); }

Result<void> release_process(pid_t process) {
    if (!TRY(request_of(process, PTRACE_INTERRUPT))) return {};
    int status = 0;
    // Its other threads stop or end meanwhile; while one of them has ended unseen, the first is not seen to end.
    while (const pid_t task = await_task(status)) {
        if (WIFSTOPPED(status)) TRY(detach(task, status));
        if (task == process) break;
    }
    return {};
}

}  // namespace aa::shim
