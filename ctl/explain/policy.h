// SPDX-License-Identifier: Apache-2.0
//
// The policy that an explanation is by: what profile files define that were given; else the one in the kernel, asked as aa-shim asks it,
// where the catalog in force is explained and the kernel has AppArmor; else what the profile files of this host define. It remembers what
// it answered.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/current_policy.h"
#include "apparmor/kernel/kernel.h"
#include "apparmor/policy/loaded_policy.h"
#include "apparmor/policy/reachable.h"
#include "apparmor/source/profile_rules.h"
#include "apparmor/source/source_policy.h"
#include "base/result.h"
#include "ctl/explain/explain.h"
#include "ctl/policy/opened.h"

namespace aa::ctl {

// The rules in a profile's source that match a path.
struct SourceRules {
    std::string file;
    std::vector<apparmor::MatchingRule> rules;
    std::vector<bool> decided;  // for each rule: whether it is one of those that decided
    std::string problem;        // why there are none, or what does not fit
};

class ExplainedPolicy : public apparmor::PolicyQuestions {
public:
    // CATALOG, which must outlive it, is what is explained; nullptr: none is.
    explicit ExplainedPolicy(const OpenCatalog* catalog);
    // What the files in DIRECTORIES define, all of them, compiled for what the parser's package says, whatever kernel runs here: the same
    // on every host that has them.
    explicit ExplainedPolicy(std::vector<std::string> directories);

    // From now on the files or directories PROFILES are asked, as open_policy() takes them. Without any, nothing changes.
    Result<void> use(const std::vector<std::string>& profiles);

    // What an exec of FILE from LABEL does; the answer is remembered.
    Result<apparmor::ExecOutcome> exec(std::string_view label, const apparmor::ExecFile& file) override;
    Result<CapabilitySet> ceiling(std::string_view profile, CapabilitySet evaluated) override;

    // The last answer of exec().
    [[nodiscard]] const std::optional<apparmor::ExecOutcome>& outcome() const { return outcome_; }

    // The policy to ask about LABEL; it stays valid until the next question about another one. An error of kind not_found
    // if nothing defines a component.
    Result<apparmor::Policy*> policy_of(std::string_view label);

    // Everything reachable from LABEL.
    Result<apparmor::Reachable> reachable(std::string_view label);

    // Which rules in the source of PROFILE match FILE, and which of them decided. Never fails: what cannot be told is its `problem`.
    SourceRules rules(const std::string& profile, const apparmor::ExecFile& file);

    // The files that profiles are looked for in.
    Result<apparmor::ProfileFiles*> files();

    // Where the answers come from, for people.
    [[nodiscard]] std::string_view origin() const;

    [[nodiscard]] const apparmor::Kernel& kernel() const { return kernel_; }
    [[nodiscard]] bool is_the_kernels() const { return has_kernel_ && in_force_ && !given_; }

private:
    Result<apparmor::SourcePolicy*> sources();
    apparmor::LoadedPolicy& loaded();
    Result<std::string> file_of(const std::string& profile);
    Result<SourceRules> find_rules(const std::string& profile, const apparmor::ExecFile& file);

    apparmor::Kernel kernel_;
    bool has_kernel_;
    bool in_force_;
    apparmor::AlsoLoaded also_ = apparmor::AlsoLoaded::at_boot;
    std::vector<std::string> directories_;
    std::unique_ptr<apparmor::CurrentPolicy> current_;  // nullptr: no catalog is in force
    std::optional<OpenedPolicy> given_;
    std::optional<apparmor::LoadedPolicy> loaded_;
    std::optional<apparmor::SourcePolicy> sources_;
    std::optional<apparmor::ProfileFiles> files_;
    std::optional<apparmor::ExecOutcome> outcome_;
};

}  // namespace aa::ctl
