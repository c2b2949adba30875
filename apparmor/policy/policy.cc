// SPDX-License-Identifier: Apache-2.0
#include "apparmor/policy/policy.h"

#include <sys/utsname.h>

namespace aa::apparmor {
namespace {

constexpr std::string_view kChildSeparator = "//";

// Where the last part of NAME begins. The kernel looks for separators from the left, so that the child "/bin/x" of "web",
// "web///bin/x", has its name's slash.
std::size_t last_part(std::string_view name) {
    std::size_t begin = 0;
    for (std::size_t at = name.find(kChildSeparator); at != std::string_view::npos; at = name.find(kChildSeparator, begin)) {
        begin = at + kChildSeparator.size();
    }
    return begin;
}

// Reads the number at the front of TEXT, and what ends it.
unsigned take_number(std::string_view& text) {
    unsigned value = 0;
    while (!text.empty() && text[0] >= '0' && text[0] <= '9' && value < 10000) {
        value = 10 * value + static_cast<unsigned>(text[0] - '0');
        text.remove_prefix(1);
    }
    if (!text.empty()) text.remove_prefix(1);
    return value;
}

}  // namespace

std::string_view Profile::local_name() const { return std::string_view(name).substr(last_part(name)); }

std::string_view parent_of(std::string_view name) {
    const std::size_t begin = last_part(name);
    return begin == 0 ? std::string_view() : name.substr(0, begin - kChildSeparator.size());
}

std::string_view Profile::parent() const { return parent_of(name); }

CapabilitySet Profile::rule_capabilities() const {
    if (capability_start == kDeadState) return capabilities & CapabilitySet::all();
    CapabilitySet result;
    for (unsigned capability = 0; capability < CapabilitySet::kKnown; ++capability) {
        const StateId state = capability_rules.step(capability_start, static_cast<std::uint8_t>(capability / 32));
        if ((capability_rules.permissions(state, true).allow & (1U << (capability % 32))) != 0) result.add(capability);
    }
    return result;
}

StateId Profile::rules_of(std::uint8_t mediation_class) const {
    return rules.empty() ? kDeadState : rules.step(rules_start, mediation_class);
}

bool Profile::receives(int signal, std::string_view peer) const {
    const StateId start = rules_of(mediation::kSignal);
    if (start == kDeadState) return true;
    const Permissions permissions = rules.permissions(rules.match(rules.step(start, static_cast<std::uint8_t>(signal)), peer), true);
    return (permissions.allow & ~permissions.deny & permission::kRead) != 0;
}

bool Profile::may_read_by_ptrace(std::string_view peer) const {
    const StateId start = rules_of(mediation::kPtrace);
    if (start == kDeadState) return true;
    const Permissions permissions = rules.permissions(rules.match(start, peer), true);
    return (permissions.allow & ~permissions.deny & permission::kRead) != 0;
}

KernelBehaviour KernelBehaviour::of_release(std::string_view release) {
    const unsigned major = take_number(release);
    const unsigned minor = take_number(release);
    const unsigned patch = take_number(release);
    const auto at_least = [&](unsigned a, unsigned b) { return major > a || (major == a && minor >= b); };
    std::optional<LoopDetection> loops;
    if (at_least(7, 0) || (major == 6 && minor == 12 && patch >= 107)) loops = LoopDetection::fixed;
    if (major == 6 && minor == 1 && patch <= 176) loops = LoopDetection::original;
    return {.loops = loops, .complain_replaces_missing_target = at_least(7, 2), .missing_stack_target_is_not_found = at_least(6, 12)};
}

KernelBehaviour KernelBehaviour::of_running_kernel() {
    utsname names{};
    return of_release(::uname(&names) == 0 ? std::string_view(names.release) : std::string_view());
}

Result<const Profile*> PolicySet::find(std::string_view name) {
    for (const Profile& profile : profiles_) {
        if (profile.name == name) return &profile;
    }
    return static_cast<const Profile*>(nullptr);
}

Result<std::vector<const Profile*>> PolicySet::list(std::string_view parent, std::string_view /*path*/) {
    std::vector<const Profile*> found;
    for (const Profile& profile : profiles_) {
        if (profile.parent() == parent) found.push_back(&profile);
    }
    return found;
}

Result<std::vector<const Profile*>> PolicySet::all() {
    std::vector<const Profile*> found;
    found.reserve(profiles_.size());
    for (const Profile& profile : profiles_) found.push_back(&profile);
    return found;
}

}  // namespace aa::apparmor
