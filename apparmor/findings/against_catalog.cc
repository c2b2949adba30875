// SPDX-License-Identifier: Apache-2.0
#include "apparmor/findings/against_catalog.h"

#include "apparmor/kernel/profile_name.h"
#include "apparmor/policy/reachable.h"
#include "apparmor/policy/walk.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

std::string confinement_name(const Confinement& confinement) { return concat({"confinement ", quote(confinement.name)}); }

// As a catalog lists them: ["CHOWN", "KILL"].
std::string listed(CapabilitySet set) {
    std::string text;
    for (unsigned i = 0; i < CapabilitySet::kKnown; ++i) {
        if (set.has(i)) text += concat({text.empty() ? "" : ", ", "\"", capability_name(i), "\""});
    }
    return concat({"[", text, "]"});
}

}  // namespace

void find_against_ceiling(const Confinement& confinement, Policy& policy, Findings& findings) {
    const auto* profile = std::get_if<std::string>(&confinement.profile);
    const auto* ceiling = std::get_if<CapabilitySet>(&confinement.ceiling);
    if (profile == nullptr || ceiling == nullptr) return;
    const auto& label = *profile;
    const auto own = allowed_capabilities(policy, label);
    const auto reachable = reachable_from(policy, label);
    if (!own || !reachable || reachable->exactness == Exactness::unbounded) return;
    if (const auto cut = *own - *ceiling; !cut.empty() && !CapabilitySet::all().subset_of(*own)) {
        findings.push_back({"AA506",
                            confinement.origin,
                            concat({"profile ", quote(label), " allows ", cut.names(), ", which the ceiling of ",
                                    confinement_name(confinement), " takes away"}),
                            "a rule that does nothing looks like one that does",
                            "take it out of the profile, or add it to \"capabilities\"",
                            {}});
    }
    if (const auto unused = *ceiling - reachable->capabilities; !unused.empty()) {
        findings.push_back({"AA507",
                            confinement.origin,
                            concat({"the ceiling of ", confinement_name(confinement), " has ", unused.names(), ", which neither profile ",
                                    quote(label), " nor what it leads to allows"}),
                            "the catalog says more than a process can use",
                            concat({"write \"capabilities\": ", listed(*ceiling & reachable->capabilities), ", or \"from-profile\""}),
                            {}});
    }
}

namespace {

const Profile* profile_of(Policy& policy, std::string_view name) {
    const auto found = policy.find(name);
    const bool enforces = found && *found != nullptr && ((*found)->mode == Mode::enforce || (*found)->mode == Mode::kill);
    return enforces ? *found : nullptr;
}

}  // namespace

void find_against_catalog(const Confinement& confinement, Policy& policy, Findings& findings) {
    const auto* label = std::get_if<std::string>(&confinement.profile);
    if (label == nullptr) return;
    for (const auto component : components(*label)) {
        const auto* profile = profile_of(policy, component);
        if (profile == nullptr) continue;
        if (confinement.no_new_privileges) find_forbidden_execs({policy, *profile}, confinement.origin, findings);
        if (confinement.start != Start::from_profile || !FileWalk(*profile).targets().empty()) continue;
        findings.push_back(
            {"AA410",
             confinement.origin,
             concat({"\"start\": \"from-profile\": no rule of profile ", quote(profile->name), " lets anything be executed"}),
             "every container is refused, whatever its first program is",
             "add rules for the programs of its images, as `/{,usr/}bin/* ix,`, or leave \"start\" out",
             {}});
    }
}

}  // namespace aa::apparmor
