// SPDX-License-Identifier: Apache-2.0
#include "ctl/status/standing.h"

#include <algorithm>

#include "apparmor/kernel/profile_name.h"
#include "base/text.h"
#include "shim/exec_decision.h"

namespace aa::ctl::status {

namespace {

bool contains(const std::vector<std::string>& labels, std::string_view label) {
    return std::any_of(labels.begin(), labels.end(), [&](const auto& one) { return apparmor::same_label(one, label); });
}

// Whether a process that was started under one of STARTS can have LABEL.
Result<bool> can_have(const std::vector<std::string>& starts, std::string_view label, Labels& labels) {
    if (contains(starts, label)) return true;
    for (const auto& start : starts) {
        if (TRY(labels.leads_to(start, label))) return true;
    }
    return false;
}

std::optional<std::string> find_wrong_label(const shim::Observed& observed, const Expected& expected, Labels& labels) {
    const auto& seen = observed.label.label;
    if (contains(expected.starts, seen)) return std::nullopt;
    const auto confining = labels.confining(seen);
    const auto allowed = confining ? can_have(expected.starts, *confining, labels) : Result<bool>(confining.error());
    if (!allowed) return concat({"whether its label ", quote(seen), " may be cannot be told: ", allowed.error().message});
    if (*allowed) return std::nullopt;
    return concat({"the kernel says that its label is ", quote(seen), ", to which neither the policy nor an exec rule leads from ",
                   quote(*expected.bounds.profile)});
}

}  // namespace

Result<std::string> Labels::confining(std::string_view label) {
    std::string result;
    for (const auto component : apparmor::components(label)) {
        if (component == apparmor::kUnconfined) continue;
        const auto* profile = TRY(policy_.find(component));
        if (profile != nullptr && profile->mode == apparmor::Mode::unconfined) continue;
        result = result.empty() ? std::string(component) : apparmor::stack(result, component);
    }
    return result;
}

Result<const Labels::Reach*> Labels::reach_of(std::string_view profile) {
    if (const auto known = reach_.find(profile); known != reach_.end()) return &known->second;
    const auto reachable = TRY(apparmor::reachable_from(policy_, profile));
    Reach reach;
    reach.anywhere = reachable.exactness == apparmor::Exactness::unbounded;
    if (!reach.anywhere && !reachable.all_listed) {
        return Error{ErrorKind::config, concat({"profile ", quote(profile), " leads to more labels than are listed"})};
    }
    for (const auto& reached : reachable.labels) {
        for (const auto component : apparmor::components(reached.label)) reach.profiles.emplace(component);
    }
    return &reach_.emplace(profile, std::move(reach)).first->second;
}

Result<bool> Labels::leads_to(std::string_view start, std::string_view label) {
    const auto seen = apparmor::components(label);
    const auto confining_start = TRY(confining(start));
    if (confining_start.empty()) return true;
    std::vector<const Reach*> from;
    for (const auto component : apparmor::components(confining_start)) from.push_back(TRY(reach_of(component)));
    const auto leads = [](const Reach* reach, std::string_view component) {
        return reach->anywhere || reach->profiles.contains(component);
    };
    const auto comes_from_start = [&](std::string_view component) {
        return std::any_of(from.begin(), from.end(), [&](const Reach* reach) { return leads(reach, component); });
    };
    const auto is_left = [&](const Reach* reach) {
        return std::any_of(seen.begin(), seen.end(), [&](std::string_view component) { return leads(reach, component); });
    };
    return std::all_of(seen.begin(), seen.end(), comes_from_start) && std::all_of(from.begin(), from.end(), is_left);
}

Expected expected_of(const shim::Decision& container, const apparmor::Confinement* confinement) {
    Expected expected{container.bounds, {}, confinement != nullptr && confinement->exec_unconfined};
    if (!container.bounds.profile) return expected;
    const auto& base = *container.bounds.profile;
    expected.starts.push_back(base);
    if (container.start_label) expected.starts.push_back(*container.start_label);
    if (confinement == nullptr) return expected;
    for (auto& label : shim::exec_rule_labels(*confinement, base)) expected.starts.push_back(std::move(label));
    return expected;
}

std::optional<std::string> find_deviation(const shim::Observed& observed, const Expected& expected, bool own_capabilities, Labels* labels) {
    auto seen = observed;
    if (!own_capabilities) seen.bounding = seen.permitted = seen.others = CapabilitySet();
    auto bounds = expected.bounds;
    const bool has_left = expected.may_leave && observed.label.label == apparmor::kUnconfined;
    if (has_left) bounds.profile.reset();
    if (auto mismatch = shim::find_mismatch(seen, bounds)) return mismatch;
    if (has_left) return std::nullopt;
    const bool confined = expected.bounds.profile && *expected.bounds.profile != apparmor::kUnconfined;
    if (!confined || labels == nullptr) return std::nullopt;
    return find_wrong_label(observed, expected, *labels);
}

}  // namespace aa::ctl::status
