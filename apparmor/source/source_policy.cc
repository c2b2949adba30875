// SPDX-License-Identifier: Apache-2.0
#include "apparmor/source/source_policy.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "apparmor/kernel/profile_name.h"
#include "apparmor/policy/label.h"
#include "apparmor/source/profile_rules.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

bool holds(const std::vector<Profile>& profiles, std::string_view name) {
    return std::any_of(profiles.begin(), profiles.end(), [&](const Profile& profile) { return profile.name == name; });
}

}  // namespace

// Whether some file defines PROFILE, which is at the top level; its profiles are there then.
Result<bool> SourcePolicy::add_file_of(const std::string& profile) {
    if (!asked_.insert(profile).second) return holds(profiles_, profile);
    const auto defining = TRY(files_.defining(profile));
    if (defining.empty()) return false;
    if (defining.size() > 1) {
        return Error{ErrorKind::config, concat({"profile ", quote(profile), " is defined by two files, ", quote(defining[0]), " and ",
                                                quote(defining[1]), ": remove or rename one"})};
    }
    if (!compiled_.insert(defining[0]).second) return true;
    auto profiles = TRY(compile_files(parser_, defining, features_));
    // The kernel puts what is loaded at the front of its lists.
    std::reverse(profiles.begin(), profiles.end());
    profiles_.insert(profiles_.begin(), std::make_move_iterator(profiles.begin()), std::make_move_iterator(profiles.end()));
    return true;
}

// Adds what the rules of the profiles that are there name, until nothing is new.
Result<void> SourcePolicy::add_targets() {
    std::size_t known = 0;
    while (known != profiles_.size()) {
        known = profiles_.size();
        std::set<std::string, std::less<>> names;
        for (const auto& profile : profiles_) {
            for (const std::string_view target : profile.targets) {
                for (const auto component : components(target.substr(target.starts_with('&') ? 1 : 0))) names.emplace(top_level(component));
            }
        }
        for (const auto& name : names) {
            if (!name.empty() && !name.starts_with(':')) TRY(add_file_of(name));
        }
    }
    return {};
}

Result<Policy*> SourcePolicy::policy_of(std::string_view label) {
    const std::size_t before = profiles_.size();
    for (const auto component : TRY(label_components(label))) {
        if (component == kUnconfined || TRY(add_file_of(std::string(top_level(component))))) continue;
        return Error{ErrorKind::not_found, concat({"what profile ", quote(component), " allows cannot be told: no file in ",
                                                   join(files_.directories(), ", "), " defines it, and the kernel was not asked"})};
    }
    TRY(add_targets());
    if (!policy_ || profiles_.size() != before) policy_.emplace(profiles_, KernelBehaviour::of_running_kernel());
    return static_cast<Policy*>(&*policy_);
}

}  // namespace aa::apparmor
