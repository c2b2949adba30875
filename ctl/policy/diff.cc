// SPDX-License-Identifier: Apache-2.0
//
// aa-shimctl diff: what profiles gain and lose from one version to another. Nothing is changed.
#include <algorithm>
#include <memory>
#include <set>

#include "apparmor/algebra/inclusion.h"
#include "apparmor/algebra/spelling.h"
#include "base/text.h"
#include "ctl/cli/command.h"
#include "ctl/policy/opened.h"

namespace aa::ctl {

namespace {

using apparmor::Inclusion;

struct Options {
    std::string from;
    std::string to;  // empty: `from` is the new one, and the old one is in force
    std::vector<std::string> labels;
};

struct Change {
    std::string profile;
    bool added = false;
    bool removed = false;
    Inclusion gains;  // if it is in both
    Inclusion losses;

    [[nodiscard]] bool any() const { return added || removed || !gains.included() || !losses.included(); }
    [[nodiscard]] bool widens() const { return added || !gains.included(); }
};

Result<std::set<std::string>> names_of(apparmor::Policy& policy) {
    std::set<std::string> names;
    for (const auto* profile : TRY(policy.all())) names.insert(profile->name);
    return names;
}

// Only of gains that are its own: what a profile reaches through another one is told there, where that one is among NAMES.
void keep_own(Inclusion& inclusion, const std::set<std::string>& names) {
    std::erase_if(inclusion.gains,
                  [&](const apparmor::Gain& gain) { return !gain.way.empty() && gain.ours == gain.theirs && names.contains(gain.ours); });
}

Result<std::vector<Change>> changes(const Options& options) {
    const apparmor::Kernel kernel;
    const bool in_force = options.to.empty();
    const auto before = TRY(open_policy(in_force ? std::vector<std::string>() : std::vector{options.from}, kernel));
    const auto after = TRY(open_policy({in_force ? options.from : options.to}, kernel));
    const auto old_names = TRY(names_of(*before.policy));
    const auto new_names = TRY(names_of(*after.policy));
    std::set<std::string> names = new_names;
    // Of what is in force, only what the files define: the rest is not theirs.
    if (!in_force) names.insert(old_names.begin(), old_names.end());
    if (!options.labels.empty()) names = {options.labels.begin(), options.labels.end()};
    std::vector<Change> result;
    for (const auto& name : names) {
        Change change{name, !old_names.contains(name), !new_names.contains(name), {}, {}};
        if (change.added && change.removed) {
            return Error{ErrorKind::not_found, concat({"there is no profile ", quote(name), ", neither before nor after"})};
        }
        if (!change.added && !change.removed) {
            apparmor::Budget budget;
            change.gains = TRY(apparmor::inclusion({after.policy.get(), name}, {before.policy.get(), name}, budget));
            change.losses = TRY(apparmor::inclusion({before.policy.get(), name}, {after.policy.get(), name}, budget));
            keep_own(change.gains, names);
            keep_own(change.losses, names);
        }
        if (change.any()) result.push_back(std::move(change));
    }
    return result;
}

Json to_json(const Inclusion& inclusion) {
    Json list = Json::array();
    for (const auto& gain : inclusion.gains) {
        list.push_back(
            {{"rule", gain.allowance.rule}, {"example", gain.allowance.example}, {"partly", gain.allowance.partly}, {"way", gain.way}});
    }
    return {{"rules", list}, {"all", inclusion.all_listed && inclusion.unproved.empty()}, {"unproved", inclusion.unproved}};
}

void tell(std::string_view sign, const Inclusion& inclusion) {
    for (const auto& gain : inclusion.gains) {
        std::string line = concat({"  ", sign, " ", gain.allowance.rule});
        if (gain.allowance.partly) line += ", in part";
        if (gain.allowance.example != gain.allowance.rule) line += concat({"  (as ", gain.allowance.example, ")"});
        if (!gain.way.empty()) line += concat({"  after ", apparmor::shown(gain.way)});
        say(line);
    }
    if (!inclusion.all_listed) say(concat({"  ", sign, " …, and more"}));
    for (const auto& why : inclusion.unproved) say(concat({"  ", sign, " perhaps more: ", apparmor::shown(why)}));
}

void tell(const Change& change) {
    if (change.added || change.removed) {
        say(concat({apparmor::shown(change.profile), change.added ? ": is new" : ": is gone"}));
        return;
    }
    say(concat({apparmor::shown(change.profile), ":"}));
    tell("+", change.gains);
    tell("-", change.losses);
}

int diff(const Context& context, const Options& options) {
    const auto found = changes(options);
    if (!found) return fail(context, found.error());
    const bool widens = std::any_of(found->begin(), found->end(), [](const Change& change) { return change.widens(); });
    if (context.json) {
        Json list = Json::array();
        for (const auto& change : *found) {
            list.push_back({{"profile", change.profile},
                            {"is", change.added     ? "added"
                                   : change.removed ? "removed"
                                                    : "changed"},
                            {"gains", to_json(change.gains)},
                            {"losses", to_json(change.losses)}});
        }
        print({{"ok", !widens}, {"changes", list}});
        return widens ? kWrong : kOk;
    }
    for (const auto& change : *found) tell(change);
    if (found->empty()) say("Nothing is gained or lost.");
    return widens ? kWrong : kOk;
}

}  // namespace

void add_diff(CLI::App& app, Context& context) {
    auto* command = app.add_subcommand("diff", "What profiles gain (+) and lose (-) from one version to another");
    const auto options = std::make_shared<Options>();
    command
        ->add_option("OLD", options->from, "A profile file, or a directory of them; alone it is the new one, and the old one is in force")
        ->required();
    command->add_option("NEW", options->to, "The same, afterwards");
    command->add_option("--profile", options->labels, "Compare this profile only; may be repeated")
        ->type_name("NAME")
        ->allow_extra_args(false);
    command->callback([&context, options] { context.run(Task::diff, [&context, options] { return diff(context, *options); }); });
}

}  // namespace aa::ctl
