// SPDX-License-Identifier: Apache-2.0
#include "ctl/explain/container_explanation.h"

#include "base/text.h"
#include "ctl/explain/given.h"
#include "shim/exec_decision.h"
#include "shim/host_bounds.h"
#include "shim/judge.h"
#include "shim/record.h"

namespace aa::ctl {

namespace {

std::string last_component(std::string_view path) {
    while (path.ends_with('/')) path.remove_suffix(1);
    return std::string(path.substr(path.rfind('/') + 1));
}

// Labels and annotations are no part of the summary that is logged.
std::string summary(const shim::ContainerFacts& facts) {
    std::string text = facts.summary();
    for (const auto& [key, value] : facts.engine.labels) text += concat({" label ", key, "=", quote(value)});
    for (const auto& [key, value] : facts.annotations) text += concat({" annotation ", key, "=", quote(value)});
    return text;
}

// The runtime root that goes with BUNDLE when containerd laid it out: its last two components are the namespace and the
// container. What the engines pass is in runc's --root (dockerd: daemon/runtime_unix.go; containerd: process/init.go).
std::string guess_root(std::string_view bundle) {
    constexpr std::string_view kTasks = "/io.containerd.runtime.v2.task/";
    const std::size_t at = bundle.find(kTasks);
    if (at == std::string_view::npos) return "/run/runc";
    const auto rest = bundle.substr(at + kTasks.size());
    const auto space = rest.substr(0, rest.find('/'));
    if (space == "moby" || space.starts_with("moby-")) return concat({"/run/docker/runtime-runc/", space});
    return concat({"/run/containerd/runc/", space});
}

Result<Explanation> explain_bundle(const ExplainOptions& options, const apparmor::CompiledCatalog& catalog, shim::AppArmorState apparmor,
                                   ExplainedPolicy& policy) {
    const auto bundle = TRY(oci::Bundle::open(options.bundle));
    const auto config = TRY(oci::read_config(bundle.text()).context(concat({"config.json of ", quote(options.bundle)})));
    const auto id = options.id.empty() ? last_component(options.bundle) : options.id;
    const auto root = options.root.empty() ? guess_root(options.bundle) : options.root;
    shim::BundleRoot container_root(options.bundle, config);
    TRY(shim::check_working_directory(container_root, config.process.cwd));
    const oci::EngineCall call{root, options.bundle, id};
    const shim::LearningPlace learning(policy.kernel());
    auto judged = TRY(shim::judge_bundle(catalog, call, container_root, handler_of(options.handler), apparmor, policy,
                                         policy.is_the_kernels() ? &learning : nullptr));
    return Explanation{std::move(judged.decision), judged.facts.summary(), shim::asked_profile(config), config.process.requested(), {}, {}};
}

// Fills in what the first program gets, where that depends on it. Of a program that is only named, the owner is not known: files
// of images are root's.
Result<void> explain_start(const ExplainOptions& options, const apparmor::CompiledCatalog& catalog, ExplainedPolicy& policy,
                           Explanation& explanation) {
    auto& decision = explanation.decision;
    if (decision.pass || !decision.bounds.profile || shim::is_twin(decision.learning)) return {};
    const auto confinement = TRY(catalog.confinement(decision.confinement));
    if (confinement.start != apparmor::Start::from_profile) return {};
    if (!options.entrypoint.starts_with('/')) {
        explanation.start_note = "depends on the first program: name it in full with --entrypoint";
        return {};
    }
    const shim::Program program{options.entrypoint, {options.entrypoint, options.user.value_or(0) == 0, {}}};
    auto label = TRY(shim::judge_start(confinement, *decision.bounds.profile, program, policy, decision.reasons));
    if (label != *decision.bounds.profile) decision.start_label = std::move(label);
    return {};
}

// Lets DECISION learn, if containers of its confinement are learned from. Which ID it will have is not known.
void explain_learning(const apparmor::Confinement& confinement, const apparmor::Facts& facts, const ExplainedPolicy& policy,
                      shim::Decision& decision) {
    if (!policy.is_the_kernels()) return;
    const auto learning = shim::LearningPlace(policy.kernel()).of(confinement.name);
    if (!learning) decision.reasons.push_back(learning.error().message);
    if (!learning || !*learning) return;
    const auto& wanted = (*learning)->filter.container;
    if (wanted.empty()) return shim::learn_from(decision, **learning, confinement, facts, {});
    decision.reasons.push_back(concat({"'aa-shimctl learn' has containers whose ID begins with ", quote(wanted), " run under ",
                                       quote((*learning)->twin), ", which forbids next to nothing"}));
}

Result<Explanation> explain_facts(const ExplainOptions& options, const apparmor::CompiledCatalog& catalog, shim::AppArmorState apparmor,
                                  ExplainedPolicy& policy) {
    const auto request = TRY(given_request(options));
    const auto facts = TRY(given_facts(options, request));
    shim::Asked asked;
    if (!options.profile.empty()) asked.profile = options.profile;
    for (const auto& [key, value] : facts.annotations) {
        if (key == apparmor::kRequestAnnotation) asked.confinement = value;
    }
    auto decision = TRY(shim::judge_container(catalog, facts.view().facts, asked, apparmor, policy));
    if (!decision.pass) {
        const auto confinement = TRY(catalog.confinement(decision.confinement));
        decision.host = TRY(shim::judge_host(confinement, request, facts.host, decision.reasons));
        explain_learning(confinement, facts.view().facts, policy, decision);
    }
    Explanation explanation{std::move(decision), summary(facts), asked.profile, TRY(given_capabilities(options)), {}, {}};
    TRY(explain_start(options, catalog, policy, explanation));
    return explanation;
}

// The confinement, and what its ceiling comes from, where it comes from the policy.
Result<void> explain_confinement(const apparmor::CompiledCatalog& catalog, ExplainedPolicy& policy, Explanation& explanation) {
    if (explanation.decision.pass) return {};
    explanation.confinement = TRY(catalog.confinement(explanation.decision.confinement));
    const auto& confinement = *explanation.confinement;
    const auto* profile = std::get_if<std::string>(&confinement.profile);
    if (profile == nullptr || std::get_if<apparmor::FromProfile>(&confinement.ceiling) == nullptr) return {};
    explanation.reachable = TRY(policy.reachable(*profile));
    return {};
}

}  // namespace

Result<Explanation> explain_container(const ExplainOptions& options, const apparmor::CompiledCatalog& catalog, shim::AppArmorState apparmor,
                                      ExplainedPolicy& policy) {
    auto explanation = TRY(options.bundle.empty() ? explain_facts(options, catalog, apparmor, policy)
                                                  : explain_bundle(options, catalog, apparmor, policy));
    TRY(explain_confinement(catalog, policy, explanation));
    return explanation;
}

}  // namespace aa::ctl
