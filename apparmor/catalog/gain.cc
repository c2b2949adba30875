// SPDX-License-Identifier: Apache-2.0
#include "apparmor/catalog/gain.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "apparmor/catalog/engine_facts.h"
#include "apparmor/catalog/pattern.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

bool covers(const RuntimeAnnotation& general, const RuntimeAnnotation& specific) {
    return pattern_covers(general.key, specific.key) &&
           (!general.value || (specific.value && pattern_covers(*general.value, *specific.value)));
}

bool covers(const std::optional<std::int64_t>& general, const std::optional<std::int64_t>& specific) {
    return !general || general == specific;
}

// Whether whatever SPECIFIC grants is granted by GENERAL.
bool covers(const DeviceGrant& general, const DeviceGrant& specific) {
    if (specific.access.find_first_not_of(general.access) != specific.access.npos) return false;
    const bool all = general.path.empty() && general.type == 'a' && !general.major && !general.minor;
    if (all) return true;
    if (general.path.empty() != specific.path.empty()) return false;
    if (!general.path.empty()) return pattern_covers(general.path, specific.path);
    return (general.type == 'a' || general.type == specific.type) && covers(general.major, specific.major) &&
           covers(general.minor, specific.minor);
}

std::string gain_of_devices(const std::vector<DeviceGrant>& grants, const std::vector<DeviceGrant>& others) {
    for (const auto& grant : grants) {
        if (std::ranges::none_of(others, [&](const DeviceGrant& other) { return covers(other, grant); }))
            return concat({"have the device ", quote(to_text(grant))});
    }
    return {};
}

std::string gain_of_paths(const std::vector<std::string>& paths, const std::vector<std::string>& others) {
    for (const auto& path : paths) {
        if (std::ranges::none_of(others, [&](const std::string& other) { return pattern_covers(other, path); }))
            return concat({"bring the host's ", quote(path)});
    }
    return {};
}

// What the host gives more in A.
std::string gain_of_host(const HostCeilings& a, const HostCeilings& b) {
    if (b.paths && !a.paths) return "bring any path of the host (\"hostPaths\")";
    if (b.paths) {
        if (auto more = gain_of_paths(*a.paths, *b.paths); !more.empty()) return more;
    }
    if (a.protected_paths && !b.protected_paths) return "bring the host's paths that are aa-shim's own or the runtime's (\"hostPaths\")";
    if (b.devices && !a.devices) return "have any device of the host (\"devices\")";
    if (b.devices) {
        if (auto more = gain_of_devices(*a.devices, *b.devices); !more.empty()) return more;
    }
    if (b.namespaces && !a.namespaces) return "use any namespace of the host (\"hostNamespaces\")";
    if (b.namespaces && (*a.namespaces & ~*b.namespaces) != 0)
        return concat({"use the host's namespaces ", names_of_namespaces(*a.namespaces & ~*b.namespaces)});
    if (b.keep_masked && !a.keep_masked) return "see what is masked below /proc and /sys (\"keepMasked\")";
    return {};
}

bool same_profile(const Confinement& a, const Confinement& b) {
    const auto* first = std::get_if<std::string>(&a.profile);
    const auto* second = std::get_if<std::string>(&b.profile);
    return first != nullptr && second != nullptr && *first == *second;
}

// Whether MATCH leaves some engine's containers out. Which engine it is, is told by where the call comes from, which no request and no
// annotation changes (oci/engine); a pattern for all of them tells nothing.
bool rules_engine_out(const Match& match) {
    return match.engine && std::ranges::any_of(engines_and_facts(), [&](const auto& one) { return !matches(*match.engine, one.engine); });
}

}  // namespace

std::string gain(const Confinement& a, const Confinement& b) {
    const auto is_unconfined = [](const Confinement& c) { return std::get_if<Unconfined>(&c.profile) != nullptr; };
    const auto from_profile = [](const Confinement& c) { return std::get_if<FromProfile>(&c.ceiling) != nullptr; };
    // What the profile allows is not known here: it counts as everything on the one side and as nothing on the other.
    const auto ceiling = [](const Confinement& c, CapabilitySet unknown) {
        const auto* set = std::get_if<CapabilitySet>(&c.ceiling);
        if (set != nullptr) return *set;
        return std::get_if<FromProfile>(&c.ceiling) != nullptr ? unknown : CapabilitySet::all();
    };
    const bool same_source = from_profile(a) && from_profile(b) && same_profile(a, b);
    if (is_unconfined(a) && !is_unconfined(b)) return "run without an AppArmor profile";
    const auto kept = ceiling(a, CapabilitySet::all());
    const auto more = same_source ? CapabilitySet() : kept - ceiling(b, CapabilitySet());
    if (!more.empty() && from_profile(a)) return "keep whatever capabilities its profile allows";
    if (!more.empty() && kept == CapabilitySet::all()) return "keep all capabilities";
    if (!more.empty()) return concat({"keep the capabilities ", more.names()});
    if (b.no_new_privileges && !a.no_new_privileges) return "run without \"noNewPrivileges\"";
    for (const auto& denied : b.deny_syscalls) {
        if (std::ranges::find(a.deny_syscalls, denied) == a.deny_syscalls.end()) return concat({"call ", quote(denied)});
    }
    if (b.exec_otherwise == ExecOtherwise::deny && a.exec_otherwise != ExecOtherwise::deny) return "run commands that no exec rule names";
    if (b.exec_otherwise == ExecOtherwise::transition && a.exec_otherwise == ExecOtherwise::base)
        return "run commands that its profile does not allow";
    if (a.exec_unconfined && !b.exec_unconfined) return "run commands without AppArmor";
    if (a.restore == Restore::allow && b.restore != Restore::allow) return "be restored from a checkpoint";
    for (const auto& annotation : a.runtime_annotations) {
        const auto covering = [&](const RuntimeAnnotation& other) { return covers(other, annotation); };
        if (std::ranges::none_of(b.runtime_annotations, covering))
            return concat({"steer the runtime by the annotation ", quote(annotation.key)});
    }
    return gain_of_host(a.host, b.host);
}

bool is_creators_choice(const Match& match) {
    return !rules_engine_out(match) && !match.handler && !match.kubernetes_namespace && !match.sandbox.value_or(false);
}

}  // namespace aa::apparmor
