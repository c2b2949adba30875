// SPDX-License-Identifier: Apache-2.0
//
// aa-shimctl watch: what `status` shows, all the time: each thing that is not as the operator decided is told once, logged and counted.
#include <ctime>
#include <memory>

#include "base/text.h"
#include "base/time.h"
#include "ctl/cli/command.h"
#include "ctl/cli/output.h"
#include "ctl/watch/host_watch.h"
#include "shim/log/counters.h"

namespace aa::ctl {

namespace {

using watch::Finding;
using watch::Kind;

Json text_or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

Json to_json(const Finding& finding, bool killed) {
    const auto entry = to_entry(finding, killed);
    Json document = {
        {"time", rfc3339(std::time(nullptr))}, {"kind", name_of(finding.kind)},      {"message", entry.message},
        {"decision", text_or_null(entry.id)},  {"root", text_or_null(finding.root)}, {"container", text_or_null(entry.container)}};
    for (const auto& [name, value] : entry.fields) document[std::string(name)] = value;
    if (finding.kind == Kind::process) document["pid"] = finding.process.pid;
    document["killed"] = killed;
    return document;
}

std::string to_text(const Finding& finding, bool killed) {
    const auto entry = to_entry(finding, killed);
    const auto decision = entry.id.empty() ? std::string() : concat({" [decision ", entry.id, "]"});
    return concat({rfc3339(std::time(nullptr)), " ", entry.message, decision});
}

shim::Counter counter_of(Kind kind) {
    switch (kind) {
        case Kind::process:
            return shim::Counter::found_processes;
        case Kind::container:
            return shim::Counter::found_containers;
        case Kind::profile:
            return shim::Counter::found_profiles;
        case Kind::host:
            break;
    }
    return shim::Counter::found_host;
}

// Where the catalog in force has decisions written.
std::string decision_log() {
    const auto catalog = apparmor::CompiledCatalog::open(std::string(apparmor::kCatalogPath));
    return catalog ? std::string(catalog->decision_log()) : std::string();
}

void tell(const Context& context, const Finding& finding, bool killed) {
    say(context.json ? to_json(finding, killed).dump(-1, ' ', false, Json::error_handler_t::replace) : to_text(finding, killed));
    (void)std::fflush(stdout);
    shim::count(counter_of(finding.kind));
    if (killed) shim::count(shim::Counter::killed_processes);
    shim::log_decision(to_entry(finding, killed), decision_log());
}

int run(const Context& context, const watch::Settings& settings) {
    bool found = false;
    watch::HostWatch watch(settings, [&](const Finding& finding, bool killed) {
        found = true;
        tell(context, finding, killed);
        return true;
    });
    watch.begin();
    if (!watch.blind().empty()) {
        complain(concat(
            {"note: processes are looked at every ", decimal(settings.every), " s, and not as they execute programs: ", watch.blind()}));
    }
    const auto done = watch.run();
    if (!done) return fail(context, done.error());
    return found ? kWrong : kOk;
}

}  // namespace

void add_watch(const CliCommand& app, Context& context) {
    const auto command = app.subcommand("watch", "Watch all containers, and tell what is not as decided, once, as it comes");
    const auto settings = std::make_shared<watch::Settings>();
    settings->survey.patient = false;
    command.option("--root", settings->survey.root, "Look for containers below this directory, the runtime's --root").type_name("DIR");
    command.flag("--require-all", settings->survey.require_all, "A pod of another RuntimeClass is a fault, too");
    command.option("--every", settings->every, "Look at everything every so many seconds (default: 2)")
        .type_name("SECONDS")
        .within(1, 3600);
    command.option("--for", settings->seconds, "End after so many seconds").type_name("SECONDS").within(1, 1'000'000);
    command.flag("--kill", settings->kill, "Kill each process that deviates");
    command.callback([&context, settings] {
        context.run(settings->kill ? Task::watch_kill : Task::watch, [&context, settings] { return run(context, *settings); });
    });
}

}  // namespace aa::ctl
