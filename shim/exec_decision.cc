// SPDX-License-Identifier: Apache-2.0
#include "shim/exec_decision.h"

#include <algorithm>
#include <utility>

#include "apparmor/catalog/pattern.h"
#include "apparmor/kernel/profile_name.h"
#include "base/text.h"

namespace aa::shim {
namespace {

using apparmor::Confinement;
using apparmor::ExecOutcome;
using apparmor::Route;

Error denied(std::string message) { return {ErrorKind::denied, std::move(message)}; }

// "'sh' ('/bin/dash')".
std::string described(const Program& program) {
    if (program.word == program.file.path) return quote(program.word);
    return concat({quote(program.word), " (", quote(program.file.path), ")"});
}

Error refused_by_catalog(const Program& program, std::string_view where, std::string_view message) {
    return denied(concat({"permission denied: the catalog does not let ", described(program), " run: ", message, " (", where, ")"}));
}

// The first exec rule that matches PROGRAM; null if there is none.
const apparmor::ExecRule* matching_rule(const Confinement& confinement, const Program& program) {
    const auto& rules = confinement.exec_rules;
    const auto found =
        std::find_if(rules.begin(), rules.end(), [&](const auto& rule) { return apparmor::matches(rule.command, program.file.path); });
    return found == rules.end() ? nullptr : &*found;
}

std::string place_of(const apparmor::ExecRule& rule) { return concat({"exec rule ", rule.origin.text()}); }

Error refused_by_otherwise(const Confinement& confinement, const Program& program) {
    return refused_by_catalog(program, concat({"confinement ", confinement.origin.text()}),
                              "no exec rule allows it, and \"otherwise\" is \"deny\"");
}

// An error where RULE, the one that matches PROGRAM, or for want of one `otherwise` denies it.
Result<void> refuse_denied(const Confinement& confinement, const Program& program, const apparmor::ExecRule* rule) {
    if (rule == nullptr && confinement.exec_otherwise == apparmor::ExecOtherwise::deny) return refused_by_otherwise(confinement, program);
    const auto* deny = rule != nullptr ? std::get_if<apparmor::ExecRule::Deny>(&rule->action) : nullptr;
    if (deny != nullptr) return refused_by_catalog(program, place_of(*rule), deny->message);
    return {};
}

// What every refusal by a profile ends with.
Error refused_by_profile(const Confinement& confinement, const Program& program, std::string_view reason, std::string_view remedy) {
    return denied(concat({"permission denied: ", reason, ", so ", described(program), " may not be started; ", remedy, " (confinement ",
                          quote(confinement.name), ", ", confinement.origin.text(), ")"}));
}

const apparmor::ExecStep* first_step(const ExecOutcome& outcome, Route route) {
    const auto found = std::find_if(outcome.steps.begin(), outcome.steps.end(), [&](const auto& step) { return step.route == route; });
    return found == outcome.steps.end() ? nullptr : &*found;
}

// The transition of PROGRAM from BASE, if it may be made.
Result<ExecOutcome> transition(const Confinement& confinement, const std::string& base, const Program& program,
                               apparmor::PolicyQuestions& policy, std::vector<std::string>& reasons) {
    auto outcome = TRY(policy.exec(base, program.file).context(concat({"the transition from ", quote(base), " by ", described(program)})));
    if (const auto* step = first_step(outcome, Route::denied); !outcome.allowed) {
        return refused_by_profile(confinement, program, step != nullptr ? step->reason : std::string("its profile does not allow it"),
                                  "let the profile execute it, or add an exec rule to the catalog");
    }
    if (outcome.unconfined && !confinement.exec_unconfined) {
        const auto leaving = std::find_if(outcome.steps.begin(), outcome.steps.end(), [](const auto& step) { return step.unconfined; });
        const auto reason = leaving != outcome.steps.end() ? leaving->reason : std::string("it leads out of AppArmor");
        return refused_by_profile(confinement, program, concat({reason, ", which the catalog does not allow"}),
                                  "give it a profile, or say \"unconfined\": true under \"exec\"");
    }
    for (const auto& step : outcome.steps) reasons.push_back(step.reason);
    if (outcome.complaining) reasons.emplace_back("it is allowed only because the profile is in complain mode");
    return outcome;
}

}  // namespace

bool looks_at_program(const Confinement& confinement) {
    return !confinement.exec_rules.empty() || confinement.exec_otherwise != apparmor::ExecOtherwise::base;
}

bool denies_programs(const Confinement& confinement) {
    const auto denies = [](const auto& rule) { return std::get_if<apparmor::ExecRule::Deny>(&rule.action) != nullptr; };
    return confinement.exec_otherwise == apparmor::ExecOtherwise::deny ||
           std::any_of(confinement.exec_rules.begin(), confinement.exec_rules.end(), denies);
}

std::vector<std::string> exec_rule_labels(const Confinement& confinement, const std::string& base) {
    std::vector<std::string> labels;
    for (const auto& rule : confinement.exec_rules) {
        if (const auto* profile = std::get_if<std::string>(&rule.action)) {
            labels.push_back(replace_component(base, confinement.profile, *profile));
        }
    }
    return labels;
}

std::string replace_component(const std::string& base, const apparmor::ProfileChoice& own, const std::string& profile) {
    const auto* name = std::get_if<std::string>(&own);
    const auto own_parts = name != nullptr ? apparmor::components(*name) : std::vector<std::string_view>{};
    std::string label;
    bool replaced = false;
    for (const auto component : apparmor::components(base)) {
        const bool is_own = std::find(own_parts.begin(), own_parts.end(), component) != own_parts.end();
        const std::string_view part = is_own ? std::string_view(profile) : component;
        if (component == apparmor::kUnconfined || (is_own && replaced)) continue;
        label = label.empty() ? std::string(part) : apparmor::stack(label, part);
        replaced = replaced || is_own;
    }
    if (replaced) return label;
    return label.empty() ? profile : apparmor::stack(label, profile);
}

Result<std::string> judge_learned_exec(const Confinement& confinement, const std::string& base, const Program& program,
                                       std::vector<std::string>& reasons) {
    TRY(refuse_denied(confinement, program, matching_rule(confinement, program)));
    reasons.push_back(concat({"nothing denies ", quote(program.file.path), ", and it is learned from: it gets ", quote(base)}));
    return base;
}

Result<void> judge_exec_without_apparmor(const Confinement& confinement, const Program& program, std::vector<std::string>& reasons) {
    const auto* rule = matching_rule(confinement, program);
    TRY(refuse_denied(confinement, program, rule));
    reasons.push_back(concat({rule != nullptr ? place_of(*rule) : std::string("no exec rule"), " denies ", quote(program.file.path),
                              rule != nullptr ? " nothing" : "", ", and without AppArmor it gets no label"}));
    return {};
}

Result<std::string> judge_exec(const Confinement& confinement, const std::string& base, const Program& program,
                               apparmor::PolicyQuestions& policy, std::vector<std::string>& reasons) {
    if (const auto* rule = matching_rule(confinement, program)) {
        if (const auto* deny = std::get_if<apparmor::ExecRule::Deny>(&rule->action))
            return refused_by_catalog(program, place_of(*rule), deny->message);
        auto label = replace_component(base, confinement.profile, *std::get_if<std::string>(&rule->action));
        reasons.push_back(concat({place_of(*rule), " gives ", quote(program.file.path), " the label ", quote(label)}));
        return label;
    }
    switch (confinement.exec_otherwise) {
        case apparmor::ExecOtherwise::base:
            reasons.push_back(concat({"no exec rule matches ", quote(program.file.path), ": it gets the base profile ", quote(base)}));
            return base;
        case apparmor::ExecOtherwise::deny:
            return refused_by_otherwise(confinement, program);
        case apparmor::ExecOtherwise::transition:
            break;
    }
    return TRY(transition(confinement, base, program, policy, reasons)).entered;
}

bool is_given_as_status(const Confinement& confinement, const Error& refusal) {
    return confinement.refuse_exec == apparmor::RefuseExec::exit_status && refusal.kind == ErrorKind::denied;
}

Result<std::string> judge_start(const Confinement& confinement, const std::string& base, const Program& program,
                                apparmor::PolicyQuestions& policy, std::vector<std::string>& reasons) {
    return TRY(transition(confinement, base, program, policy, reasons)).entered;
}

Result<std::string> judge_start_behind_init(const Confinement& confinement, const std::string& base, const Program& program,
                                            bool no_new_privileges, apparmor::PolicyQuestions& policy, std::vector<std::string>& reasons) {
    const auto outcome = TRY(transition(confinement, base, program, policy, reasons));
    reasons.push_back(concat({"the engine's init starts in ", quote(base), ", and the kernel makes the transition when it executes ",
                              quote(program.file.path)}));
    if (no_new_privileges && !apparmor::same_label(outcome.entered, base)) {
        return denied(concat({"permission denied: ", described(program), " is to run under ", quote(outcome.entered),
                              ", and under no-new-privileges the engine's init cannot bring it there: start the container without "
                              "--init, or without no-new-privileges (confinement ",
                              quote(confinement.name), ", ", confinement.origin.text(), ")"}));
    }
    return base;
}

}  // namespace aa::shim
