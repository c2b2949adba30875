// SPDX-License-Identifier: Apache-2.0
#include "apparmor/source_policy.h"

#include <sys/utsname.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "apparmor/policy_label.h"
#include "apparmor/profile_name.h"
#include "apparmor/profile_rules.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

KernelBehaviour running_behaviour() {
    utsname names{};
    return ::uname(&names) == 0 ? KernelBehaviour::of_release(names.release) : KernelBehaviour();
}

std::string top_level(std::string_view profile) { return std::string(profile.substr(0, profile.find("//"))); }

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
                for (const auto component : components(target.substr(target.starts_with('&') ? 1 : 0))) names.insert(top_level(component));
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
        if (component == kUnconfined || TRY(add_file_of(top_level(component)))) continue;
        std::string directories;
        for (const auto& directory : files_.directories()) directories += (directories.empty() ? "" : ", ") + directory;
        return Error{ErrorKind::not_found, concat({"what profile ", quote(component), " allows cannot be told: no file in ", directories,
                                                   " defines it, and the kernel was not asked"})};
    }
    TRY(add_targets());
    if (!policy_ || profiles_.size() != before) policy_.emplace(profiles_, running_behaviour());
    return static_cast<Policy*>(&*policy_);
}

Result<ExecOutcome> SourcePolicy::exec(std::string_view label, const ExecFile& file) {
    return exec_transition(*TRY(policy_of(label)), label, file);
}

Result<CapabilitySet> SourcePolicy::ceiling(std::string_view profile, CapabilitySet /*evaluated*/) {
    return ceiling_from_profile(*TRY(policy_of(profile)), profile);
}

}  // namespace aa::apparmor
