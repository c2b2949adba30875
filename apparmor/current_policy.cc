// SPDX-License-Identifier: Apache-2.0
#include "apparmor/current_policy.h"

#include "apparmor/kernel/profile_name.h"
#include "apparmor/policy/reachable.h"
#include "base/text.h"

namespace aa::apparmor {

Result<bool> CurrentPolicy::open_copy() {
    if (!opened_) copy_ = TRY(CompiledPolicy::open(catalog_));
    opened_ = true;
    return copy_ != nullptr;
}

// Whether the kernel's policy is the one that the copy was taken of.
Result<bool> CurrentPolicy::is_unchanged() {
    if (!TRY(open_copy())) return false;
    const auto revision = kernel_.policy_revision();
    return revision && *revision == copy_->revision();
}

// Whether the copy may answer for LABEL; sets how far it is believed.
Result<bool> CurrentPolicy::may_answer(std::string_view label) {
    if (!TRY(open_copy())) return false;
    for (const auto component : components(label)) {
        if (component != kUnconfined && !TRY(copy_->has_all_of(component))) return false;
    }
    if (TRY(is_unchanged())) {
        copy_->trust_all();
    } else {
        copy_->trust_profiles([this](const CompiledPolicy::Digest& digest) {
            const auto now = kernel_.read(digest.file);
            return now && *now == digest.value;
        });
    }
    return true;
}

Result<ExecOutcome> CurrentPolicy::exec(std::string_view label, const ExecFile& file) {
    if (TRY(may_answer(label))) {
        auto outcome = exec_transition(*copy_, label, file);
        TRY(copy_->intact());
        if (!copy_->was_unsure()) return outcome;
    }
    if (!loaded_) loaded_.emplace(kernel_);
    auto outcome = exec_transition(*loaded_, label, file);
    // Only root of the host may read it: a rootless engine depends on the copy.
    if (!outcome && outcome.error().kind == ErrorKind::system) {
        return std::move(outcome).error().context(
            "the compiled catalog has no copy of the policy that is loaded now (run 'aa-shimctl load'), and the kernel's own");
    }
    return outcome;
}

Result<CapabilitySet> CurrentPolicy::ceiling(std::string_view profile, CapabilitySet evaluated) {
    if (TRY(is_unchanged())) return evaluated;
    if (!loaded_) loaded_.emplace(kernel_);
    return ceiling_from_profile(*loaded_, profile);
}

Result<CapabilitySet> ceiling_from_profile(Policy& policy, std::string_view profile) {
    const auto reachable = TRY(reachable_from(policy, profile));
    if (reachable.exactness != Exactness::unbounded) return reachable.capabilities;
    return Error{ErrorKind::config, concat({"\"capabilities\": \"from-profile\" has no bound for profile ", quote(profile), ": ",
                                            reachable.why, "; list the capabilities, or say \"allCapabilities\": true"})};
}

}  // namespace aa::apparmor
