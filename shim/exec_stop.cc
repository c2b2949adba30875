// SPDX-License-Identifier: Apache-2.0
#include "shim/exec_stop.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include "apparmor/kernel/profile_name.h"
#include "base/file.h"
#include "base/text.h"
#include "shim/observed.h"
#include "shim/process_tree.h"
#include "shim/watched_process.h"

namespace aa::shim {
namespace {

constexpr unsigned kSeconds = 10;  // in which all threads are seized; who takes longer is stuck, and ends with what it has seized

// A tracer without CAP_SYS_PTRACE has the kernel take set-user-ID from what is executed (commoncap.c, cap_bprm_creds_from_file); a confined
// one needs rules for every label (security/apparmor/domain.c, may_change_ptraced_domain), or the execve(2) fails.
Result<void> require_harmless(const apparmor::Kernel& kernel) {
    const auto self = observe(kernel, ::getpid(), false);
    if (!self) return Error{ErrorKind::system, "aa-shim could not look at itself"};
    if (!CapabilitySet(std::uint64_t{1} << CAP_SYS_PTRACE).subset_of(self->permitted))
        return Error{ErrorKind::denied, "aa-shim has no CAP_SYS_PTRACE here"};
    const auto label = kernel.task_label(0);
    if (label && label->label != apparmor::kUnconfined && label->mode != apparmor::Mode::unconfined)
        return Error{ErrorKind::denied, concat({"aa-shim itself runs under the label ", quote(label->label)})};
    return {};
}

// The number of who traces TASK; 0 if nobody does.
pid_t tracer_of(pid_t task) {
    const auto observed = observe(apparmor::Kernel(), task, false);
    return observed ? observed->tracer : 0;
}

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

bool is_stop(int signal) { return signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU; }

int event_of(int status) { return status >> 16; }

// What a task that has stopped with STATUS is to be given when it goes on: the signal for which it has; 0 where that is nothing but our being there.
std::uintptr_t signal_of(int status) { return event_of(status) == 0 ? static_cast<std::uintptr_t>(WSTOPSIG(status)) : 0; }

Error trace_error(pid_t process, int problem) {
    auto error = errno_error("trace", concat({"process ", decimal(process)}), problem);
    if (problem == EPERM) error.kind = ErrorKind::denied;
    return error;
}

}  // namespace

Result<ExecStop> ExecStop::seize(const apparmor::Kernel& kernel, pid_t process, Threads threads, Children children) {
    TRY(require_harmless(kernel));
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

Result<ExecStop> ExecStop::seize_runtime(const apparmor::Kernel& kernel, pid_t runtime) {
    TRY(require_harmless(kernel));
    constexpr std::uintptr_t kOptions = PTRACE_O_TRACEEXEC | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK;
    if (::ptrace(PTRACE_SEIZE, runtime, nullptr, kOptions) != 0) return trace_error(runtime, errno);
    ExecStop stop;
    stop.runtime_ = runtime;
    stop.outside_ = mount_namespace(runtime);
    return stop;
}

std::optional<pid_t> ExecStop::await_exec() {
    while (!is_inside_ || !tasks_.empty()) {
        int status = 0;
        const pid_t task = ::waitpid(-1, &status, __WALL);
        if (task < 0 && errno == EINTR) continue;
        if (task < 0) return std::nullopt;
        if (!WIFSTOPPED(status)) {
            forget(task);
            if (task == runtime_) leave_outside();
            continue;
        }
        if (!is_of_runtime(task)) follow(task, status);
        if (event_of(status) != PTRACE_EVENT_EXEC || (runtime_ != 0 && !is_in_container(task))) {
            pass_on(task, status);
            continue;
        }
        is_inside_ = runtime_ != 0;
        if (is_inside_) leave_outside();
        // It has its process's number now, whichever thread of that it was.
        unsigned long former = 0;
        if (::ptrace(PTRACE_GETEVENTMSG, task, nullptr, &former) == 0 && static_cast<pid_t>(former) != task)
            forget(static_cast<pid_t>(former));
        return task;
    }
    return std::nullopt;
}

void ExecStop::follow(pid_t task, int status) {
    const bool is_new = remember(task);
    if (runtime_ == 0) return;
    if (is_new)
        (void)::ptrace(PTRACE_SETOPTIONS, task, nullptr, PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK);
    if (event_of(status) != PTRACE_EVENT_FORK && event_of(status) != PTRACE_EVENT_VFORK) return;
    // This one may be seen to end before its child is seen to be there.
    unsigned long child = 0;
    if (::ptrace(PTRACE_GETEVENTMSG, task, nullptr, &child) == 0) (void)remember(static_cast<pid_t>(child));
    is_inside_ = is_inside_ || is_in_container(task);
}

void ExecStop::leave_outside() {
    leaves_outside_ = true;
    for (const pid_t task : tasks_) {
        if (!is_in_container(task)) (void)::ptrace(PTRACE_INTERRUPT, task, nullptr, nullptr);
    }
}

void ExecStop::pass_on(pid_t task, int status) {
    if ((is_inside_ && is_of_runtime(task)) || (leaves_outside_ && !is_in_container(task))) {
        (void)::ptrace(PTRACE_DETACH, task, nullptr, signal_of(status));
        forget(task);
    } else if (event_of(status) == PTRACE_EVENT_STOP && is_stop(WSTOPSIG(status))) {
        (void)::ptrace(PTRACE_LISTEN, task, nullptr, nullptr);
    } else {
        (void)::ptrace(PTRACE_CONT, task, nullptr, signal_of(status));
    }
}

void ExecStop::let_go(pid_t process) {
    (void)::ptrace(PTRACE_DETACH, process, nullptr, nullptr);
    forget(process);
}

template <class Stopped>
void ExecStop::each_stop(Stopped stopped) {
    while (!tasks_.empty()) {
        int status = 0;
        const pid_t task = ::waitpid(-1, &status, __WALL);
        if (task < 0 && errno == EINTR) continue;
        if (task < 0) return tasks_.clear();
        if (WIFSTOPPED(status) && is_of_runtime(task)) {
            (void)::ptrace(PTRACE_DETACH, task, nullptr, signal_of(status));
        } else if (!WIFSTOPPED(status) || stopped(task, status)) {
            forget(task);
        } else {
            remember(task);
        }
    }
}

void ExecStop::release() {
    for (const pid_t task : tasks_) (void)::ptrace(PTRACE_INTERRUPT, task, nullptr, nullptr);
    each_stop([](pid_t task, int status) { return ::ptrace(PTRACE_DETACH, task, nullptr, signal_of(status)) == 0; });
}

void ExecStop::kill() {
    for (const pid_t task : tasks_) (void)::kill(task, SIGKILL);
    each_stop([](pid_t task, int /*status*/) {
        (void)::kill(task, SIGKILL);  // one that was born meanwhile
        return false;
    });
}

bool ExecStop::remember(pid_t task) {
    if (std::find(tasks_.begin(), tasks_.end(), task) != tasks_.end()) return false;
    tasks_.push_back(task);
    return true;
}

bool ExecStop::is_in_container(pid_t task) const { return mount_namespace(task) != outside_; }

bool ExecStop::is_of_runtime(pid_t task) const { return runtime_ != 0 && ::syscall(SYS_tgkill, runtime_, task, 0) == 0; }

void ExecStop::forget(pid_t task) { tasks_.erase(std::remove(tasks_.begin(), tasks_.end(), task), tasks_.end()); }

bool is_seized_by_us(pid_t process) {
    const auto tracer = tracer_of(process);
    struct stat theirs {};
    struct stat ours {};
    return tracer != 0 && ::stat(concat({"/proc/", decimal(tracer), "/exe"}).c_str(), &theirs) == 0 &&
           ::stat("/proc/self/exe", &ours) == 0 && theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
}

}  // namespace aa::shim
