// SPDX-License-Identifier: Apache-2.0
#include "shim/watch_log.h"

#include <utility>

#include "base/text.h"
#include "shim/log/counters.h"

namespace aa::shim {
namespace {

std::string_view when(Looked looked) {
    switch (looked) {
        case Looked::once_begun:
            return " is looked at after its program has begun, not before: ";
        case Looked::once_told:
            return " is looked at once the runtime tells of it, not before: ";
        case Looked::once_restored:
            return " is looked at after its processes run on, not before: ";
        case Looked::never:
            return " is not looked at, and has no --pid-file: ";
    }
    return {};
}

}  // namespace

Watched Watched::container(std::string_view id, const Decision& decision) {
    Watched watched{concat({"container ", quote(id)}), std::string(id), decision.id, {}};
    if (decision.id.empty()) return watched;
    watched.fields = {{"rule", decision.rule}, {"confinement", decision.confinement}};
    trace_subject(decision.subject, watched.fields);
    if (decision.bounds.profile) watched.fields.emplace_back("profile", *decision.bounds.profile);
    return watched;
}

Watched Watched::exec(const Call& call, const Trace& trace) {
    return {concat({"exec of container ", quote(call.line.id)}), std::string(call.line.id), trace.id, trace.fields};
}

LogEntry Watched::entry(std::string message, std::string_view reason) const {
    LogEntry entry{.allowed = false, .id = decision, .command = "verify", .container = id, .message = std::move(message), .fields = fields};
    entry.fields.emplace_back("reason", reason);
    return entry;
}

void tell_ended(pid_t process, const Watched& watched, const std::string& mismatch) {
    count_mismatch();
    auto entry = watched.entry(concat({watched.what, " was ended: ", mismatch}), watched_reason::kMismatch);
    entry.fields.emplace_back("pid", decimal(process));
    log_decision(entry, {});
}

void tell_stuck(const Watched& watched, const Error& why) {
    log_decision(watched.entry(concat({watched.what, " was ended: ", why.message}), watched_reason::kUnwatched), {});
}

void log_untraced(const Watched& watched, const Error& why, Looked looked) {
    auto entry = watched.entry(concat({watched.what, when(looked), why.message}), watched_reason::kUntraced);
    entry.allowed = true;
    log_decision(entry, {});
}

void log_exec_process(const Watched& watched, pid_t pid, std::time_t began, std::string_view decision_log) {
    log_decision({.allowed = true,
                  .found = true,
                  .id = watched.decision,
                  .command = "exec-process",
                  .container = watched.id,
                  .message = concat({watched.what, " is process ", decimal(pid)}),
                  .fields = {{"pid", decimal(pid)}, {"began", decimal(began)}}},
                 decision_log);
}

}  // namespace aa::shim
