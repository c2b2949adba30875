// SPDX-License-Identifier: Apache-2.0
//
// What the policy that the kernel holds *now* says: answered from the copy in the compiled catalog where that is proved to be
// the same (by the number of the kernel's policy, or by the digests of the profiles in question), else from the kernel's own
// files.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "apparmor/catalog/compiled_catalog.h"
#include "apparmor/catalog/compiled_policy.h"
#include "apparmor/kernel/kernel.h"
#include "apparmor/policy/loaded_policy.h"
#include "apparmor/policy/transition.h"
#include "base/capability_set.h"
#include "base/result.h"

namespace aa::apparmor {

// The questions that a decision asks of the policy. An interface, so that judging can be tested without a kernel.
class PolicyQuestions {
public:
    PolicyQuestions() = default;
    PolicyQuestions(const PolicyQuestions&) = delete;
    PolicyQuestions& operator=(const PolicyQuestions&) = delete;
    virtual ~PolicyQuestions() = default;

    // As exec_transition().
    virtual Result<ExecOutcome> exec(std::string_view label, const ExecFile& file) = 0;

    // The ceiling that "from-profile" means for PROFILE (a label): all that is allowed there and wherever its processes can
    // get. EVALUATED is what it was when the catalog was loaded. An error of kind config if there is no bound.
    virtual Result<CapabilitySet> ceiling(std::string_view profile, CapabilitySet evaluated) = 0;
};

class CurrentPolicy : public PolicyQuestions {
public:
    // Both must outlive it. Nothing is read yet.
    CurrentPolicy(const CompiledCatalog& catalog, const Kernel& kernel) : catalog_(catalog), kernel_(kernel) {}

    Result<ExecOutcome> exec(std::string_view label, const ExecFile& file) override;
    Result<CapabilitySet> ceiling(std::string_view profile, CapabilitySet evaluated) override;

private:
    Result<bool> open_copy();
    Result<bool> is_unchanged();
    Result<bool> may_answer(std::string_view label);

    const CompiledCatalog& catalog_;
    const Kernel& kernel_;
    bool opened_ = false;
    std::unique_ptr<CompiledPolicy> copy_;  // nullptr: the catalog holds none
    std::optional<LoadedPolicy> loaded_;
};

// The ceiling that `from-profile` means for PROFILE under POLICY, see PolicyQuestions::ceiling().
Result<CapabilitySet> ceiling_from_profile(Policy& policy, std::string_view profile);

}  // namespace aa::apparmor
