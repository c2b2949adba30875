// SPDX-License-Identifier: Apache-2.0
#include "ctl/explain/exec_explanation.h"

#include <algorithm>
#include <string_view>

#include "base/text.h"
#include "ctl/explain/explain.h"
#include "shim/exec_decision.h"

namespace aa::ctl {

using apparmor::Route;

namespace {

struct RouteName {
    Route route;
    const char* name;  // for --json
    const char* text;
};
constexpr RouteName kRoutes[] = {
    {Route::denied, "denied", "is denied"},
    {Route::inherited, "inherited", "stays in the profile"},
    {Route::child, "child", "goes to the child that attaches"},
    {Route::attached, "attached", "goes to the profile that attaches"},
    {Route::named, "named", "goes to the profile that the rule names"},
    {Route::stacked, "stacked", "gets another profile stacked on"},
    {Route::unconfined, "unconfined", "leaves confinement"},
    {Route::stayed, "stayed", "stays, for nothing attaches"},
    {Route::learned, "learned", "is allowed, for the profile is in complain mode"},
};

const RouteName& name_of(Route route) {
    for (const auto& known : kRoutes) {
        if (known.route == route) return known;
    }
    return kRoutes[0];
}

std::string_view otherwise_name(apparmor::ExecOtherwise otherwise) {
    switch (otherwise) {
        case apparmor::ExecOtherwise::transition:
            return "transition";
        case apparmor::ExecOtherwise::base:
            return "base";
        case apparmor::ExecOtherwise::deny:
            return "deny";
    }
    return {};
}

std::string action_text(const apparmor::ExecRule& rule) {
    if (const auto* deny = std::get_if<apparmor::ExecRule::Deny>(&rule.action)) return concat({"denies it: ", deny->message});
    return concat({"gives ", *std::get_if<std::string>(&rule.action)});
}

// The lines are for people: what others chose (words, paths, rules of a profile) is quoted.

void print_file(const ExecExplanation& explanation) {
    for (const auto& candidate : explanation.candidates) {
        print_row("  looked at", concat({quote(candidate.path), ": ",
                                         candidate.taken ? std::string("taken") : concat({"passed over: ", candidate.found})}));
    }
    if (!explanation.file) return;
    const auto& file = *explanation.file;
    print_row("file", quote(file.path));
    if (!file.script.empty()) print_row("  script", concat({"run by ", quote(file.script), "; the script's own path decides"}));
    if (!file.meant.empty())
        print_row("  really meant",
                  concat({quote(file.meant), ", which the container's own process will start by the rules of the label below"}));
    std::string owner = file.owned ? "the process owns it: owner rules apply" : "the process does not own it: owner rules do not apply";
    if (file.owner) owner += concat({" (file: uid ", decimal(*file.owner), "; process: uid ", file.process_user});
    if (file.owner && file.process_uid && decimal(*file.process_uid) != file.process_user)
        owner += concat({", on the host ", decimal(*file.process_uid)});
    if (file.owner) owner += ")";
    print_row("  owner", owner);
}

void print_confinement(const ExecExplanation& explanation) {
    if (!explanation.confinement) return;
    const auto& confinement = *explanation.confinement;
    print_row("confinement", concat({confinement.name, " (", confinement.origin.text(), ")"}));
    for (std::size_t i = 0; i < explanation.tried_rules; ++i) {
        const auto& rule = confinement.exec_rules[i];
        const bool chosen = explanation.chosen_rule == i;
        print_row("  exec rule", concat({rule.origin.text(), ": ", quote(rule.command), chosen ? " matches: " : " does not match",
                                         chosen ? action_text(rule) : std::string()}));
    }
    if (!explanation.chosen_rule) print_row("  otherwise", otherwise_name(confinement.exec_otherwise));
}

void print_step(const ExplainedStep& explained) {
    const auto& step = explained.step;
    const bool stays = step.to.empty() || step.to == step.from;
    print_row("profile", concat({step.from, ": ", name_of(step.route).text, stays ? "" : ": ",
                                 stays ? std::string_view() : std::string_view(step.to)}));
    print_row("  because", step.reason);
    const auto& rules = explained.rules;
    for (std::size_t i = 0; i < rules.rules.size(); ++i) {
        const auto& rule = rules.rules[i].rule;
        std::string text = concat({rule.origin.text(), ": ", rule.text, ","});
        for (const auto& block : rule.blocks) text += concat({" (in ", quote(block), ")"});
        print_row(rules.decided[i] ? "  rule" : "  outweighed", text);
    }
    if (!rules.problem.empty()) print_row("  rule", rules.problem);
}

void print_outcome(const ExecExplanation& explanation) {
    if (explanation.outcome && explanation.outcome->allowed) {
        if (explanation.outcome->scrubbed) {
            print_row("environment",
                      "the rule scrubs it (AT_SECURE) when a process of the container executes the program, not when it is "
                      "started from outside");
        }
        if (explanation.outcome->complaining)
            print_row("complain", "nothing was allowed, only logged: in enforce mode it would be refused");
    }
    if (explanation.no_new_privileges)
        print_row("no new privs", "set; the runtime enters the label from outside, so this does not stand in the way");
    for (const auto& reason : explanation.reasons) {
        const bool said =
            std::any_of(explanation.steps.begin(), explanation.steps.end(), [&](const auto& one) { return one.step.reason == reason; });
        if (!said) print_row("because", reason);
    }
    for (const auto& note : explanation.notes) print_row("note", note);
    if (explanation.label) print_row("label", *explanation.label);
    if (explanation.refusal) print_row("refused", explanation.refusal->message);
    if (explanation.as_exit_status)
        print_row("  as",
                  concat({"the exit status ", decimal(shim::kMayNotBeExecuted), " of the command, which writes that (\"refuseExec\")"}));
}

Json or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

template <class Value>
Json or_null(const std::optional<Value>& value) {
    return value ? Json(*value) : Json();
}

Json to_json(const ExplainedFile& file) {
    return {{"path", file.path},
            {"script", or_null(file.script)},
            {"reallyMeant", or_null(file.meant)},
            {"ownerUid", or_null(file.owner)},
            {"processUid", or_null(file.process_uid)},
            {"owned", file.owned}};
}

Json to_json(const SourceRules& rules) {
    Json list = Json::array();
    for (std::size_t i = 0; i < rules.rules.size(); ++i) {
        const auto& [rule, denies, grants] = rules.rules[i];
        list.push_back({{"rule", rule.text},
                        {"blocks", rule.blocks},
                        {"file", rule.origin.file},
                        {"line", rule.origin.line},
                        {"column", rule.origin.column},
                        {"denies", denies},
                        {"grants", or_null(grants)},
                        {"decided", bool{rules.decided[i]}}});
    }
    return list;
}

Json to_json(const ExplainedStep& explained) {
    const auto& step = explained.step;
    return {{"profile", step.from},
            {"route", name_of(step.route).name},
            {"to", or_null(step.to)},
            {"fallback", step.fallback},
            {"scrubbed", step.scrubbed},
            {"ambiguous", step.ambiguous},
            {"reason", step.reason},
            {"source", or_null(explained.rules.file)},
            {"rules", to_json(explained.rules)},
            {"problem", or_null(explained.rules.problem)}};
}

Json exec_rules_to_json(const ExecExplanation& explanation) {
    Json list = Json::array();
    for (std::size_t i = 0; i < explanation.tried_rules; ++i) {
        const auto& rule = explanation.confinement->exec_rules[i];
        list.push_back({{"command", rule.command}, {"at", rule.origin.text()}, {"matches", explanation.chosen_rule == i}});
    }
    return list;
}

}  // namespace

void print_text(const ExecExplanation& explanation) {
    if (!explanation.container.empty()) {
        print_row("container", concat({explanation.container, " (pid ", decimal(explanation.init), ", state in ", explanation.root, ")"}));
        print_row("  decision", explanation.decision);
    }
    if (!explanation.word.empty()) print_row("command", quote(explanation.word));
    print_file(explanation);
    print_confinement(explanation);
    if (explanation.base) print_row("base profile", *explanation.base);
    if (!explanation.steps.empty()) print_row("policy", explanation.policy);
    for (const auto& step : explanation.steps) print_step(step);
    print_outcome(explanation);
}

Json to_json(const ExecExplanation& explanation) {
    Json candidates = Json::array();
    for (const auto& one : explanation.candidates) candidates.push_back({{"path", one.path}, {"found", one.found}, {"taken", one.taken}});
    Json steps = Json::array();
    for (const auto& step : explanation.steps) steps.push_back(to_json(step));
    Json document{{"ok", !explanation.refusal},
                  {"container", or_null(explanation.container)},
                  {"decision", or_null(explanation.decision)},
                  {"command", explanation.word},
                  {"candidates", std::move(candidates)},
                  {"file", explanation.file ? to_json(*explanation.file) : Json()},
                  {"confinement", explanation.confinement ? Json(explanation.confinement->name) : Json()},
                  {"execRules", exec_rules_to_json(explanation)},
                  {"otherwise", explanation.confinement ? Json(otherwise_name(explanation.confinement->exec_otherwise)) : Json()},
                  {"base", or_null(explanation.base)},
                  {"policy", or_null(explanation.policy)},
                  {"steps", std::move(steps)},
                  {"scrubbed", explanation.outcome && explanation.outcome->scrubbed},
                  {"complaining", explanation.outcome && explanation.outcome->complaining},
                  {"noNewPrivileges", explanation.no_new_privileges},
                  {"reasons", explanation.reasons},
                  {"notes", explanation.notes},
                  {"label", or_null(explanation.label)}};
    if (explanation.as_exit_status) document["exitStatus"] = shim::kMayNotBeExecuted;
    if (explanation.refusal) document["error"] = {{"kind", "denied"}, {"message", explanation.refusal->message}};
    return document;
}

int exit_code(const ExecExplanation& explanation) { return explanation.refusal ? exit_code(*explanation.refusal) : kOk; }

}  // namespace aa::ctl
