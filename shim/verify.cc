// SPDX-License-Identifier: Apache-2.0
#include "shim/verify.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <climits>

#include "base/file.h"
#include "base/text.h"
#include "oci/state/state.h"
#include "shim/host_key.h"
#include "shim/judged_mounts.h"
#include "shim/log/counters.h"
#include "shim/log/decision_log.h"
#include "shim/observed.h"
#include "shim/process_tree.h"
#include "shim/record.h"
#include "shim/watched_process.h"

namespace aa::shim {
namespace {

constexpr int kPause = 10;          // milliseconds between two looks
constexpr int kShortPause = 1;      // while a moment must not be missed
constexpr int kPolls = 1000;        // ten seconds: a program obeys within milliseconds of its start
constexpr int kGracePolls = 100;    // what may lie between the runtime's word and the end of its work
constexpr int kMostWait = 600'000;  // milliseconds, ten minutes: a checkpoint may be large

constexpr std::string_view kForged =
    "the record of a decision that it has is none that aa-shim made of this container, or was made by another key: create it anew through "
    "aa-shim";

// The container that a call starts.
struct Started {
    const std::string& root;
    std::string_view id;
    oci::RuntimeKind kind;

    [[nodiscard]] Result<oci::ContainerState> state() const { return oci::read_container_state(root, id, kind); }
    [[nodiscard]] bool waits() const { return oci::waits_for_start(root, id); }
};

constexpr std::string_view kForgedReason = "forged";
constexpr std::string_view kMismatchReason = "mismatch";

// What is logged of the container ID, whose decision is DECISION as far as that is known.
LogEntry entry_of(std::string_view id, std::string message, std::string_view reason, const Decision& decision) {
    LogEntry entry{.allowed = false,
                   .id = decision.id,
                   .command = "verify",
                   .container = std::string(id),
                   .message = std::move(message),
                   .fields = {{"reason", std::string(reason)}}};
    if (decision.id.empty()) return entry;
    entry.fields.emplace_back("rule", decision.rule);
    entry.fields.emplace_back("confinement", decision.confinement);
    trace_subject(decision.subject, entry.fields);
    if (decision.bounds.profile) entry.fields.emplace_back("profile", *decision.bounds.profile);
    return entry;
}

void end_container(const WatchedProcess& process, std::string_view id, const Decision& decision, const std::string& mismatch) {
    process.kill();
    count_mismatch();
    auto entry = entry_of(id, concat({"container ", quote(id), " was ended: ", mismatch}), kMismatchReason, decision);
    entry.fields.emplace_back("pid", decimal(process.pid()));
    log_decision(entry, {});
}

Error refuse_start(std::string_view id, std::string_view why, std::string_view reason, const Decision& decision = {}) {
    Error error{ErrorKind::denied, concat({"start of container ", quote(id), " refused: ", why})};
    log_decision(entry_of(id, error.message, reason, decision), {});
    return error;
}

// What a container's first process is while it is still the runtime's own.
struct Init {
    std::string image;           // empty: that is not known
    std::string user_namespace;  // the one that the container has; empty likewise
};

// The first process of STARTED as RUNTIME has made it. That it is still the runtime's own is sure as long as it waits for the start; crun has
// none wait in a run, and there the first process is a fork of it.
Init look_at_init(const WatchedProcess& process, const Started& started, const WatchedProcess& runtime, bool own_namespace) {
    Init init{process.image(), process.user_namespace()};
    if (started.waits() || (!init.image.empty() && init.image == runtime.image())) return init;
    return {{}, own_namespace ? std::string() : runtime.user_namespace()};
}

// Why TASK, of a container that has USER_NAMESPACE, does not obey BOUNDS; nothing if it does. One that has left for a user namespace of its own
// making has all capabilities there and none in the container's, to which there is no way back: its sets tell nothing.
std::optional<std::string> mismatch_of(pid_t task, std::string_view user_namespace, const apparmor::Kernel& kernel, const Bounds& bounds) {
    const bool has_left = !user_namespace.empty() && has_left_for_below(task, user_namespace);
    auto observed = observe(kernel, task, bounds.profile.has_value());
    if (!observed) return "it could not be looked at";
    if (has_left) observed->bounding = observed->permitted = CapabilitySet();
    return find_mismatch(*observed, bounds);
}

// Watches PROCESS, the first one of STARTED, until it obeys or has ended, or its program had its time.
void watch_process(const WatchedProcess& process, const Init& init, const Started& started, const WatchedProcess& runtime,
                   const Decision& decision) {
    auto bounds = decision.bounds;
    if (decision.start_label) bounds.profile = decision.start_label;
    const apparmor::Kernel kernel;
    std::optional<std::string> mismatch;
    for (int polls = 0; polls < kPolls;) {
        if (!init.image.empty() && process.image() == init.image) {
            if (runtime.ends_within(0) && started.waits()) return;  // it was not started
        } else {
            mismatch = mismatch_of(process.pid(), init.user_namespace, kernel, bounds);
            if (!mismatch) return;
            ++polls;
        }
        if (process.ends_within(kPause)) return;
    }
    end_container(process, started.id, decision, *mismatch);
}

// Whether the thread TID has ended, a zombie included (proc(5), /proc/PID/stat).
bool is_over(pid_t tid) {
    const auto stat = read_virtual_file(AT_FDCWD, concat({"/proc/", decimal(tid), "/stat"}), 4096);
    if (!stat) return true;
    const auto state = stat->find_first_not_of(' ', stat->rfind(')') + 1);
    return state == std::string::npos || (*stat)[state] == 'Z' || (*stat)[state] == 'X';
}

// The first of TASKS that does not obey BOUNDS, in words; nothing if all do. One that is over obeys.
std::optional<std::string> find_restored_mismatch(const apparmor::Kernel& kernel, const std::vector<Task>& tasks,
                                                  std::string_view user_namespace, const Bounds& bounds) {
    for (const auto& task : tasks) {
        const auto found = mismatch_of(task.thread, user_namespace, kernel, bounds);
        if (!found || is_over(task.thread)) continue;
        return concat({"process ", decimal(task.process), ", thread ", decimal(task.thread), ": ", *found});
    }
    return std::nullopt;
}

// Watches the tree of PID, of a container that has USER_NAMESPACE (empty: that of PID), until all of it obeys, it is gone, or the time is over.
void watch_tree(pid_t pid, std::string user_namespace, std::string_view id, const Decision& decision) {
    const WatchedProcess first(pid);
    if (user_namespace.empty()) user_namespace = first.user_namespace();
    const apparmor::Kernel kernel;
    std::vector<Task> tasks;
    std::optional<std::string> mismatch;
    for (int i = 0; i < kGracePolls; ++i) {
        if (first.ends_within(i == 0 ? 0 : kPause)) return;
        tasks = process_tree(pid);
        mismatch = find_restored_mismatch(kernel, tasks, user_namespace, decision.bounds);
        if (!mismatch) return;
    }
    // Those that share no PID namespace with it would outlive it.
    for (const auto& task : tasks) {
        if (task.process != pid) (void)::kill(task.process, SIGKILL);
    }
    end_container(first, id, decision, *mismatch);
}

// The state of STARTED, looked for every PAUSE milliseconds, once RUNTIME has made its first process; nothing if none comes of it.
std::optional<oci::ContainerState> await_state(const Started& started, const WatchedProcess& runtime, int pause) {
    for (int waited = 0; waited < kMostWait; waited += pause) {
        const bool last = runtime.ends_within(waited == 0 ? 0 : pause);
        auto state = started.state();
        if (state && state->init_pid != 0) return *std::move(state);
        if (last) break;
    }
    return std::nullopt;
}

// Runs what PREPARE returns in a process that is nobody's child: the runtime must not meet a child that it does not know. That process holds
// nothing of the caller's once this returns, and PREPARE has been run.
template <class Prepare>
void in_background(Prepare&& prepare) {
    const pid_t child = ::fork();
    if (child > 0) {
        int status = 0;
        (void)::waitpid(child, &status, 0);
    }
    if (child != 0) return;
    (void)!::chdir("/");  // the caller's directory may be unmounted meanwhile
    // The engine waits for the end of the pipes it handed to the runtime.
    (void)::syscall(SYS_close_range, 0U, UINT_MAX, 0U);
    try {
        auto work = prepare();
        if (::fork() == 0) {
            (void)::setsid();
            work();
        }
    } catch (...) {  // out of memory: the start goes on, unwatched, as it would have without AppArmor's answer
    }
    ::_exit(0);
}

}  // namespace

Result<void> watch_start(const Call& call) {
    const auto root = oci::state_root(call.line, call.runtime.kind);
    if (!root || call.line.id.empty()) return {};
    const Started started{*root, call.line.id, call.runtime.kind};
    const auto state = started.state();
    if (!state || state->init_pid == 0 || !claims_record(*state)) return {};
    const auto key = known_host_key();
    if (!key) return refuse_start(started.id, key.error().message, kForgedReason);
    const auto record = read_record(*state, {*root, state->bundle, started.id}, *key);
    if (!record) return refuse_start(started.id, record.error().message, kForgedReason);
    if (!*record) return refuse_start(started.id, kForged, kForgedReason);
    const auto& decision = **record;
    if (decision.pass) return {};
    // As long as it waits, nothing of the container's has been executed; and what does not wait, the runtime will not start.
    if (const auto mounted = started.waits() ? check_mounts(state->init_pid, decision.mounts) : Result<void>(); !mounted) {
        count_mismatch();
        return refuse_start(started.id, mounted.error().message, kMismatchReason, decision);
    }
    in_background([&, caller = ::getpid()] {
        WatchedProcess runtime(caller);
        WatchedProcess process(state->init_pid);
        auto init = look_at_init(process, started, runtime, state->user_namespace);
        return [&, runtime = std::move(runtime), process = std::move(process), init = std::move(init)] {
            watch_process(process, init, started, runtime, decision);
        };
    });
    return {};
}

void watch_run(const Call& call, const Decision& decision) {
    const auto root = oci::state_root(call.line, call.runtime.kind);
    if (!root) return;
    const Started started{*root, call.line.id, call.runtime.kind};
    in_background([&, caller = ::getpid()] {
        return [&, runtime = WatchedProcess(caller)] {
            const auto state = await_state(started, runtime, kShortPause);
            if (!state) return;
            const WatchedProcess process(state->init_pid);
            const auto init = look_at_init(process, started, runtime, state->user_namespace);
            const auto mounted = check_mounts(process.pid(), decision.mounts);
            // What its program has made of the mounts is its own affair; and it may be past being looked at.
            if (!mounted && mounted.error().kind == ErrorKind::denied && started.waits())
                return end_container(process, started.id, decision, mounted.error().message);
            watch_process(process, init, started, runtime, decision);
        };
    });
}

void watch_restore(const Call& call, const Decision& decision) {
    const auto root = oci::state_root(call.line, call.runtime.kind);
    if (!root) return;
    const Started started{*root, call.line.id, call.runtime.kind};
    // A container of this name that runs already is none of ours: the runtime will refuse to restore another.
    const auto state = started.state();
    if (state && state->init_pid != 0) return;
    in_background([&, caller = ::getpid()] {
        return [&, runtime = WatchedProcess(caller)] {
            const auto restored = await_state(started, runtime, kPause);
            if (!restored) return;
            // That is the watcher's own, as it is the runtime's, unless the container has one.
            auto space = restored->user_namespace ? std::string() : WatchedProcess(::getpid()).user_namespace();
            watch_tree(restored->init_pid, std::move(space), started.id, decision);
        };
    });
}

}  // namespace aa::shim
