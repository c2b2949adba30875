// SPDX-License-Identifier: Apache-2.0
#include "apparmor/catalog/gain.h"

#include <algorithm>
#include <optional>
#include <utility>

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

using Words = std::vector<std::string>;

void add_devices(const std::vector<DeviceGrant>& grants, const std::vector<DeviceGrant>& others, Words& words) {
    for (const auto& grant : grants) {
        if (std::ranges::none_of(others, [&](const DeviceGrant& other) { return covers(other, grant); }))
            words.push_back(concat({"have the device ", quote(to_text(grant))}));
    }
}

void add_paths(const std::vector<std::string>& paths, const std::vector<std::string>& others, Words& words) {
    for (const auto& path : paths) {
        if (std::ranges::none_of(others, [&](const std::string& other) { return pattern_covers(other, path); }))
            words.push_back(concat({"bring the host's ", quote(path)}));
    }
}

// What the host gives more in A.
void add_host(const HostCeilings& a, const HostCeilings& b, Words& words) {
    if (b.paths && !a.paths) words.emplace_back("bring any path of the host (\"hostPaths\")");
    if (b.paths && a.paths) add_paths(*a.paths, *b.paths, words);
    if (a.protected_paths && !b.protected_paths)
        words.emplace_back("bring the host's paths that are aa-shim's own or the runtime's (\"hostPaths\")");
    if (b.devices && !a.devices) words.emplace_back("have any device of the host (\"devices\")");
    if (b.devices && a.devices) add_devices(*a.devices, *b.devices, words);
    if (b.namespaces && !a.namespaces) words.emplace_back("use any namespace of the host (\"hostNamespaces\")");
    if (b.namespaces && a.namespaces && (*a.namespaces & ~*b.namespaces) != 0)
        words.push_back(concat({"use the host's namespaces ", names_of_namespaces(*a.namespaces & ~*b.namespaces)}));
    if (b.keep_masked && !a.keep_masked) words.emplace_back("see what is masked below /proc and /sys (\"keepMasked\")");
}

bool same_profile(const Confinement& a, const Confinement& b) {
    const auto* first = std::get_if<std::string>(&a.profile);
    const auto* second = std::get_if<std::string>(&b.profile);
    return first != nullptr && second != nullptr && *first == *second;
}

// What the ceiling of A keeps and that of B does not. What a profile allows is not known here: it counts as everything on the one side and
// as nothing on the other.
void add_capabilities(const Confinement& a, const Confinement& b, Words& words) {
    const auto from_profile = [](const Confinement& c) { return std::get_if<FromProfile>(&c.ceiling) != nullptr; };
    const auto ceiling = [&](const Confinement& c, CapabilitySet unknown) {
        const auto* set = std::get_if<CapabilitySet>(&c.ceiling);
        return set != nullptr ? *set : from_profile(c) ? unknown : CapabilitySet::all();
    };
    if (from_profile(a) && from_profile(b) && same_profile(a, b)) return;
    const auto kept = ceiling(a, CapabilitySet::all());
    const auto more = kept - ceiling(b, CapabilitySet());
    if (more.empty()) return;
    words.push_back(from_profile(a)                ? std::string("keep whatever capabilities its profile allows")
                    : kept == CapabilitySet::all() ? std::string("keep all capabilities")
                                                   : concat({"keep the capabilities ", more.names()}));
}

// Whether MATCH leaves some engine's containers out. Which engine it is, is told by where the call comes from, which no request and no
// annotation changes (oci/engine); a pattern for all of them tells nothing.
bool rules_engine_out(const Match& match) {
    return match.engine && std::ranges::any_of(engines_and_facts(), [&](const auto& one) { return !matches(*match.engine, one.engine); });
}

}  // namespace

std::vector<std::string> gains(const Confinement& a, const Confinement& b) {
    Words words;
    const auto is_unconfined = [](const Confinement& c) { return std::get_if<Unconfined>(&c.profile) != nullptr; };
    if (is_unconfined(a) && !is_unconfined(b)) words.emplace_back("run without an AppArmor profile");
    add_capabilities(a, b, words);
    if (b.no_new_privileges && !a.no_new_privileges) words.emplace_back("run without \"noNewPrivileges\"");
    for (const auto& denied : b.deny_syscalls) {
        if (std::ranges::find(a.deny_syscalls, denied) == a.deny_syscalls.end()) words.push_back(concat({"call ", quote(denied)}));
    }
    if (b.exec_otherwise == ExecOtherwise::deny && a.exec_otherwise != ExecOtherwise::deny)
        words.emplace_back("run commands that no exec rule names");
    if (b.exec_otherwise == ExecOtherwise::transition && a.exec_otherwise == ExecOtherwise::base)
        words.emplace_back("run commands that its profile does not allow");
    if (a.exec_unconfined && !b.exec_unconfined) words.emplace_back("run commands without AppArmor");
    if (a.restore == Restore::allow && b.restore != Restore::allow) words.emplace_back("be restored from a checkpoint");
    for (const auto& annotation : a.runtime_annotations) {
        const auto covering = [&](const RuntimeAnnotation& other) { return covers(other, annotation); };
        if (std::ranges::none_of(b.runtime_annotations, covering))
            words.push_back(concat({"steer the runtime by the annotation ", quote(annotation.key)}));
    }
    add_host(a.host, b.host, words);
    return words;
}

std::string gain(const Confinement& a, const Confinement& b) {
    auto words = gains(a, b);
    return words.empty() ? std::string() : std::move(words.front());
}

bool is_creators_choice(const Match& match) {
    return !rules_engine_out(match) && !match.handler && !match.kubernetes_namespace && !match.sandbox.value_or(false);
}

}  // namespace aa::apparmor
