// SPDX-License-Identifier: Apache-2.0
#include "shim/verify.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <climits>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "oci/state/state.h"
#include "shim/host_key.h"
#include "shim/log/counters.h"
#include "shim/log/decision_log.h"
#include "shim/observed.h"
#include "shim/process_tree.h"
#include "shim/record.h"

namespace aa::shim {
namespace {

constexpr long kPollNanoseconds = 10'000'000;
constexpr int kPolls = 1000;           // ten seconds: a program runs within milliseconds of the runtime's last step
constexpr int kRestorePolls = 60'000;  // ten minutes: a checkpoint may be large
constexpr int kGracePolls = 100;       // what may lie between the runtime's word and the end of its work

void sleep_a_little() {
    const struct timespec pause { 0, kPollNanoseconds };
    (void)::nanosleep(&pause, nullptr);
}

Fd open_process(pid_t pid) { return Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))); }

bool is_alive(const Fd& process) { return ::syscall(SYS_pidfd_send_signal, process.get(), 0, nullptr, 0) == 0; }

void end_container(pid_t pid, int pidfd, std::string_view id, const Decision& decision, const std::string& mismatch) {
    // The descriptor names the very process that was looked at, even if its number was given away since.
    (void)::syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, nullptr, 0);
    count_mismatch();
    LogEntry entry{
        .allowed = false,
        .id = decision.id,
        .command = "verify",
        .container = std::string(id),
        .message = concat({"container ", quote(id), " was ended: ", mismatch}),
        .fields = {{"reason", "mismatch"}, {"pid", decimal(pid)}, {"rule", decision.rule}, {"confinement", decision.confinement}}};
    trace_subject(decision.subject, entry.fields);
    if (decision.bounds.profile) entry.fields.emplace_back("profile", *decision.bounds.profile);
    log_decision(entry, {});
}

// Watches PID until it obeys, is gone, or the time is over.
void watch_process(pid_t pid, std::string_view id, const Decision& decision) {
    const Fd pidfd = open_process(pid);
    if (!pidfd.valid()) return;
    const apparmor::Kernel kernel;
    std::string mismatch = "its first process could not be looked at";
    for (int i = 0; i < kPolls; ++i) {
        const auto observed = observe(kernel, pid, decision.bounds.profile.has_value());
        if (!is_alive(pidfd)) return;
        if (observed) {
            const auto found = find_mismatch(*observed, decision.bounds);
            if (!found) return;
            mismatch = *found;
        }
        sleep_a_little();
    }
    end_container(pid, pidfd.get(), id, decision, mismatch);
}

// Whether the thread TID has ended, a zombie included (proc(5), /proc/PID/stat).
bool is_over(pid_t tid) {
    const auto stat = read_virtual_file(AT_FDCWD, concat({"/proc/", decimal(tid), "/stat"}), 4096);
    if (!stat) return true;
    const auto state = stat->find_first_not_of(' ', stat->rfind(')') + 1);
    return state == std::string::npos || (*stat)[state] == 'Z' || (*stat)[state] == 'X';
}

// The first of TASKS that does not obey BOUNDS, in words; nothing if all do. One that is over obeys.
std::optional<std::string> find_restored_mismatch(const apparmor::Kernel& kernel, const std::vector<Task>& tasks, const Bounds& bounds) {
    for (const auto& task : tasks) {
        const auto observed = observe(kernel, task.thread, bounds.profile.has_value());
        auto found = observed ? find_mismatch(*observed, bounds) : std::optional<std::string>("it could not be looked at");
        if (!observed && is_over(task.thread)) continue;
        if (found) return concat({"process ", decimal(task.process), ", thread ", decimal(task.thread), ": ", *found});
    }
    return std::nullopt;
}

