// SPDX-License-Identifier: Apache-2.0
//
// aa-shimctl learn: has containers of a confinement run for a time under a twin of their profile that forbids next to nothing, and records
// what they use.
#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <memory>

#include "apparmor/catalog/pattern.h"
#include "apparmor/kernel/kernel.h"
#include "base/text.h"
#include "ctl/cli/command.h"
#include "ctl/cli/output.h"
#include "ctl/learn/finish.h"
#include "ctl/learn/place.h"
#include "ctl/learn/session.h"
#include "ctl/learn/show.h"
#include "ctl/twin/twin.h"

namespace aa::ctl {

namespace {

struct Options {
    LearnOptions learn;
    learned::FinishOptions finish;
    std::vector<std::string> containers;  // how their IDs begin
    std::string time = "30m";
    bool status = false;

    [[nodiscard]] Task task() const {
        if (status) return Task::learn_status;
        return finish.any() ? Task::learn_finish : Task::learn;
    }
};

constexpr long long kMostSeconds = 7LL * 24 * 60 * 60;

// The seconds of "90s", "30m", "2h" or "1d".
Result<long long> seconds_of(std::string_view text) {
    const Error wrong{ErrorKind::usage, concat({"--for ", quote(text), " is no time from 1s to 7d, as 90s, 30m, 2h or 1d"})};
    constexpr std::string_view kUnits = "smhd";
    constexpr std::array kSeconds = {1ULL, 60ULL, 3600ULL, 86400ULL};
    const auto unit = text.empty() ? kUnits.npos : kUnits.find(text.back());
    unsigned long long count = 0;
    if (unit == kUnits.npos || !parse_decimal(text.substr(0, text.size() - 1), count) || count == 0) return wrong;
    if (count > static_cast<unsigned long long>(kMostSeconds) / kSeconds[unit]) return wrong;
    return static_cast<long long>(count * kSeconds[unit]);
}

// Where containers are learned from as they start, one is meant, or all.
Result<void> name_containers(Options& options) {
    auto& learn = options.learn;
    if (learn.shared && !learn.in_place) return Error{ErrorKind::usage, "--shared goes with --in-place: a twin is nobody else's profile"};
    if (learn.in_place) {
        learn.containers = options.containers;
        return {};
    }
    if (options.containers.size() > 1) return Error{ErrorKind::usage, "several --container go with --in-place: name one, or none"};
    if (!options.containers.empty()) learn.filter.container = options.containers.front();
    return {};
}

Result<void> check_filter(const shim::LearningFilter& filter) {
    for (const auto* pattern : {&filter.image, &filter.name}) {
        if (pattern->empty()) continue;
        TRY(apparmor::check_pattern(*pattern).context(concat({"the pattern ", quote(*pattern)})));
    }
    for (const auto* text : {&filter.image, &filter.name, &filter.container}) {
        if (text->find('\n') == std::string::npos) continue;
        return Error{ErrorKind::usage, concat({quote(*text), " has an end of a line in it, which no image, name or ID has"})};
    }
    return {};
}

Result<LearnStatus> status_of(const std::string& confinement, const std::vector<Twin>& twins) {
    LearnStatus status{confinement, false, {}, false, TRY(read_kept_progress(confinement)), TRY(read_kept_recording(confinement))};
    for (const auto& twin : twins) {
        // The twin of a learning before stays, and forbids.
        if (twin.confinement != confinement || (!status.twin.empty() && !twin.complains)) continue;
        status.twin = twin.name;
        status.complains = twin.complains;
        status.goes_on = twin.is_learned;
    }
    return status;
}

// Those of which something is kept, and those whose twins the kernel has.
Result<std::vector<LearnStatus>> all_status(const std::string& only) {
    const apparmor::Kernel kernel;
    const auto twins = kernel.require_enabled() ? TRY(find_twins(kernel)) : std::vector<Twin>();
    auto names = only.empty() ? kept_confinements() : std::vector<std::string>{only};
    for (const auto& twin : twins) {
        if (only.empty() && std::find(names.begin(), names.end(), twin.confinement) == names.end()) names.push_back(twin.confinement);
    }
    std::vector<LearnStatus> all;
    all.reserve(names.size());
    for (const auto& name : names) all.push_back(TRY(status_of(name, twins)));
    return all;
}

int show_status(const Context& context, const std::string& only) {
    const auto all = all_status(only);
    if (!all) return fail(context, all.error());
    const auto now = std::time(nullptr);
    Json document = {{"ok", true}, {"learning", Json::array()}};
    for (const auto& one : *all) {
        document["learning"].push_back(json_of(one, now));
        if (context.json) continue;
        for (const auto& line : lines_of(one, now)) say(line);
    }
    if (context.json) print(document);
    if (!context.json && all->empty()) say("Nothing was learned yet.");
    return kOk;
}

int run(const Context& context, Options& options) {
    if (options.status) return show_status(context, options.learn.confinement);
    if (options.learn.confinement.empty()) return fail(context, Error{ErrorKind::usage, "name the confinement to learn from"});
    if (options.finish.any()) return learned::finish(context, options.learn.confinement, options.finish);
    if (const auto named = name_containers(options); !named) return fail(context, named.error());
    if (const auto checked = check_filter(options.learn.filter); !checked) return fail(context, checked.error());
    const auto seconds = seconds_of(options.time);
    if (!seconds) return fail(context, seconds.error());
    options.learn.seconds = *seconds;
    const auto learned = learn(options.learn, [&](const std::string& text) {
        context.json ? complain(text) : say(text);
        (void)std::fflush(stdout);
    });
    if (!learned) return fail(context, learned.error());
    if (context.json) {
        print(json_of(*learned));
        return kOk;
    }
    for (const auto& remark : learned->remarks) complain("note: " + remark);
    for (const auto& line : lines_of(*learned)) say(line);
    say(concat({"Kept in ", recording_path(options.learn.confinement), "."}));
    return kOk;
}

}  // namespace

void add_learn(const CliCommand& app, Context& context) {
    const auto command =
        app.subcommand("learn", "Have containers of a confinement run under a profile that complains, and record what they use");
    const auto options = std::make_shared<Options>();
    auto& filter = options->learn.filter;
    command.option("CONFINEMENT", options->learn.confinement, "Whose containers, as they are started from now on");
    const auto in_place = command.flag("--in-place", options->learn.in_place,
                                       "From those that run as well: their profile itself complains meanwhile, for all that is under it");
    command.flag("--shared", options->learn.shared, "With --in-place, though others that were not named have the profile, too");
    command.option("--image", filter.image, "Those of this image alone: a pattern, as in \"match\"")
        .type_name("PATTERN")
        .excludes(in_place);
    command.option("--name", filter.name, "Those of this name alone: a pattern").type_name("PATTERN").excludes(in_place);
    command.option("--container", options->containers, "The one alone whose ID begins so; in place, each that is meant")
        .type_name("ID")
        .repeatable();
    command.option("--for", options->time, "For so long: 90s, 30m, 2h, 1d").type_name("TIME").shows_default();
    command.flag("--status", options->status, "How the learning gets on, of this confinement or of all; nothing is changed");
    learned::add_finish_options(command, options->finish);
    command.callback([&context, options] { context.run(options->task(), [&context, options] { return run(context, *options); }); });
}

}  // namespace aa::ctl
