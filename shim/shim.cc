// SPDX-License-Identifier: Apache-2.0
#include "shim/shim.h"

#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "base/text.h"
#include "oci/command_line/runtime_log.h"
#include "shim/call.h"
#include "shim/exec_decision.h"
#include "shim/exit_status.h"
#include "shim/host_key.h"
#include "shim/log/counters.h"
#include "shim/log/decision_log.h"
#include "shim/log/refusal_id.h"
#include "shim/refused.h"
#include "shim/verify.h"

namespace aa::shim {
namespace {

constexpr int kFailed = 1;
constexpr int kExecFailed = 255;  // as runc and crun leave a failed exec

std::string new_decision_id() {
    unsigned long long id = 0;
    // Fails only in the first seconds of a boot; the process is then as good a name as any.
    if (::getrandom(&id, sizeof id, GRND_NONBLOCK) != sizeof id) id = static_cast<unsigned long long>(::getpid());
    return hex64(id);
}

// The one place that tells an error.
int fail(const Error& error, const oci::CommandLine& line) {
    oci::report_error(concat({"aa-shim: ", error.message}), line);
    return line.command == oci::Command::exec ? kExecFailed : kFailed;
}

void log_outcome(const oci::CommandLine& line, const Trace& trace, bool allowed, std::string message) {
    log_decision({.allowed = allowed,
                  .id = trace.id,
                  .command = std::string(line.name),
                  .container = std::string(line.id),
                  .message = std::move(message),
                  .fields = trace.fields},
                 trace.decision_log);
}

void log_refusal(const oci::CommandLine& line, Trace& trace, ErrorKind kind, const std::string& message) {
    const auto why = refusal_of(trace, kind);
    count_refused(line.command, why);
    trace.fields.emplace_back("reason", refusal_name(why));
    log_outcome(line, trace, false, message);
}

Result<Prepared> prepare(const Call& call, Trace& trace) {
    if (call.line.command == oci::Command::exec) return prepare_exec(call, trace);
    return prepare_start(call, trace);
}

// What a refused exec gives, whose command has an exit status: the same words where the command would have said something.
int fail_as_command(Error error, const oci::CommandLine& line) {
    const auto ended = end_command(concat({"aa-shim: ", error.message}), line);
    if (ended) return *ended;
    error.message += concat({"; it could not be given as an exit status: ", ended.error().message});
    return fail(error, line);
}

// Tells why CALL was refused; aa-shim's exit code.
int refuse(const Call& call, Trace& trace, Error error) {
    const auto key = known_host_key();
    if (key) trace.id = refusal_id(*key, call.line.name, call.line.id, error.message, ::time(nullptr));
    error = std::move(error).context(concat({call.line.name, " of container ", quote(call.line.id), " refused (decision ", trace.id, ")"}));
    trace_refused(call.line, call.runtime.kind, call.program, trace);
    if (trace.as_exit_status) trace.fields.emplace_back("exit_status", decimal(kMayNotBeExecuted));
    log_refusal(call.line, trace, error.kind, error.message);
    return trace.as_exit_status ? fail_as_command(std::move(error), call.line) : fail(error, call.line);
}

// Has somebody see to it that what CALL, decided as TRACE says, starts obeys, where no `start` comes.
Result<void> watch(const Call& call, const Prepared& prepared, const Trace& trace) {
    if (prepared.binds_exec) return watch_exec(call, *prepared.binds_exec, trace);
    if (!prepared.binds) return {};
    if (call.line.command == oci::Command::run) return watch_run(call, *prepared.binds);
    if (call.line.command == oci::Command::restore) return watch_restore(call, *prepared.binds);
    return {};
}

// Judges the call and becomes the runtime; returns the exit code if not.
int confine(const Call& call) {
    Trace trace;
    trace.id = new_decision_id();
    auto prepared = prepare(call, trace);
    if (!prepared) return refuse(call, trace, std::move(prepared).error());
    if (const auto watched = watch(call, *prepared, trace); !watched) return refuse(call, trace, watched.error());
    count_allowed(call.line.command, trace.passed);
    log_outcome(call.line, trace, true, concat({call.line.name, " of container ", quote(call.line.id), " allowed"}));
    return fail(become_runtime(call.runtime, prepared->arguments), call.line);
}

// Changes the call and becomes the runtime; returns the exit code if not.
int update(const Call& call) {
    auto prepared = prepare_update(call);
    if (!prepared) return fail(std::move(prepared).error().context(concat({"update of container ", quote(call.line.id)})), call.line);
    return fail(become_runtime(call.runtime, prepared->arguments), call.line);
}

// An error before there is a call to judge: no runtime, a command line that is not understood.
int fail_early(const Error& error, const oci::CommandLine& line, oci::RuntimeKind kind, std::string_view program) {
    if (oci::starts_processes(line.command)) {
        Trace trace;
        trace.id = new_decision_id();
        trace_refused(line, kind, program, trace);
        log_refusal(line, trace, error.kind, error.message);
    }
    return fail(error, line);
}

}  // namespace

int run(std::span<const char* const> arguments, std::string_view program) {
    const auto runtime = find_runtime();
    const auto kind = runtime ? runtime->kind : oci::RuntimeKind::runc;
    const auto line = oci::parse_command_line(arguments, kind);
    if (!runtime || !line) {
        return fail_early(runtime ? line.error() : runtime.error(), line ? *line : oci::guess_command_line(arguments, kind), kind, program);
    }
    const Call call{*line, *runtime, program};
    if (oci::starts_processes(line->command)) return confine(call);
    if (line->command == oci::Command::update) return update(call);
    if (line->name == "start") {
        if (const auto watched = watch_start(call); !watched) return fail(watched.error(), *line);
    }
    return fail(become_runtime(*runtime, arguments), *line);
}

int fail_without_memory(std::span<const char* const> arguments) noexcept {
    try {
        const auto line = oci::guess_command_line(arguments, oci::RuntimeKind::runc);
        return fail({ErrorKind::system, "there is not enough memory: raise the caller's limits (RLIMIT_AS, its control group's)"}, line);
    } catch (...) {  // not even for that
        oci::report_error("aa-shim: there is not enough memory", {});
    }
    return std::find(arguments.begin(), arguments.end(), std::string_view("exec")) == arguments.end() ? kFailed : kExecFailed;
}

}  // namespace aa::shim
