// SPDX-License-Identifier: Apache-2.0
#include "apparmor/source/source_policy.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "apparmor/kernel/profile_name.h"
#include "apparmor/policy/label.h"
#include "apparmor/source/compiled_files.h"
#include "apparmor/source/profile_rules.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

bool holds(const std::vector<Profile>& profiles, std::string_view name) {
    return std::any_of(profiles.begin(), profiles.end(), [&](const Profile& profile) { return profile.name == name; });
}

// The profiles that were asked for, and behind them those that attach by themselves, which are compiled only when it matters.
class FilesPolicy : public Policy {
public:
    FilesPolicy(SourcePolicy& sources, std::vector<Profile> asked)
        : sources_(sources), asked_(std::move(asked), KernelBehaviour::of_running_kernel()) {}

    Result<const Profile*> find(std::string_view name) override {
        const auto* found = TRY(asked_.find(name));
        return found != nullptr || !others_ ? Result<const Profile*>(found) : others_->find(name);
    }

    Result<std::vector<const Profile*>> list(std::string_view parent, std::string_view path) override {
        if (parent.empty()) TRY(add_others());
        auto profiles = TRY(asked_.list(parent, path));
        return others_ ? joined(std::move(profiles), TRY(others_->list(parent, path))) : std::move(profiles);
    }

    Result<std::vector<const Profile*>> all() override {
        TRY(add_others());
        return joined(TRY(asked_.all()), TRY(others_->all()));
    }

    [[nodiscard]] KernelBehaviour behaviour() const override { return asked_.behaviour(); }

private:
    Result<void> add_others() {
        if (!others_) others_.emplace(TRY(sources_.others()), asked_.behaviour());
        return {};
    }

    static std::vector<const Profile*> joined(std::vector<const Profile*> first, const std::vector<const Profile*>& more) {
        first.insert(first.end(), more.begin(), more.end());
        return first;
    }

    SourcePolicy& sources_;
    PolicySet asked_;
    std::optional<PolicySet> others_;
};

}  // namespace

Result<std::vector<Profile>> SourcePolicy::others() {
    auto files = also_ == AlsoLoaded::at_boot ? files_.at_boot() : files_.at_boot_and_own();
    std::erase_if(files, [&](const std::string& file) { return compiled_.contains(file) || !operators_link(file, "disable").empty(); });
    std::vector<Profile> result;
    for (auto& profiles : compile_each(parser_, files, features_)) {
        if (!profiles) continue;
        std::erase_if(*profiles, [&](const Profile& profile) { return holds(profiles_, profile.name); });
        result.insert(result.begin(), std::make_move_iterator(profiles->rbegin()), std::make_move_iterator(profiles->rend()));
    }
    return result;
}

void SourcePolicy::add(std::vector<Profile> profiles) {
    for (auto& profile : profiles) {
        asked_.insert(profile.name);
        profiles_.insert(profiles_.begin(), std::move(profile));
    }
}

std::vector<const Profile*> SourcePolicy::profiles() const {
    std::vector<const Profile*> result;
    for (const auto& profile : profiles_) result.push_back(&profile);
    return result;
}

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
    if (!policy_ || profiles_.size() != before) policy_ = std::make_unique<FilesPolicy>(*this, profiles_);
    return policy_.get();
}

}  // namespace aa::apparmor
