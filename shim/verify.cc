// SPDX-License-Identifier: Apache-2.0
#include "shim/verify.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <climits>

#include "base/fd.h"
#include "base/text.h"
#include "oci/state/state.h"
#include "shim/log/counters.h"
#include "shim/log/decision_log.h"
#include "shim/observed.h"
#include "shim/record.h"

namespace aa::shim {
namespace {

constexpr long kPollNanoseconds = 10'000'000;
constexpr int kPolls = 1000;  // ten seconds: a program runs within milliseconds of the runtime's last step

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
    const Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!pidfd.valid()) return;
    const apparmor::Kernel kernel;
    std::string mismatch = "its first process could not be looked at";
    for (int i = 0; i < kPolls; ++i) {
        const auto observed = observe(kernel, pid, decision.bounds.profile.has_value());
        if (::syscall(SYS_pidfd_send_signal, pidfd.get(), 0, nullptr, 0) != 0) return;
        if (observed) {
            const auto found = find_mismatch(*observed, decision.bounds);
            if (!found) return;
            mismatch = *found;
        }
        const struct timespec pause { 0, kPollNanoseconds };
        (void)::nanosleep(&pause, nullptr);
    }
    end_container(pid, pidfd.get(), id, decision, mismatch);
}

// The container's state once it has a first process and a record; nothing if that does not come about.
std::optional<oci::ContainerState> await_state(const Call& call, const std::string& root) {
    for (int i = 0; i < kPolls; ++i) {
        auto state = oci::read_container_state(root, call.line.id, call.runtime.kind);
        if (state && state->init_pid != 0) return *std::move(state);
        const struct timespec pause { 0, kPollNanoseconds };
        (void)::nanosleep(&pause, nullptr);
    }
    return std::nullopt;
}

void watch(const Call& call, const std::string& root) {
    const auto state = await_state(call, root);
    if (!state) return;
    auto record = read_record(*state);
    if (!record || !*record || (*record)->pass) return;
    if ((*record)->start_label) (*record)->bounds.profile = (*record)->start_label;
    watch_process(state->init_pid, call.line.id, **record);
}

// Runs WORK in a process that is nobody's child: the runtime must not meet a child that it does not know.
template <class Work>
void in_background(Work&& work) {
    const pid_t child = ::fork();
    if (child > 0) {
        int status = 0;
        (void)::waitpid(child, &status, 0);
    }
    if (child != 0) return;
    if (::fork() == 0) {
        (void)::setsid();
        // The engine waits for the end of the pipes it handed to the runtime.
        (void)::syscall(SYS_close_range, 0U, UINT_MAX, 0U);
        work();
    }
    ::_exit(0);
}

}  // namespace

void watch_start(const Call& call) noexcept {
    try {
        if (call.line.id.empty()) return;
        const auto root = oci::state_root(call.line, call.runtime.kind);
        if (root) in_background([&] { watch(call, *root); });
    } catch (...) {  // out of memory: the start goes on, unwatched, as it would have without AppArmor's answer
    }
}

}  // namespace aa::shim
