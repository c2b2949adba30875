// SPDX-License-Identifier: Apache-2.0
#include "apparmor/policy/label.h"

#include <algorithm>

#include "apparmor/kernel/profile_name.h"
#include "base/text.h"

namespace aa::apparmor {

Result<std::vector<std::string_view>> label_components(std::string_view label) {
    std::vector<std::string_view> unique;
    for (const auto component : components(label)) {
        if (component.empty()) return Error{ErrorKind::config, concat({"cannot evaluate label ", quote(label), ": a component is empty"})};
        if (component[0] == ':') {
            return Error{ErrorKind::config, concat({"cannot evaluate label ", quote(label), ": it names a policy namespace"})};
        }
        if (std::find(unique.begin(), unique.end(), component) == unique.end()) unique.push_back(component);
    }
    return unique;
}

Result<const Profile*> find_component(Policy& policy, std::string_view component) {
    const Profile* profile = TRY(policy.find(component));
    if (profile == nullptr) return Error{ErrorKind::not_found, concat({"profile ", quote(component), " is not loaded"})};
    if (profile->mode == Mode::prompt || profile->mode == Mode::mixed || profile->mode == Mode::unknown) {
        return Error{ErrorKind::config,
                     concat({"cannot evaluate profile ", quote(component), ": it is in ", mode_name(profile->mode), " mode"})};
    }
    return profile;
}

Result<std::string> find_label(Policy& policy, std::string_view text) {
    std::string label;
    if (text.empty()) return label;
    for (auto component : components(text)) {
        if (component.starts_with(':')) {
            return Error{ErrorKind::config, concat({"cannot evaluate the target ", quote(text), ": it names a policy namespace"})};
        }
        if (TRY(policy.find(component)) == nullptr) {
            if (!kUnconfined.starts_with(component)) return std::string();
            component = kUnconfined;
        }
        label = label.empty() ? std::string(component) : stack(label, component);
    }
    return label;
}

Result<std::string> find_child(Policy& policy, const Profile& profile, std::string_view text) {
    std::string name = concat({profile.name, "//", text});
    const Profile* child = TRY(policy.find(name));
    if (child == nullptr || child->local_name() != text) return std::string();
    return name;
}

Result<bool> confines_nothing(Policy& policy, std::string_view label) {
    for (const auto component : components(label)) {
        if (component == kUnconfined) continue;
        const Profile* profile = TRY(policy.find(component));
        if (profile != nullptr && profile->mode != Mode::unconfined) return false;
    }
    return true;
}

std::string exec_rule_text(const Profile& profile, std::uint32_t target) {
    const auto has = [target](std::uint32_t flag) { return (target & flag) != 0; };
    std::string_view to;
    bool child = has(exec_index::kChild);
    const bool named = (target & exec_index::kTypeMask) == exec_index::kTable;
    if (named && (target & exec_index::kIndexMask) < profile.targets.size()) {
        to = profile.targets[target & exec_index::kIndexMask];
        const std::string own = profile.name + "//";
        // The compiler writes `cx -> kid` so.
        if (to.starts_with(own) && to.find("//&") == std::string_view::npos) {
            child = true;
            to.remove_prefix(own.size());
        }
    }
    std::string word;
    if ((target & exec_index::kTypeMask) != 0) word += child ? 'c' : 'p';
    if (has(exec_index::kInherit)) word += 'i';
    if (has(exec_index::kUnconfined)) word += 'u';
    if (!has(exec_index::kUnsafe) && !word.empty() && word != "i") word[0] = static_cast<char>(word[0] - 'a' + 'A');
    word += 'x';
    return named ? concat({word, " -> ", to}) : word;
}

}  // namespace aa::apparmor
