// SPDX-License-Identifier: Apache-2.0
#include "shim/exec_stop.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include "base/text.h"
#include "shim/process_tree.h"
#include "shim/tracing.h"

namespace aa::shim {
namespace {

constexpr unsigned kSeconds = 10;  // in which all threads are seized; who takes longer is stuck, and ends with what it has seized

// Seizes the tasks of PROCESS that are none of SEIZED; how many that were, -1 with errno if the kernel refuses.
int seize_new(pid_t process, Threads threads, std::uintptr_t options, std::vector<pid_t>& seized) {
    const auto tasks = threads == Threads::all ? threads_of(process) : std::vector<pid_t>{process};
    int count = 0;
    for (const pid_t task : tasks) {
        if (std::find(seized.begin(), seized.end(), task) != seized.end()) continue;
        if (::ptrace(PTRACE_SEIZE, task, nullptr, options) == 0) {
            seized.push_back(task);
            ++count;
            continue;
        }
        const int error = errno;
        if (error == EPERM && tracer_of(task) == ::getpid()) {
            seized.push_back(task);  // born of one that was seized, and so from its first moment
        } else if (error != ESRCH || task == process) {
            errno = error;
            return -1;
        }
    }
    return count;
}

}  // namespace

Result<ExecStop> ExecStop::seize(const apparmor::Kernel& kernel, pid_t process, Threads threads, Children children) {
    TRY(require_harmless_tracing(kernel));
    std::uintptr_t options = PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC | PTRACE_O_TRACECLONE;
    if (children == Children::seized) options |= PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK;
    ExecStop stop;
    (void)::signal(SIGALRM, SIG_DFL);
    (void)::alarm(kSeconds);
    int found = 0;
    do {
        found = seize_new(process, threads, options, stop.tasks_);
    } while (found > 0 && threads == Threads::all);
    (void)::alarm(0);
    if (found >= 0 && !stop.tasks_.empty()) return stop;
    if (!stop.tasks_.empty()) ::_exit(1);  // the kernel kills what was seized in part
    return trace_error(process, found < 0 ? errno : ESRCH);
}

Result<std::optional<pid_t>> ExecStop::await_exec() {
    int status = 0;
    while (const pid_t task = await_task(status)) {
        if (!WIFSTOPPED(status)) {
            forget(task);
            continue;
        }
        remember(task);
        if (event_of(status) != PTRACE_EVENT_EXEC) {
            TRY(pass_on(task, status));
            continue;
        }
        if (const pid_t former = told_task(task); former != task) forget(former);
        return std::optional(task);
    }
    return std::optional<pid_t>();
}

Result<void> ExecStop::let_go(pid_t process) {
    TRY(request_of(process, PTRACE_DETACH));
    forget(process);
    return {};
}

template <class Stopped>
Result<void> ExecStop::each_stop(Stopped stopped) {
    int status = 0;
    while (!tasks_.empty()) {
        const pid_t task = await_task(status);
        if (task == 0) {
            tasks_.clear();
        } else if (!WIFSTOPPED(status) || TRY(stopped(task, status))) {
            forget(task);
        } else {
            remember(task);
        }
    }
    return {};
}

Result<void> ExecStop::release() {
    for (const pid_t task : tasks_) TRY(request_of(task, PTRACE_INTERRUPT));
    return each_stop(detach);
}

void ExecStop::kill() {
    for (const pid_t task : tasks_) (void)::kill(task, SIGKILL);
    (void)each_stop([](pid_t task, int /*status*/) {
        (void)::kill(task, SIGKILL);  // one that was born meanwhile
        return Result(false);
    });
}

void ExecStop::remember(pid_t task) {
    if (std::find(tasks_.begin(), tasks_.end(), task) == tasks_.end()) tasks_.push_back(task);
}

void ExecStop::forget(pid_t task) { tasks_.erase(std::remove(tasks_.begin(), tasks_.end(), task), tasks_.end()); }

bool is_seized_by_us(pid_t process) {
    const auto tracer = tracer_of(process);
    struct stat theirs {};
    struct stat ours {};
    return tracer != 0 && ::stat(concat({"/proc/", decimal(tracer), "/exe"}).c_str(), &theirs) == 0 &&
           ::stat("/proc/self/exe", &ours) == 0 && theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
}

}  // namespace aa::shim
