// SPDX-License-Identifier: Apache-2.0
#include "ctl/diff/profiles.h"

#include <algorithm>

#include "apparmor/algebra/spelling.h"
#include "base/text.h"
#include "ctl/policy/opened.h"

namespace aa::ctl {

using apparmor::Inclusion;

namespace {

constexpr std::size_t kShownProfiles = 4;

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

Result<void> compare(apparmor::Policy& before, apparmor::Policy& after, const std::set<std::string>& names, ProfileChange& change) {
    apparmor::Budget budget;
    change.gains = TRY(apparmor::inclusion({&after, change.profile}, {&before, change.profile}, budget));
    change.losses = TRY(apparmor::inclusion({&before, change.profile}, {&after, change.profile}, budget));
    keep_own(change.gains, names);
    keep_own(change.losses, names);
    return {};
}

Json to_json(const Inclusion& inclusion) {
    Json list = Json::array();
    for (const auto& gain : inclusion.gains) {
        list.push_back(
            {{"rule", gain.allowance.rule}, {"example", gain.allowance.example}, {"partly", gain.allowance.partly}, {"way", gain.way}});
    }
    return {{"rules", list}, {"all", inclusion.all_listed && inclusion.unproved.empty()}, {"unproved", inclusion.unproved}};
}

void add(std::vector<std::string>& lines, std::string_view sign, const Inclusion& inclusion) {
    for (const auto& line : lines_of(inclusion)) lines.push_back(concat({"  ", sign, " ", line}));
}

}  // namespace

Result<ProfileChanges> profile_changes(const ProfileVersions& versions) {
    const apparmor::Kernel kernel;
    const bool in_force = versions.to.empty();
    const auto before = TRY(open_policy(in_force ? std::vector<std::string>() : std::vector{versions.from}, kernel));
    const auto after = TRY(open_policy({in_force ? versions.from : versions.to}, kernel));
    const auto old_names = TRY(names_of(*before.policy));
    const auto new_names = TRY(names_of(*after.policy));
    std::set<std::string> names = new_names;
    // Of what is in force, only what the files define: the rest is not theirs.
    if (!in_force) names.insert(old_names.begin(), old_names.end());
    if (!versions.profiles.empty()) names = {versions.profiles.begin(), versions.profiles.end()};
    ProfileChanges result{{}, {}, before.broken};
    result.broken.insert(result.broken.end(), after.broken.begin(), after.broken.end());
    for (const auto& name : names) {
        ProfileChange change{name, !old_names.contains(name), !new_names.contains(name), {}, {}};
        if (change.added && change.removed) {
            return Error{ErrorKind::not_found, concat({"there is no profile ", quote(name), ", neither before nor after"})};
        }
        if (!change.added && !change.removed) TRY(compare(*before.policy, *after.policy, names, change));
        for (const auto& unmediated : change.gains.unmediated) result.unmediated[unmediated].insert(name);
        if (change.any()) result.changes.push_back(std::move(change));
    }
    // Not that of std::ranges: clang 14 does not compile the subrange which it returns.
    std::stable_partition(result.changes.begin(), result.changes.end(), [](const ProfileChange& change) { return change.widens(); });
    return result;
}

std::vector<std::string> lines_of(const Inclusion& inclusion) {
    std::vector<std::string> lines;
    for (const auto& gain : inclusion.gains) {
        std::string line = gain.allowance.rule;
        if (gain.allowance.partly) line += ", in part";
        if (gain.allowance.example != gain.allowance.rule) line += concat({"  (as ", gain.allowance.example, ")"});
        if (!gain.way.empty()) line += concat({"  after ", apparmor::shown(gain.way)});
        lines.push_back(std::move(line));
    }
    if (!inclusion.all_listed) lines.emplace_back("…, and more");
    for (const auto& why : inclusion.unproved) lines.push_back(concat({"perhaps more: ", apparmor::shown(why)}));
    return lines;
}

// Those of which the same is so in one line.
std::vector<std::string> lines_of(const Unmediated& unmediated) {
    std::map<std::set<std::string>, std::vector<std::string>> classes;
    for (const auto& [name, profiles] : unmediated) classes[profiles].push_back(name);
    std::vector<std::string> lines;
    for (const auto& [profiles, names] : classes) {
        std::vector<std::string> shown;
        for (const auto& profile : profiles) {
            if (shown.size() < kShownProfiles) shown.push_back(apparmor::shown(profile));
        }
        const auto rest = profiles.size() - shown.size();
        lines.push_back(concat({"not compared: ", join(names, ", "),
                                ", not mediated before or after by the policy's abi, the parser or the kernel, in ", join(shown, ", "),
                                rest == 0 ? "" : concat({" and ", decimal(static_cast<long long>(rest)), " more"})}));
    }
    return lines;
}

Json to_json(const ProfileChanges& changes) {
    Json list = Json::array();
    for (const auto& change : changes.changes) {
        list.push_back({{"profile", change.profile},
                        {"is", change.added     ? "added"
                               : change.removed ? "removed"
                                                : "changed"},
                        {"gains", to_json(change.gains)},
                        {"losses", to_json(change.losses)}});
    }
    return {{"ok", changes.broken.empty() && std::ranges::none_of(changes.changes, &ProfileChange::widens)},
            {"changes", list},
            {"unmediated", changes.unmediated},
            {"broken", changes.broken}};
}

std::vector<std::string> lines_of(const ProfileChanges& changes) {
    std::vector<std::string> lines;
    for (const auto& change : changes.changes) {
        const auto name = apparmor::shown(change.profile);
        if (change.added || change.removed) {
            // Which profiles a broken file has, nobody can tell.
            lines.push_back(
                concat({name, change.added ? ": is new" : ": is gone", changes.broken.empty() ? "" : ", or in a file that is left out"}));
            continue;
        }
        lines.push_back(concat({name, ":"}));
        add(lines, "+", change.gains);
        add(lines, "-", change.losses);
    }
    if (changes.changes.empty()) lines.emplace_back("Nothing is gained or lost.");
    for (auto& line : lines_of(changes.unmediated)) lines.push_back(std::move(line));
    return lines;
}

}  // namespace aa::ctl
