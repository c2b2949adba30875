// SPDX-License-Identifier: Apache-2.0
#include "ctl/watch/finding.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace aa::ctl::watch {
namespace {

using status::ContainerReport;
using status::Standing;

std::string key_of(const Finding& finding) { return concat({name_of(finding.kind), " ", finding.reason, " ", finding.object}); }

Finding about(const ContainerReport& report, Kind kind, std::string reason) {
    Finding finding{.kind = kind, .reason = std::move(reason), .object = concat({report.root, "/", report.id})};
    finding.root = report.root;
    finding.container = report.id;
    finding.subject = report.subject;
    if (report.decision) finding.decision = *report.decision;
    return finding;
}

// What is wrong with a container as a whole; nullptr: nothing.
const char* problem_of(Standing standing, bool require_all) {
    switch (standing) {
        case Standing::bypassed:
            return "aa-shim did not start it: another runtime did";
        case Standing::elsewhere:
            return require_all ? "aa-shim did not start it: its RuntimeClass is another's" : nullptr;
        case Standing::forged:
        case Standing::unreadable:
            return "";
        case Standing::as_decided:
        case Standing::created:
        case Standing::passed:
        case Standing::deviates:
        case Standing::agent:
            break;
    }
    return nullptr;
}

void add_container(const ContainerReport& report, bool require_all, std::vector<Finding>& found) {
    if (const char* problem = problem_of(report.standing, require_all)) {
        auto finding = about(report, Kind::container, status::name_of(report.standing));
        finding.message =
            concat({"container ", quote(report.id), ": ", report.problem.empty() ? std::string_view(problem) : report.problem});
        finding.certain = report.standing != Standing::unreadable;
        found.push_back(std::move(finding));
    }
    for (const auto& process : report.processes) {
        if (process.deviation) found.push_back(found_process(report, process));
    }
}

Finding found_profile(std::string reason, const std::string& profile, std::string message) {
    Finding finding{.kind = Kind::profile, .reason = std::move(reason), .object = profile, .message = std::move(message)};
    finding.profile = profile;
    return finding;
}

Finding of_drift(const apparmor::Drift& drift) {
    if (drift.weakened) {
        return found_profile(std::string(apparmor::mode_name(drift.mode)), drift.profile,
                             concat({"profile ", quote(drift.profile), " is in ", apparmor::mode_name(drift.mode),
                                     " mode since the catalog was loaded: nothing that it forbids is refused; run 'aa-shimctl load'"}));
    }
    return found_profile(
        "replaced", drift.profile,
        concat({"profile ", quote(drift.profile), " was replaced by another one since the catalog was loaded: run 'aa-shimctl load'"}));
}

void add_host(const status::Survey& survey, std::vector<Finding>& found) {
    if (!survey.catalog)
        found.push_back({.kind = Kind::host, .reason = "no-catalog", .message = "no catalog is in force: " + survey.no_catalog});
    for (const auto& twin : survey.twins) {
        if (!twin.complains || twin.is_learned) continue;
        found.push_back(found_profile("twin", twin.name,
                                      concat({"profile ", quote(twin.name),
                                              " still forbids next to nothing, and nobody learns from it: run "
                                              "'aa-shimctl load'"})));
    }
}

}  // namespace

const char* name_of(Kind kind) {
    switch (kind) {
        case Kind::process:
            return "process";
        case Kind::container:
            return "container";
        case Kind::profile:
            return "profile";
        case Kind::host:
            break;
    }
    return "host";
}

Finding found_process(const ContainerReport& report, const status::ProcessReport& process) {
    auto finding = about(report, Kind::process, "deviates");
    finding.object += concat({" ", decimal(process.pid)});
    finding.message = concat(
        {"container ", quote(report.id), ", process ", decimal(process.pid), " (", quote(process.command), "): ", *process.deviation});
    finding.process = process;
    return finding;
}

std::vector<Finding> findings_of(const status::Survey& survey, const std::vector<apparmor::Drift>& drift) {
    std::vector<Finding> found;
    add_host(survey, found);
    for (const auto& unloaded : survey.unloaded) {
        found.push_back(
            found_profile("unloaded", unloaded, unloaded + " is not loaded, and what it is decided for is refused: run 'aa-shimctl load'"));
    }
    for (const auto& one : drift) {
        const bool revealed = std::find(survey.revealed.begin(), survey.revealed.end(), one.profile) != survey.revealed.end();
        const bool complains_in_place = std::any_of(survey.twins.begin(), survey.twins.end(), [&](const Twin& twin) {
            return twin.in_place && twin.complains && twin.name == one.profile;
        });
        if (!complains_in_place && (!revealed || one.weakened)) found.push_back(of_drift(one));
    }
    for (const auto& report : survey.containers) add_container(report, survey.require_all, found);
    return found;
}

shim::LogEntry to_entry(const Finding& finding, bool killed) {
    const auto& decision = finding.decision;
    shim::LogEntry entry{.found = true,
                         .id = decision.id,
                         .command = "watch",
                         .container = finding.container,
                         .message = finding.message + (killed ? "; it was killed" : ""),
                         .fields = {{"reason", finding.reason}}};
    const auto add = [&entry](std::string_view name, const std::string& value) {
        if (!value.empty()) entry.fields.emplace_back(name, value);
    };
    add("rule", decision.rule);
    add("confinement", decision.confinement);
    shim::trace_subject(finding.subject, entry.fields);
    add("profile", decision.bounds.profile ? *decision.bounds.profile : finding.profile);
    if (finding.kind != Kind::process) return entry;
    add("label", finding.process.label);
    add("program", finding.process.command);
    add("pid", decimal(finding.process.pid));
    add("killed", killed ? "true" : "");
    return entry;
}

std::vector<Finding> Ledger::take(std::vector<Finding> found, Time now) {
    std::map<std::string, Entry> still;
    std::vector<Finding> result;
    for (auto& finding : found) {
        const auto key = key_of(finding);
        const auto known = entries_.find(key);
        auto& entry = still.emplace(key, known == entries_.end() ? Entry{now} : known->second).first->second;
        if (entry.told || (!finding.certain && now - entry.first < kLasts)) continue;
        entry.told = true;
        result.push_back(std::move(finding));
    }
    entries_ = std::move(still);
    return result;
}

bool Ledger::take_one(const Finding& finding, Time now) {
    auto& entry = entries_.emplace(key_of(finding), Entry{now}).first->second;
    return !std::exchange(entry.told, true);
}

}  // namespace aa::ctl::watch
