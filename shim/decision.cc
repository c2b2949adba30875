// SPDX-License-Identifier: Apache-2.0
#include "shim/decision.h"

#include <algorithm>

#include "apparmor/pattern.h"
#include "apparmor/profile_name.h"
#include "base/text.h"

namespace aa::shim {
namespace {

using apparmor::Combine;
using apparmor::Confinement;
using apparmor::Selection;

constexpr std::string_view kUnconfined = "unconfined";

Error denied(std::string message) { return {ErrorKind::denied, std::move(message)}; }

// What a container gets that asked for the confinement NAME by annotation.
Result<std::string> requested_confinement(const Selection& selection, const std::string& name) {
    const auto& allowed = selection.selectable;
    if (std::find(allowed.begin(), allowed.end(), name) != allowed.end()) return name;
    return denied(concat({"the annotation '", apparmor::kRequestAnnotation, "' asks for confinement ", quote(name), ", which ",
                          selection.why, " does not list under \"selectable\": remove the annotation, or let the operator list it"}));
}

// The ceiling as a set; nullopt for "allCapabilities".
Result<std::optional<CapabilitySet>> ceiling_of(const Confinement& confinement) {
    if (const auto* set = std::get_if<CapabilitySet>(&confinement.ceiling)) return std::optional(*set);
    if (std::get_if<apparmor::AllCapabilities>(&confinement.ceiling) != nullptr) return std::optional<CapabilitySet>();
    return Error{ErrorKind::config,
                 concat({"confinement ", quote(confinement.name), ": \"from-profile\" cannot be evaluated by this version"})};
}

std::string profile_reason(const std::optional<std::string>& asked, const std::string& label) {
    const auto before = asked && !asked->empty() ? quote(*asked) : std::string("no profile");
    return concat({"the engine asks for ", before, ", it gets ", quote(label)});
}

// Fills the bounds that CONFINEMENT demands.
Result<void> apply_confinement(Decision& decision, const Confinement& confinement, const Asked& asked, AppArmorState apparmor) {
    decision.confinement = confinement.name;
    decision.bounds.ceiling = TRY(ceiling_of(confinement));
    decision.bounds.no_new_privileges = confinement.no_new_privileges;
    decision.bounds.deny_syscalls = confinement.deny_syscalls;
    if (apparmor == AppArmorState::unavailable) {
        decision.reasons.emplace_back("AppArmor is not available, and the catalog says \"withoutAppArmor\": \"capabilities-only\"");
        return {};
    }
    auto label = TRY(combine_labels(asked.profile, confinement.profile, confinement.combine));
    decision.reasons.push_back(profile_reason(asked.profile, label));
    decision.bounds.profile = std::move(label);
    return {};
}

// BASE with the component that the confinement itself put there replaced by PROFILE: what a caller stacked on top stays.
std::string replace_component(const std::string& base, const apparmor::ProfileChoice& own, const std::string& profile) {
    const auto* name = std::get_if<std::string>(&own);
    std::string label;
    bool replaced = false;
    for (const auto component : apparmor::components(base)) {
        const auto own_parts = name != nullptr ? apparmor::components(*name) : std::vector<std::string_view>{};
        const bool is_own = std::find(own_parts.begin(), own_parts.end(), component) != own_parts.end();
        const std::string_view part = is_own ? std::string_view(profile) : component;
        if (component == kUnconfined || (is_own && replaced)) continue;
        label = label.empty() ? std::string(part) : apparmor::stack(label, part);
        replaced = replaced || is_own;
    }
    if (replaced) return label;
    return label.empty() ? profile : apparmor::stack(label, profile);
}

Error exec_denied(const ExecCommand& command, std::string_view where, std::string_view message) {
    return denied(concat({"permission denied: the catalog does not let ", quote(command.word), " (", quote(command.path),
                          ") run: ", message, " (", where, ")"}));
}

}  // namespace

Result<std::string> combine_labels(const std::optional<std::string>& asked, const apparmor::ProfileChoice& profile, Combine combine) {
    const auto* name = std::get_if<std::string>(&profile);
    const std::string own(name != nullptr ? std::string_view(*name) : kUnconfined);
    const bool nothing_asked = !asked || asked->empty() || *asked == kUnconfined;
    if (nothing_asked || combine == Combine::replace) return own;
    if (const auto checked = apparmor::check_label(*asked); !checked) {
        return denied(concat({"the AppArmor profile that was asked for: ", checked.error().message}));
    }
    if (combine == Combine::tighten && apparmor::is_engine_default(*asked)) return own;
    // A confinement that is "unconfined" takes nothing away from what somebody asked for.
    return name != nullptr ? apparmor::stack(*asked, own) : *asked;
}

Result<void> check_working_directory(std::string_view cwd) {
    if (cwd != "/proc" && !cwd.starts_with("/proc/")) return {};
    return denied(concat({"the working directory ", quote(cwd),
                          " lies in /proc, from where a container could reach the host "
                          "(CVE-2024-21626): choose another one"}));
}

Result<Decision> judge_container(const apparmor::CompiledCatalog& catalog, const apparmor::Facts& facts, const Asked& asked,
                                 AppArmorState apparmor) {
    const auto selection = TRY(catalog.select(facts));
    Decision decision;
    decision.rule = selection.why;
    if (const auto* reject = std::get_if<apparmor::Reject>(&selection.outcome)) {
        return denied(concat({"the catalog rejects it: ", reject->message, " (", selection.why, ")"}));
    }
    if (std::get_if<apparmor::Pass>(&selection.outcome) != nullptr) {
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
    TRY(apply_confinement(decision, TRY(catalog.confinement(name)), asked, apparmor));
    return decision;
}

Result<std::string> judge_exec(const Confinement& confinement, const std::string& base, const ExecCommand& command,
                               std::vector<std::string>& reasons) {
    for (const auto& rule : confinement.exec_rules) {
        if (!apparmor::matches(rule.command, command.path)) continue;
        const auto where = concat({"exec rule ", rule.origin.text()});
        if (const auto* deny = std::get_if<apparmor::ExecRule::Deny>(&rule.action)) return exec_denied(command, where, deny->message);
        auto label = replace_component(base, confinement.profile, *std::get_if<std::string>(&rule.action));
        reasons.push_back(concat({where, " gives ", quote(command.path), " the label ", quote(label)}));
        return label;
    }
    switch (confinement.exec_otherwise) {
        case apparmor::ExecOtherwise::base:
            reasons.push_back(concat({"no exec rule matches ", quote(command.path), ": it gets the base profile ", quote(base)}));
            return base;
        case apparmor::ExecOtherwise::deny:
            return exec_denied(command, concat({"confinement ", confinement.origin.text()}),
                               "no exec rule allows it, and \"otherwise\" is \"deny\"");
        case apparmor::ExecOtherwise::transition:
            break;
    }
    return Error{ErrorKind::config,
                 concat({"confinement ", quote(confinement.name), ": exec \"transition\" cannot be evaluated by this version"})};
}

}  // namespace aa::shim
