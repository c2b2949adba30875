// SPDX-License-Identifier: Apache-2.0
//
// aa-shimctl explain --exec: what does a command get in a running container, or a program under a profile, and which rule
// decided? It runs the code that decides (find_program, judge_exec).
#include <algorithm>
#include <utility>

#include "apparmor/catalog/pattern.h"
#include "apparmor/kernel/profile_name.h"
#include "base/text.h"
#include "ctl/containers/running.h"
#include "ctl/explain/exec_explanation.h"
#include "ctl/explain/explain.h"
#include "ctl/explain/given.h"
#include "oci/path/container_path.h"
#include "oci/path/program.h"
#include "shim/enforce.h"
#include "shim/exec_decision.h"
#include "shim/host_key.h"
#include "shim/judge.h"
#include "shim/program.h"

namespace aa::ctl {

namespace {

// ---- the program

// The places of PATH up to the one where FOUND is, and what is there.
std::vector<PathCandidate> candidates(const oci::ContainerRoot& root, const oci::ProcessSpec& spec, CapabilitySet ceiling,
                                      const std::string& found) {
    std::vector<PathCandidate> result;
    const std::string& word = spec.args[0];
    if (word.find('/') != std::string::npos) return {{word, found, true}};
    for (std::string_view rest = spec.path; !rest.empty();) {
        const auto directory = rest.substr(0, rest.find(':'));
        rest.remove_prefix(std::min(directory.size() + 1, rest.size()));
        const auto path = concat({directory.empty() ? std::string_view(".") : directory, "/", word});
        const auto file = root.find_program(path, spec, ceiling);
        const bool taken = file && file->path == found;
        result.push_back({path, file ? file->path : file.error().message, taken});
        if (taken) break;
    }
    return result;
}

// What a person wants to know of PROGRAM beyond what decides. What cannot be told is left out.
void describe(ExecExplanation& explanation, const oci::ProcessSpec& spec, CapabilitySet ceiling, const shim::Program& program,
              shim::RunningRoot& running) {
    ExplainedFile file;
    file.path = program.file.path;
    file.owned = program.file.owned;
    file.process_user = decimal(spec.uid);
    if (const auto meant = oci::described_program(spec.args); meant != spec.args[0]) file.meant = meant;
    if (const auto found_root = running.get()) {
        const auto* root = *found_root;
        if (const auto uid = root->host_uid(spec.uid)) file.process_uid = *uid;
        explanation.candidates = candidates(*root, spec, ceiling, file.path);
        if (const auto found = root->find_program(spec.args[0], spec, ceiling)) {
            file.owner = found->owner();
            if (auto line = oci::script_line(*found)) file.script = *std::move(line);
        }
    }
    explanation.file = std::move(file);
}

// ---- the decision

void explain_steps(ExecExplanation& explanation, ExplainedPolicy& policy, const apparmor::ExecFile& file) {
    explanation.policy = policy.origin();
    explanation.outcome = policy.outcome();
    if (!explanation.outcome) return;
    for (const auto& step : explanation.outcome->steps) {
        const bool has_rules = step.from != apparmor::kUnconfined && step.route != apparmor::Route::stayed;
        explanation.steps.push_back({step, has_rules ? policy.rules(step.from, file) : SourceRules()});
    }
}

void explain_rules(ExecExplanation& explanation, const std::string& path) {
    const auto& rules = explanation.confinement->exec_rules;
    const auto chosen = std::find_if(rules.begin(), rules.end(), [&](const auto& rule) { return apparmor::matches(rule.command, path); });
    explanation.tried_rules = static_cast<std::size_t>(chosen - rules.begin()) + (chosen == rules.end() ? 0U : 1U);
    if (chosen != rules.end()) explanation.chosen_rule = static_cast<std::size_t>(chosen - rules.begin());
}

// Takes LABEL, or the error in its place if that is a refusal; any other error says that nothing can be explained.
Result<void> conclude(ExecExplanation& explanation, Result<std::string> label) {
    if (label) {
        explanation.label = *std::move(label);
        return {};
    }
    if (label.error().kind != ErrorKind::denied) return std::move(label).error();
    explanation.refusal = std::move(label).error();
    return {};
}

// The same for what was judged of a program, whose refusal may be given in another way.
Result<void> conclude_judged(ExecExplanation& explanation, Result<std::string> label) {
    explanation.as_exit_status = !label && shim::is_given_as_status(*explanation.confinement, label.error());
    return conclude(explanation, std::move(label));
}

Result<void> judge(ExecExplanation& explanation, const shim::Program& program, ExplainedPolicy& policy) {
    explain_rules(explanation, program.file.path);
    if (explanation.is_learned)
        return conclude_judged(explanation,
                               shim::judge_learned_exec(*explanation.confinement, *explanation.base, program, explanation.reasons));
    auto label = shim::judge_exec(*explanation.confinement, *explanation.base, program, policy, explanation.reasons);
    explain_steps(explanation, policy, program.file);
    return conclude_judged(explanation, std::move(label));
}

// ---- a command in a running container

Result<void> explain_command(ExecExplanation& explanation, const oci::ProcessSpec& spec, CapabilitySet ceiling, ExplainedPolicy& policy,
                             shim::RunningRoot& root) {
    auto program = shim::find_program(root, spec, ceiling);
    if (program) describe(explanation, spec, ceiling, *program, root);
    if (!shim::looks_at_program(*explanation.confinement)) {
        explanation.reasons.emplace_back("\"exec\" has no rules, and its \"otherwise\" is \"base\": every command gets the base profile");
        return conclude(explanation, *explanation.base);
    }
    if (!program) return std::move(program).error();
    return judge(explanation, *program, policy);
}

// The same where AppArmor is off.
Result<void> explain_unlabelled(ExecExplanation& explanation, const oci::ProcessSpec& spec, CapabilitySet ceiling,
                                shim::RunningRoot& root) {
    if (!shim::denies_programs(*explanation.confinement)) return {};
    const auto program = TRY(shim::find_program(root, spec, ceiling));
    describe(explanation, spec, ceiling, program, root);
    explain_rules(explanation, program.file.path);
    auto judged = shim::judge_exec_without_apparmor(*explanation.confinement, program, explanation.reasons);
    if (judged) return {};
    return conclude_judged(explanation, std::move(judged).error());
}

Result<ExecExplanation> explain_exec_in_container(const ExplainOptions& options, const OpenCatalog& catalog, ExplainedPolicy& policy) {
    ExecExplanation explanation;
    const auto container = TRY(find_running(options.target, options.root));
    explanation.container = container.id;
    explanation.root = container.root;
    explanation.init = container.state.init_pid;
    const auto bundle = TRY(oci::Bundle::open(container.state.bundle));
    const auto config = TRY(oci::read_config(bundle.text()).context(concat({"config.json of ", quote(container.state.bundle)})));
    const oci::EngineCall call{container.root, container.state.bundle, container.id};
    const auto decision = TRY(shim::container_decision(catalog.catalog, call, container.state, options.handler,
                                                       assumed_state(catalog.catalog), policy, shim::known_host_key()));
    explanation.decision =
        decision.id.empty() ? std::string("not started by aa-shim: judged now") : concat({"started by aa-shim, decision ", decision.id});
    if (decision.pass) {
        explanation.notes.push_back(concat({decision.rule, " leaves the container, and what is started in it, as the engine wants it"}));
        return explanation;
    }
    explanation.confinement = TRY(catalog.catalog.confinement(decision.confinement).context("the container was started under it, but"));
    const auto learned = shim::learned_now(decision, shim::LearningPlace(policy.kernel()));
    explanation.is_learned = learned == shim::LearnedNow::under_twin;
    if (learned == shim::LearnedNow::in_place)
        explanation.notes.emplace_back("the container is learned from in place: its profile itself forbids next to nothing");
    if (!decision.learning.empty()) {
        explanation.notes.push_back(
            explanation.is_learned ? "the container is learned from: its profile's twin forbids next to nothing, and no ceiling applies"
                                   : "the container was learned from, which is over: it stays under its profile's twin");
    }
    const auto bounds = shim::exec_bounds(decision, *explanation.confinement, explanation.is_learned);
    const auto spec = given_process(config, options);
    shim::RunningRoot root(container.state);
    TRY(shim::check_working_directory(root, spec.cwd));
    explanation.word = spec.args[0];
    explanation.no_new_privileges = bounds.no_new_privileges || spec.no_new_privileges;
    explanation.base = bounds.profile;
    if (auto filtered = shim::require_filter(decision, *explanation.confinement); !filtered) {
        TRY(conclude(explanation, std::move(filtered).error()));
        return explanation;
    }
    if (!bounds.profile) {
        explanation.notes.emplace_back(
            "AppArmor is not available, and the catalog says \"withoutAppArmor\": \"capabilities-only\": no profile");
        TRY(explain_unlabelled(explanation, spec, bounds.ceiling.value_or(CapabilitySet::all()), root));
        return explanation;
    }
    TRY(explain_command(explanation, spec, bounds.ceiling.value_or(CapabilitySet::all()), policy, root));
    if (explanation.label && policy.is_the_kernels()) {
        if (auto loaded = shim::require_loaded(policy.kernel(), *explanation.label); !loaded) {
            explanation.refusal = std::move(loaded).error();
            explanation.label.reset();
        }
    }
    return explanation;
}

// ---- a program under a profile

// The label from which it starts: the profile given, or the confinement's own.
Result<std::string> base_of(const ExplainOptions& options, const std::optional<apparmor::Confinement>& confinement) {
    if (!options.profile.empty()) return options.profile;
    if (const auto* profile = std::get_if<std::string>(&confinement->profile)) return *profile;
    return Error{ErrorKind::usage, concat({"confinement ", quote(confinement->name), " has no profile: give one with --profile"})};
}

// The label by the policy alone.
Result<std::string> policy_label(const std::string& base, const shim::Program& program, ExplainedPolicy& policy,
                                 std::vector<std::string>& reasons) {
    const auto outcome = TRY(policy.exec(base, program.file));
    for (const auto& step : outcome.steps) reasons.push_back(step.reason);
    if (outcome.allowed) return outcome.entered;
    return Error{ErrorKind::denied,
                 concat({"permission denied: ", quote(base), " does not let ", quote(program.file.path), " be started"})};
}

// What a process gets whose relation to the file is the other one, if that makes a difference.
std::string other_owner(const ExecExplanation& explanation, shim::Program program, ExplainedPolicy& policy) {
    program.file.owned = !program.file.owned;
    std::vector<std::string> reasons;
    const auto label = explanation.confinement ? shim::judge_exec(*explanation.confinement, *explanation.base, program, policy, reasons)
                                               : policy_label(*explanation.base, program, policy, reasons);
    const auto text = label ? concat({"gets ", quote(*label)}) : std::string("is refused");
    const bool same = label ? explanation.label && *explanation.label == *label : explanation.refusal.has_value();
    return same ? std::string() : concat({"a process that ", program.file.owned ? "owns" : "does not own", " the file ", text});
}

Result<ExecExplanation> explain_path(const ExplainOptions& options, const OpenCatalog* catalog, ExplainedPolicy& policy) {
    const auto& path = options.target;
    if (!options.command.empty() || !path.starts_with('/')) {
        return Error{ErrorKind::usage, "--profile and --confinement want one path, which begins with a slash"};
    }
    ExecExplanation explanation;
    explanation.word = path;
    if (!options.confinement.empty()) explanation.confinement = TRY(catalog->catalog.confinement(options.confinement));
    explanation.base = TRY(base_of(options, explanation.confinement));
    const shim::Program program{path, {path, !options.not_owned, {}}};
    explanation.file.emplace();
    explanation.file->path = path;
    explanation.file->owned = program.file.owned;
    if (explanation.confinement) {
        TRY(judge(explanation, program, policy));
    } else {
        auto label = policy_label(*explanation.base, program, policy, explanation.reasons);
        explain_steps(explanation, policy, program.file);
        TRY(conclude(explanation, std::move(label)));
    }
    if (auto note = other_owner(explanation, program, policy); !note.empty()) explanation.notes.push_back(std::move(note));
    return explanation;
}

Result<ExecExplanation> explanation_of(const ExplainOptions& options) {
    const bool path_only = options.is_path();
    if (options.target.empty() || (!path_only && options.command.empty())) {
        return Error{ErrorKind::usage, "--exec wants CONTAINER -- COMMAND, or --profile LABEL and a path"};
    }
    std::optional<OpenCatalog> catalog;
    if (!path_only || !options.confinement.empty() || !options.catalog.empty()) catalog = TRY(open_catalog(options.catalog));
    ExplainedPolicy policy(catalog ? &*catalog : nullptr);
    TRY(policy.use(options.profiles));
    return path_only ? explain_path(options, catalog ? &*catalog : nullptr, policy) : explain_exec_in_container(options, *catalog, policy);
}

}  // namespace

int explain_exec(const Context& context, const ExplainOptions& options) {
    const auto explanation = explanation_of(options);
    if (!explanation) return fail(context, explanation.error());
    if (context.json) {
        print(to_json(*explanation));
    } else {
        print_text(*explanation);
    }
    return exit_code(*explanation);
}

}  // namespace aa::ctl
