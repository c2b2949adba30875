// SPDX-License-Identifier: Apache-2.0
#include "shim/verify.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <climits>

#include "apparmor/profile_name.h"
#include "base/file.h"
#include "base/text.h"
#include "oci/state.h"
#include "shim/counters.h"
#include "shim/decision_log.h"
#include "shim/record.h"

namespace aa::shim {
namespace {

constexpr long kPollNanoseconds = 10'000'000;
constexpr int kPolls = 1000;  // ten seconds: a program runs within milliseconds of the runtime's last step

// The number after NAME ("CapBnd:") in STATUS, in base 16.
std::optional<std::uint64_t> hex_field(std::string_view status, std::string_view name) {
    const std::size_t at = status.find(name);
    if (at == std::string_view::npos) return std::nullopt;
    std::uint64_t value = 0;
    bool any = false;
    for (const char c : status.substr(at + name.size())) {
        if ((c == '\t' || c == ' ') && !any) continue;
        unsigned digit = 0;
        if (c >= '0' && c <= '9') {
            digit = static_cast<unsigned>(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            digit = static_cast<unsigned>(c - 'a') + 10U;
        } else {
            break;
        }
        value = value << 4U | digit;
        any = true;
    }
    if (!any) return std::nullopt;
    return value;
}

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

// Whether LABEL is PROFILE, in part at least, or any other profile that confines: a program may have made a transition of
// its own. The runtime's own profile (`runc` on current Debian and Ubuntu) is in unconfined mode and confines nothing.
bool is_confined(const apparmor::TaskLabel& label, std::string_view profile) {
    if (label.label != apparmor::kUnconfined && label.mode != apparmor::Mode::unconfined) return true;
    const auto wanted = apparmor::components(profile);
    for (const auto component : apparmor::components(label.label)) {
        if (std::find(wanted.begin(), wanted.end(), component) != wanted.end()) return true;
    }
    return false;
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

std::optional<Observed> observe(const apparmor::Kernel& kernel, pid_t pid, bool with_label) {
    const auto status = read_virtual_file(AT_FDCWD, concat({"/proc/", decimal(pid), "/status"}), 1U << 14U);
    Observed observed;
    if (!status || !read_status(*status, observed)) return std::nullopt;
    if (with_label) {
        auto label = kernel.task_label(pid);
        if (!label) return std::nullopt;
        observed.label = *std::move(label);
    }
    return observed;
}

bool read_status(std::string_view status, Observed& observed) {
    const auto bounding = hex_field(status, "CapBnd:");
    const auto permitted = hex_field(status, "CapPrm:");
    const auto no_new_privileges = hex_field(status, "NoNewPrivs:");
    if (!bounding || !permitted || !no_new_privileges) return false;
    observed.bounding = CapabilitySet(*bounding);
    observed.permitted = CapabilitySet(*permitted);
    observed.no_new_privileges = *no_new_privileges == 1;
    return true;
}

std::optional<std::string> find_mismatch(const Observed& observed, const Bounds& bounds) {
    if (bounds.profile && *bounds.profile != apparmor::kUnconfined && !is_confined(observed.label, *bounds.profile)) {
        return concat(
            {"the kernel says that its label is ", quote(observed.label.label), ", it was to run under ", quote(*bounds.profile)});
    }
    if (bounds.ceiling && !(observed.bounding | observed.permitted).subset_of(*bounds.ceiling)) {
        return concat({"the kernel says that it may have the capabilities ",
                       ((observed.bounding | observed.permitted) - *bounds.ceiling).names(), " beyond the ceiling"});
    }
    if (bounds.no_new_privileges && !observed.no_new_privileges) return "no-new-privileges is not set on it";
    return std::nullopt;
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
