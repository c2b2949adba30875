// SPDX-License-Identifier: Apache-2.0
#include "shim/verify.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "base/text.h"
#include "oci/state/state.h"
#include "shim/background.h"
#include "shim/exec_stop.h"
#include "shim/host_key.h"
#include "shim/log/counters.h"
#include "shim/log/decision_log.h"
#include "shim/mismatch.h"
#include "shim/pid_file.h"
#include "shim/process_tree.h"
#include "shim/record.h"
#include "shim/restore_stop.h"
#include "shim/runtime_stop.h"
#include "shim/tracing.h"
#include "shim/watch_log.h"
#include "shim/watched_process.h"

namespace aa::shim {
namespace {

constexpr int kPause = 10;          // milliseconds between two looks
constexpr int kShortPause = 1;      // while a moment must not be missed
constexpr int kPolls = 1000;        // ten seconds: what is not known to have begun its program may still be the runtime's own
constexpr int kBegunPolls = 5;      // a look may fail for a moment; what has begun obeys by then or never
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

constexpr std::string_view kBefore = "before its program began, ";
void end(const WatchedProcess& process, const Watched& watched, const std::string& mismatch) {
    process.kill();
    tell_ended(process.pid(), watched, mismatch);
}

Error refuse_start(std::string_view id, std::string_view why, std::string_view reason, const Decision& decision = {}) {
    Error error{ErrorKind::denied, concat({"start of container ", quote(id), " refused: ", why})};
    log_decision(Watched::container(id, decision).entry(error.message, reason), {});
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
    if (is_being_laid_out(init.image)) init.image.clear();
    if (started.waits() || (!init.image.empty() && init.image == runtime.image())) return init;
    return {{}, own_namespace ? std::string() : runtime.user_namespace()};
}

// Whether the first process, which has IMAGE now, is sure to come to the end of the execve(2) of its program yet.
bool is_before_exec(const Init& init, const std::string& image) {
    return !init.image.empty() && (image == init.image || is_being_laid_out(image));
}

// The same with all TASKS, which descend from FIRST.
void end_all(const WatchedProcess& first, const std::vector<Task>& tasks, const Watched& watched, const std::string& mismatch) {
    // Those that share no PID namespace with it would outlive it; and it would go on where it waits for one of them.
    first.stop();
    for (const auto& task : tasks) {
        if (task.process != first.pid()) (void)::kill(task.process, SIGKILL);
    }
    end(first, watched, mismatch);
}

// Watches FIRST and all that descends from it, of a container that has USER_NAMESPACE, until all of them obey BOUNDS, it is gone, or POLLS times.
void watch_tree(const WatchedProcess& first, std::string_view user_namespace, const Watched& watched, const Bounds& bounds, int polls) {
    const apparmor::Kernel kernel;
    std::vector<Task> tasks;
    std::optional<std::string> mismatch;
    for (int i = 0; i < polls; ++i) {
        if (first.ends_within(i == 0 ? 0 : kPause)) return;
        tasks = process_tree(first.pid());
        mismatch = find_mismatch_in(kernel, tasks, user_namespace, bounds);
        if (!mismatch) return;
    }
    end_all(first, tasks, watched, *mismatch);
}

// Watches FIRST, the first process of STARTED, until its program runs, and then as above; or until it was not started.
void watch_afterwards(const WatchedProcess& first, const Init& init, const Started& started, const WatchedProcess& runtime,
                      const Decision& decision) {
    auto image = first.image();
    while (is_before_exec(init, image)) {
        if ((runtime.ends_within(0) && started.waits()) || first.ends_within(kPause)) return;
        image = first.image();
    }
    const bool begun = !init.image.empty() && !image.empty();
    auto bounds = decision.bounds;
    if (decision.start_label) bounds.profile = decision.start_label;
    const auto space = init.user_namespace.empty() ? first.user_namespace() : init.user_namespace;
    watch_tree(first, space, Watched::container(started.id, decision), bounds, begun ? kBegunPolls : kPolls);
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

// Compares PROCESS, the first one of STARTED, and what it makes, with DECISION at their execve(2), until that one's own. Each that differs is
// killed with all the others before it has executed an instruction. Whether it came to that exec: not if another than the thread that was seized
// executed, or all have ended.
Result<bool> watch_exec_stop(ExecStop& stop, const WatchedProcess& process, const std::string& place, const Started& started,
                             const Decision& decision) {
    const apparmor::Kernel kernel;
    const auto beginning = Beginning::of(decision);
    while (const auto executing = TRY(stop.await_exec())) {
        auto mismatch = first_mismatch(*executing, &place, kernel, beginning);
        const bool done = *executing == process.pid();
        for (const pid_t other : stop.tasks()) {
            if (done && !mismatch && other != *executing && !is_over(other)) mismatch = first_mismatch(other, &place, kernel, beginning);
        }
        if (mismatch) {
            stop.kill();
            end(process, Watched::container(started.id, decision), concat({kBefore, *mismatch}));
            return true;
        }
        TRY(stop.let_go(*executing));
        if (done) return true;
    }
    return process.ends_within(0);
}

// Compares with BEGINNING, at their execve(2), the programs that the runtime that STOP has seized starts in a container. Each that differs is
// killed before it has executed an instruction. The process of the first; 0 if it came to none.
Result<pid_t> watch_programs(RuntimeStop& stop, const Watched& watched, const Beginning& beginning) {
    const apparmor::Kernel kernel;
    pid_t first = 0;
    while (const auto program = TRY(stop.await_program())) {
        if (first == 0) first = *program;
        if (const auto mismatch = first_mismatch(*program, nullptr, kernel, beginning)) {
            stop.kill(*program);
            tell_ended(*program, watched, concat({kBefore, *mismatch}));
        } else {
            TRY(stop.let_go(*program));
        }
    }
    TRY(stop.leave());
    return first;
}

// Seizes the process CALLER, which is to become the runtime, for what it executes in the container of the process INIT; not where TRACE says so.
Result<RuntimeStop> seize_runtime(pid_t caller, pid_t init, const Trace& trace) {
    if (trace.compares_execs_after) return Error{ErrorKind::denied, "the catalog has execs compared once they have begun"};
    if (mount_namespace(init) == mount_namespace(caller))
        return Error{ErrorKind::denied,
                     "the container has no mount namespace of its own, by which its programs are told from the runtime's"};
    return RuntimeStop::seize(apparmor::Kernel(), caller);
}

Children children_of(const Decision& decision) { return decision.start_hooks ? Children::left_alone : Children::seized; }

// Watches the first process of STARTED, which is run, as soon as the runtime's state tells of it. IS_LOGGED: that it is not traced, if it is not.
void watch_run_by_state(const Started& started, const WatchedProcess& runtime, const Decision& decision, bool is_logged) {
    const auto state = await_state(started, runtime, kShortPause);
    if (!state) return;
    const auto watched = Watched::container(started.id, decision);
    const WatchedProcess process(state->init_pid);
    const auto init = look_at_init(process, started, runtime, state->user_namespace);
    const auto place = process.place();
    auto stop = ExecStop::seize(apparmor::Kernel(), process.pid(), Threads::first, children_of(decision));
    if (!stop && !is_logged && !process.ends_within(0)) log_untraced(watched, stop.error(), Looked::once_begun);
    const auto brought = check_brought(process.pid(), decision);
    // What its program has made of the mounts is its own affair; and it may be past being looked at.
    if (!brought && brought.error().kind == ErrorKind::denied && started.waits()) return end(process, watched, brought.error().message);
    // One that has become its program meanwhile will not come to another exec, or to one that is its own affair.
    const bool in_time = stop && is_before_exec(init, process.image());
    const auto compared = in_time ? watch_exec_stop(*stop, process, place, started, decision) : Result(false);
    if (!compared) return tell_stuck(watched, compared.error());
    if (*compared) return;
    if (!in_time && stop) {
        if (const auto released = stop->release(); !released) return tell_stuck(watched, released.error());
    }
    watch_afterwards(process, init, started, runtime, decision);
}

// The user namespace of a restored container whose first process is FIRST: the watcher's own, as it is the runtime's, unless STATE says that the
// container has one.
std::string restored_space(const WatchedProcess& first, const oci::ContainerState& state) {
    return state.user_namespace ? first.user_namespace() : WatchedProcess(::getpid()).user_namespace();
}

// Ends TASKS, which descend from FIRST, and which CRIU holds. It is CRIU that lets go of them first: of the end of a process that it traces the kernel
// tells it alone, and it would wait for ever for a first process that waits for such a one. They have a stop to obey before anything else then.
void end_restored(RestoreStop& stop, const WatchedProcess& first, const std::vector<Task>& tasks, const Watched& watched,
                  const std::string& mismatch) {
    for (const auto& task : tasks) (void)::kill(task.process, SIGSTOP);
    (void)stop.release();
    const auto is_traced = [](const Task& task) { return tracer_of(task.thread) != 0; };
    for (int i = 0; i < kPolls && std::any_of(tasks.begin(), tasks.end(), is_traced); ++i) (void)first.ends_within(kPause);
    end_all(first, tasks, watched, mismatch);
}

// Compares PROCESS, the first one of STARTED, and all that descends from it with DECISION while CRIU, at which STOP stands, holds them, and
// ends them if they differ. An error: CRIU cannot be let go on.
Result<void> compare_restored(RestoreStop& stop, pid_t process, const Started& started, const Watched& watched, const Decision& decision) {
    const WatchedProcess first(process);
    const auto state = started.state();
    const auto tasks = process_tree(process);
    auto mismatch =
        find_mismatch_in(apparmor::Kernel(), tasks, state ? restored_space(first, *state) : first.user_namespace(), decision.bounds);
    if (const auto brought = check_brought(process, decision); !mismatch && !brought) mismatch = brought.error().message;
    if (!mismatch) return stop.release();
    end_restored(stop, first, tasks, watched, concat({"before it ran on, ", *mismatch}));
    return {};
}

// The same with what is restored by the runtime that STOP has seized, as soon as it is. Whether it came to that.
Result<bool> watch_restore_stop(RestoreStop& stop, const Started& started, const Watched& watched, const Decision& decision) {
    const auto process = TRY(stop.await_restored([&] { return started.state().has_value(); }));
    if (process) {
        TRY(compare_restored(stop, *process, started, watched, decision));
    } else {
        TRY(stop.release());
    }
    return process.has_value();
}

// Ends the restore by RUNTIME, of WATCHED, that cannot be traced on, with all that it has made so far, and says WHY.
void end_stuck_restore(const WatchedProcess& runtime, const Watched& watched, const Error& why) {
    for (const auto& task : process_tree(runtime.pid())) (void)::kill(task.process, SIGKILL);
    tell_stuck(watched, why);
}

}  // namespace

Result<void> watch_start(const Call& call) {
    const auto root = oci::state_root(call.line, call.runtime.kind);
    if (!root || call.line.id.empty()) return {};
    const Started started{*root, call.line.id, call.runtime.kind};
    const auto state = started.state();
    // What is not there, the runtime does not start; what we cannot read, it perhaps can.
    if (!state && state.error().kind == ErrorKind::not_found) return {};
    if (!state) return refuse_start(started.id, state.error().message, watched_reason::kUnwatched);
    if (state->init_pid == 0 || !claims_record(*state)) return {};
    const auto key = known_host_key();
    if (!key) return refuse_start(started.id, key.error().message, watched_reason::kForged);
    const auto record = read_record(*state, {*root, state->bundle, started.id}, *key);
    if (!record) return refuse_start(started.id, record.error().message, watched_reason::kForged);
    if (!*record) return refuse_start(started.id, kForged, watched_reason::kForged);
    const auto& decision = **record;
    if (decision.pass) return {};
    if (state->user_namespace && WatchedProcess(state->init_pid).user_namespace() == WatchedProcess(::getpid()).user_namespace()) {
        count_mismatch();
        return refuse_start(started.id, "the runtime gave it no user namespace of its own: create it anew", watched_reason::kMismatch,
                            decision);
    }
    // As long as it waits, nothing of the container's has been executed; and what does not wait, the runtime will not start.
    if (const auto brought = started.waits() ? check_brought(state->init_pid, decision) : Result<void>(); !brought) {
        count_mismatch();
        return refuse_start(started.id, brought.error().message, watched_reason::kMismatch, decision);
    }
    const auto watched = in_background([&, caller = ::getpid()](const auto& ready) {
        const WatchedProcess runtime(caller);
        const WatchedProcess process(state->init_pid);
        const auto init = look_at_init(process, started, runtime, state->user_namespace);
        const auto place = process.place();
        auto stop = ExecStop::seize(apparmor::Kernel(), process.pid(), Threads::all, children_of(decision));
        // Without a FIFO it runs already, and so its next exec is its own affair.
        const auto image = process.image();
        const bool in_time = stop && is_before_exec(init, image);
        if (stop && !in_time && !stop->release()) return;
        // What is not told is refused there: nothing forbade to look, and it failed all the same.
        const bool failed = stop ? started.waits() && (init.image.empty() || image.empty()) : stop.error().kind != ErrorKind::denied;
        if (failed && !process.ends_within(0)) return;
        ready();
        const auto compared = in_time ? watch_exec_stop(*stop, process, place, started, decision) : Result(false);
        if (!compared) return tell_stuck(Watched::container(started.id, decision), compared.error());
        if (*compared) return;
        if (!stop && is_seized_by_us(process.pid())) return;  // of an earlier start, which failed
        if (!stop && !process.ends_within(0)) log_untraced(Watched::container(started.id, decision), stop.error(), Looked::once_begun);
        watch_afterwards(process, init, started, runtime, decision);
    });
    if (!watched) return refuse_start(started.id, watched.error().message, watched_reason::kUnwatched, decision);
    return {};
}

Result<void> watch_run(const Call& call, const Decision& decision) {
    const auto root = oci::state_root(call.line, call.runtime.kind);
    if (!root) return {};
    const Started started{*root, call.line.id, call.runtime.kind};
    return in_background([&, caller = ::getpid()](const auto& ready) {
        const WatchedProcess runtime(caller);
        if (decision.may_be_mistaken) {
            ready();
            return watch_run_by_state(started, runtime, decision, false);
        }
        auto stop = RuntimeStop::seize(apparmor::Kernel(), caller);
        if (!stop && stop.error().kind != ErrorKind::denied) return;
        ready();
        const auto watched = Watched::container(started.id, decision);
        const auto first = stop ? watch_programs(*stop, watched, Beginning::of(decision)) : Result<pid_t>(0);
        if (!first) return tell_stuck(watched, first.error());
        if (*first != 0) return;
        // A short program may be over before the runtime tells of it.
        if (!stop) log_untraced(watched, stop.error(), Looked::once_told);
        watch_run_by_state(started, runtime, decision, !stop);
    });
}

Result<void> watch_exec(const Call& call, const BoundExec& binds, const Trace& trace) {
    return in_background([&, caller = ::getpid()](const auto& ready) {
        const WatchedProcess runtime(caller);
        PidFile file(call.line.pid_file);
        const auto began = std::time(nullptr);
        auto stop = seize_runtime(caller, binds.init, trace);
        if (!stop && stop.error().kind != ErrorKind::denied) return;
        if (!stop) file.watch();
        ready();
        const auto watched = Watched::exec(call, trace);
        const auto in_time = stop ? watch_programs(*stop, watched, {binds.bounds, binds.bounds.profile}) : Result<pid_t>(0);
        if (!in_time) return tell_stuck(watched, in_time.error());
        const pid_t pid = *in_time != 0 ? *in_time : file.await(runtime);
        if (pid != 0 && trace.logs_exec_processes) log_exec_process(watched, pid, began, trace.decision_log);
        if (!stop && !trace.compares_execs_after) log_untraced(watched, stop.error(), file.is_told() ? Looked::once_begun : Looked::never);
        if (*in_time != 0 || pid == 0) return;
        const WatchedProcess process(pid);
        watch_tree(process, process.user_namespace(), watched, binds.bounds, kPolls);
    });
}

Result<void> watch_restore(const Call& call, const Decision& decision) {
    const auto root = oci::state_root(call.line, call.runtime.kind);
    if (!root) return {};
    const Started started{*root, call.line.id, call.runtime.kind};
    // A container of this name that runs already is none of ours: the runtime will refuse to restore another.
    const auto state = started.state();
    if (state && state->init_pid != 0) return {};
    return in_background([&, caller = ::getpid()](const auto& ready) {
        const WatchedProcess runtime(caller);
        auto stop = RestoreStop::seize(apparmor::Kernel(), caller);
        if (!stop && stop.error().kind != ErrorKind::denied) return;
        ready();
        const auto watched = Watched::container(started.id, decision);
        if (!stop) log_untraced(watched, stop.error(), Looked::once_restored);
        const auto compared = stop ? watch_restore_stop(*stop, started, watched, decision) : Result(false);
        if (!compared) return end_stuck_restore(runtime, watched, compared.error());
        if (*compared) return;
        const auto restored = await_state(started, runtime, kPause);
        if (!restored) return;
        const WatchedProcess first(restored->init_pid);
        watch_tree(first, restored_space(first, *restored), watched, decision.bounds, kGracePolls);
    });
}

}  // namespace aa::shim
