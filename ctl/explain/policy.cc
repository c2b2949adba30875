// SPDX-License-Identifier: Apache-2.0
#include "ctl/explain/policy.h"

#include <algorithm>
#include <utility>

#include "apparmor/kernel/profile_name.h"
#include "apparmor/load.h"
#include "base/text.h"

namespace aa::ctl {

using apparmor::ExecFile;
using apparmor::ExecOutcome;

namespace {

// Sets which of the rules decided, when the profile as a whole gives MODE (empty: nothing).
void set_decided(SourceRules& rules, const std::string& mode) {
    for (const auto& rule : rules.rules) rules.decided.push_back(rule.denies ? mode.empty() : !mode.empty() && rule.grants == mode);
    const bool some = std::find(rules.decided.begin(), rules.decided.end(), true) != rules.decided.end();
    if (!some && !mode.empty()) {
        rules.problem =
            concat({"no rule in ", quote(rules.file), " gives ", quote(mode), ": the profile that was asked is not the one in this file"});
    } else if (!some && !rules.rules.empty()) {
        rules.problem =
            concat({"the rules in ", quote(rules.file), " would allow it: the profile that was asked is not the one in this file"});
    } else if (!some) {
        rules.problem = concat({"no exec rule in ", quote(rules.file), " matches"});
    }
}

}  // namespace

ExplainedPolicy::ExplainedPolicy(const OpenCatalog* catalog)
    : has_kernel_(kernel_.require_enabled().has_value()),
      in_force_(catalog == nullptr || catalog->in_force()),
      directories_(apparmor::profile_directories(catalog != nullptr ? catalog->profile_dirs : std::vector<std::string>())) {
    if (catalog != nullptr && is_the_kernels()) current_ = std::make_unique<apparmor::CurrentPolicy>(catalog->catalog, kernel_);
}

ExplainedPolicy::ExplainedPolicy(std::vector<std::string> directories)
    : has_kernel_(false), in_force_(false), also_(apparmor::AlsoLoaded::at_boot_and_own), directories_(std::move(directories)) {}
Result<void> ExplainedPolicy::use(const std::vector<std::string>& profiles) {
    if (profiles.empty()) return {};
    given_ = TRY(open_policy(profiles, kernel_));
    if (!given_->broken.empty()) return Error{ErrorKind::config, given_->broken.front()};
    current_.reset();
    return {};
}

std::string_view ExplainedPolicy::origin() const {
    if (given_) return "the profile files that were given";
    return is_the_kernels() ? "the policy that the kernel has loaded" : "the profile files of this host";
}

apparmor::LoadedPolicy& ExplainedPolicy::loaded() {
    if (!loaded_) loaded_.emplace(kernel_);
    return *loaded_;
}

Result<apparmor::SourcePolicy*> ExplainedPolicy::sources() {
    if (!sources_) sources_.emplace(TRY(apparmor::Parser::find()), directories_, TRY(apparmor::features_for(has_kernel_)), also_);
    return &*sources_;
}

Result<apparmor::ProfileFiles*> ExplainedPolicy::files() {
    if (!files_) files_.emplace(TRY(apparmor::Parser::find()), directories_);
    return &*files_;
}

// Beside files that were given, nothing counts. A profile of this host without a source is one that another tool has loaded.
Result<apparmor::Policy*> ExplainedPolicy::policy_of(std::string_view label) {
    if (given_) return given_->policy.get();
    if (is_the_kernels()) return static_cast<apparmor::Policy*>(&loaded());
    auto policy = TRY(sources())->policy_of(label);
    if (!policy && policy.error().kind == ErrorKind::not_found && has_kernel_) return static_cast<apparmor::Policy*>(&loaded());
    return policy;
}

Result<ExecOutcome> ExplainedPolicy::exec(std::string_view label, const ExecFile& file) {
    outcome_ = TRY(current_ ? current_->exec(label, file) : apparmor::exec_transition(*TRY(policy_of(label)), label, file));
    return *outcome_;
}

Result<CapabilitySet> ExplainedPolicy::ceiling(std::string_view profile, CapabilitySet evaluated) {
    return current_ ? current_->ceiling(profile, evaluated) : apparmor::ceiling_from_profile(*TRY(policy_of(profile)), profile);
}

Result<apparmor::Reachable> ExplainedPolicy::reachable(std::string_view label) {
    return apparmor::reachable_from(*TRY(policy_of(label)), label);
}

// The file that defines PROFILE, a profile or a child.
Result<std::string> ExplainedPolicy::file_of(const std::string& profile) {
    if (given_) {
        for (const auto& file : given_->files) {
            if (read_text(*given_, file, profile)) return file;
        }
        return Error{ErrorKind::not_found, concat({"the source of ", quote(profile), " is not among the files given"})};
    }
    const auto defined = apparmor::top_level(profile);
    const auto defining = TRY(TRY(files())->defining(defined));
    if (defining.empty()) return Error{ErrorKind::not_found, concat({"no profile file of this host defines ", quote(defined)})};
    return defining.front();
}

Result<SourceRules> ExplainedPolicy::find_rules(const std::string& profile, const ExecFile& file) {
    const apparmor::Profile* compiled = TRY(TRY(policy_of(profile))->find(profile));
    if (compiled == nullptr) return Error{ErrorKind::not_found, concat({"profile ", quote(profile), " is not loaded"})};
    SourceRules result;
    result.file = TRY(file_of(profile));
    const auto text = TRY(given_ ? read_text(*given_, result.file, profile) : apparmor::read_profile_text(result.file, profile));
    const auto parser = TRY(apparmor::Parser::find()).including(given_ ? given_->includes : std::string());
    result.rules = TRY(apparmor::matching_rules(parser, text, profile, file, TRY(apparmor::features_for(has_kernel_))));
    set_decided(result, apparmor::granted_exec_mode(*compiled, file));
    return result;
}

SourceRules ExplainedPolicy::rules(const std::string& profile, const ExecFile& file) {
    auto found = find_rules(profile, file);
    if (found) return *std::move(found);
    return {{}, {}, {}, concat({"which rule decided cannot be told: ", found.error().message})};
}

}  // namespace aa::ctl