// Watches the tree of PID until all of it obeys, it is gone, or the time is over.
void watch_tree(pid_t pid, std::string_view id, const Decision& decision) {
    const Fd pidfd = open_process(pid);
    if (!pidfd.valid()) return;
    const apparmor::Kernel kernel;
    std::vector<Task> tasks;
    std::optional<std::string> mismatch;
    for (int i = 0; i < kGracePolls; ++i) {
        tasks = process_tree(pid);
        if (!is_alive(pidfd)) return;
        mismatch = find_restored_mismatch(kernel, tasks, decision.bounds);
        if (!mismatch) return;
        sleep_a_little();
    }
    // Those that share no PID namespace with it would outlive it.
    for (const auto& task : tasks) {
        if (task.process != pid) (void)::kill(task.process, SIGKILL);
    }
    end_container(pid, pidfd.get(), id, decision, *mismatch);
}

// The container's state once it has a first process and a record; nothing if that does not come about.
std::optional<oci::ContainerState> await_state(const Call& call, const std::string& root) {
    for (int i = 0; i < kPolls; ++i) {
        auto state = oci::read_container_state(root, call.line.id, call.runtime.kind);
        if (state && state->init_pid != 0) return *std::move(state);
        sleep_a_little();
    }
    return std::nullopt;
}

// The first process of the container that RUNTIME restores; 0 if none comes of it.
pid_t await_restored(const Call& call, const std::string& root, pid_t runtime) {
    const Fd pidfd = open_process(runtime);
    int grace = kPolls;  // after the runtime's end
    for (int i = 0; i < kRestorePolls && grace > 0; ++i) {
        const auto state = oci::read_container_state(root, call.line.id, call.runtime.kind);
        if (state && state->init_pid != 0) return state->init_pid;
        if (!pidfd.valid() || !is_alive(pidfd)) --grace;
        sleep_a_little();
    }
    return 0;
}

void watch(const Call& call, const std::string& root) {
    const auto state = await_state(call, root);
    if (!state) return;
    const auto key = known_host_key();
    if (!key) return;
    auto record = read_record(*state, {root, state->bundle, call.line.id}, *key);
    if (!record || !*record || (*record)->pass) return;
    if ((*record)->start_label) (*record)->bounds.profile = (*record)->start_label;
    watch_process(state->init_pid, call.line.id, **record);
}

// Runs WORK in a process that is nobody's child: the runtime must not meet a child that it does not know. That process holds nothing
// of the caller's once this returns.
template <class Work>
void in_background(Work&& work) {
    const pid_t child = ::fork();
    if (child > 0) {
        int status = 0;
        (void)::waitpid(child, &status, 0);
    }
    if (child != 0) return;
    (void)!::chdir("/");  // the caller's directory may be unmounted meanwhile
    // The engine waits for the end of the pipes it handed to the runtime.
    (void)::syscall(SYS_close_range, 0U, UINT_MAX, 0U);
    if (::fork() == 0) {
        (void)::setsid();
        work();
    }
    ::_exit(0);
}

}  // namespace

void watch_restore(const Call& call, const Decision& decision) noexcept {
    try {
        const auto root = oci::state_root(call.line, call.runtime.kind);
        const pid_t runtime = ::getpid();
        if (!root) return;
        // A container of this name that runs already is none of ours: the runtime will refuse to restore another.
        const auto state = oci::read_container_state(*root, call.line.id, call.runtime.kind);
        if (state && state->init_pid != 0) return;
        in_background([&] {
            if (const pid_t pid = await_restored(call, *root, runtime); pid != 0) watch_tree(pid, call.line.id, decision);
        });
    } catch (...) {  // as below
    }
}

void watch_start(const Call& call) noexcept {
    try {
        if (call.line.id.empty()) return;
        const auto root = oci::state_root(call.line, call.runtime.kind);
        if (root) in_background([&] { watch(call, *root); });
    } catch (...) {  // out of memory: the start goes on, unwatched, as it would have without AppArmor's answer
    }
}

}  // namespace aa::shim
