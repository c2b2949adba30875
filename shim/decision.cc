// SPDX-License-Identifier: Apache-2.0
#include "shim/decision.h"

#include <algorithm>

#include "apparmor/catalog/pattern.h"
#include "apparmor/kernel/profile_name.h"
#include "base/text.h"
#include "shim/runtime_annotations.h"

namespace aa::shim {
namespace {

using apparmor::Combine;
using apparmor::Confinement;
using apparmor::Selection;

Error denied(std::string message) { return {ErrorKind::denied, std::move(message)}; }

// What a container gets that asked for the confinement NAME by annotation.
Result<std::string> requested_confinement(const Selection& selection, const std::string& name) {
    const auto& allowed = selection.selectable;
    if (std::find(allowed.begin(), allowed.end(), name) != allowed.end()) return name;
    return denied(concat({"the annotation '", apparmor::kRequestAnnotation, "' asks for confinement ", quote(name), ", which ",
                          selection.why, " does not list under \"selectable\": remove the annotation, or let the operator list it"}));
}

std::string profile_reason(const std::optional<std::string>& asked, const std::string& label) {
    const auto before = asked && !asked->empty() ? quote(*asked) : std::string("no profile");
    return concat({"the engine asks for ", before, ", it gets ", quote(label)});
}

// Fills the bounds that CONFINEMENT demands.
Result<void> apply_confinement(Decision& decision, const Confinement& confinement, const Asked& asked, AppArmorState apparmor,
                               apparmor::PolicyQuestions& policy) {
    decision.confinement = confinement.name;
    decision.bounds.ceiling = TRY(judge_ceiling(confinement, apparmor, policy));
    decision.bounds.no_new_privileges = confinement.no_new_privileges;
    decision.bounds.deny_syscalls = confinement.deny_syscalls;
    if (apparmor == AppArmorState::unavailable) {
        decision.reasons.emplace_back("AppArmor is not available, and the catalog says \"withoutAppArmor\": \"capabilities-only\"");
        if (confinement.start == apparmor::Start::from_profile) {
            decision.reasons.emplace_back("so \"start\": \"from-profile\" gives the first program no label, and refuses none");
        }
        return {};
    }
    auto label = TRY(combine_labels(asked.profile, confinement.profile, confinement.combine));
    decision.reasons.push_back(profile_reason(asked.profile, label));
    decision.bounds.profile = std::move(label);
    return {};
}

}  // namespace

Result<std::string> combine_labels(const std::optional<std::string>& asked, const apparmor::ProfileChoice& profile, Combine combine) {
    const auto* name = std::get_if<std::string>(&profile);
    const std::string own(name != nullptr ? std::string_view(*name) : apparmor::kUnconfined);
    const bool nothing_asked = !asked || asked->empty() || *asked == apparmor::kUnconfined;
    if (nothing_asked || combine == Combine::replace) return own;
    if (const auto checked = apparmor::check_label(*asked); !checked) {
        return denied(concat({"the AppArmor profile that was asked for: ", checked.error().message}));
    }
    if (combine == Combine::tighten && apparmor::is_engine_default(*asked)) return own;
    // A confinement that is "unconfined" takes nothing away from what somebody asked for.
    return name != nullptr ? apparmor::stack(*asked, own) : *asked;
}

Result<std::optional<CapabilitySet>> judge_ceiling(const Confinement& confinement, AppArmorState apparmor,
                                                   apparmor::PolicyQuestions& policy) {
    if (const auto* set = std::get_if<CapabilitySet>(&confinement.ceiling)) return std::optional(*set);
    const auto* from_profile = std::get_if<apparmor::FromProfile>(&confinement.ceiling);
    if (from_profile == nullptr) return std::optional<CapabilitySet>();
    const auto* profile = std::get_if<std::string>(&confinement.profile);
    if (profile == nullptr || apparmor == AppArmorState::unavailable) {
        return Error{ErrorKind::config,
                     concat({"confinement ", quote(confinement.name), " takes its capabilities \"from-profile\", and ",
                             profile == nullptr ? "has no profile" : "AppArmor is not available", ": list them in the catalog"})};
    }
    return std::optional(TRY(policy.ceiling(*profile, from_profile->evaluated).context(concat({"confinement ", quote(confinement.name)}))));
}

Result<Decision> judge_container(const apparmor::CompiledCatalog& catalog, const apparmor::Facts& facts, const Asked& asked,
                                 AppArmorState apparmor, apparmor::PolicyQuestions& policy) {
    const auto selection = TRY(catalog.select(facts));
    Decision decision;
    decision.rule = selection.why;
    if (const auto* reject = std::get_if<apparmor::Reject>(&selection.outcome)) {
        return denied(concat({"the catalog rejects it: ", reject->message, " (", selection.why, ")"}));
    }
    if (std::get_if<apparmor::Pass>(&selection.outcome) != nullptr) {
        if (selection.by_default) {
            TRY(check_runtime_annotations(nullptr, catalog.unsafe_annotations(), facts.engine, facts.annotations, decision.reasons));
        }
        decision.pass = true;
        decision.reasons.push_back(concat({selection.why, " leaves the container as the engine made it"}));
        return decision;
    }
    std::string name = std::get_if<apparmor::Use>(&selection.outcome)->confinement;
    decision.reasons.push_back(concat({selection.why, " selects confinement ", quote(name)}));
    if (asked.confinement && *asked.confinement != name) {
        name = TRY(requested_confinement(selection, *asked.confinement));
        decision.reasons.push_back(concat({"the container asks for ", quote(name), ", which is selectable there"}));
    }
    const auto confinement = TRY(catalog.confinement(name));
    TRY(check_runtime_annotations(&confinement, catalog.unsafe_annotations(), facts.engine, facts.annotations, decision.reasons));
    TRY(apply_confinement(decision, confinement, asked, apparmor, policy));
    return decision;
}

}  // namespace aa::shim
