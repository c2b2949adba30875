// SPDX-License-Identifier: Apache-2.0
#include "shim/judge.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>
#include <vector>

#include "apparmor/kernel/profile_name.h"
#include "base/text.h"
#include "shim/exec_decision.h"
#include "shim/host_bounds.h"
#include "shim/host_namespaces.h"
#include "shim/judged_mounts.h"
#include "shim/record.h"
#include "shim/runtime_annotations.h"

namespace aa::shim {
namespace {

// Adds to CONFIG the annotations of STATE, the runtime's own copy, that it lacks: it is by these that the runtime goes, and config.json
// may have been changed since.
void add_kept_annotations(oci::Config& config, const oci::ContainerState& state) {
    using View = std::pair<std::string_view, std::string_view>;
    std::vector<View> known;
    known.reserve(config.annotations.size());
    for (const auto& annotation : config.annotations) known.emplace_back(annotation.key, annotation.value);
    std::sort(known.begin(), known.end());
    std::vector<oci::Annotation> missing;
    for (const auto& [key, value] : state.annotations) {
        if (!std::binary_search(known.begin(), known.end(), View(key, value))) missing.push_back({key, value, {}});
    }
    std::move(missing.begin(), missing.end(), std::back_inserter(config.annotations));
}

// Where the first program of a container starts whose confinement says "start": "from-profile".
Result<void> set_start_label(Decision& decision, const apparmor::Confinement& confinement, BundleRoot& root,
                             apparmor::PolicyQuestions& policy) {
    const auto& config = root.config();
    if (confinement.start != apparmor::Start::from_profile || config.process.args.empty()) return {};
    const auto& base = *decision.bounds.profile;
    const auto [program, behind_init] = TRY(find_first_program(root, decision.bounds.ceiling.value_or(CapabilitySet::all())));
    const bool no_new_privileges = decision.bounds.no_new_privileges || config.process.no_new_privileges;
    auto label = TRY(behind_init ? judge_start_behind_init(confinement, base, program, no_new_privileges, policy, decision.reasons)
                                 : judge_start(confinement, base, program, policy, decision.reasons));
    if (label != base) decision.start_label = std::move(label);
    return {};
}

// FACTS with what the engine has on record, where FILTER asks for what stands there and no rule does.
Result<ContainerFacts> facts_for(const LearningFilter& filter, const ContainerFacts& facts, const oci::EngineCall& engine_call,
                                 BundleRoot& root) {
    const bool enough = (filter.image.empty() || !facts.engine.image.empty()) && (filter.name.empty() || !facts.engine.container.empty());
    if (enough) return facts;
    return collect_facts(engine_call, root, facts.handler, FactsNeeded{true, false, false, false});
}

// Lets DECISION learn, if PLACE says that such containers are learned from.
Result<void> ask_for_learning(const LearningPlace& place, Decision& decision, const apparmor::Confinement& confinement,
                              const ContainerFacts& facts, const oci::EngineCall& engine_call, BundleRoot& root) {
    const auto learning = place.of(confinement.name);
    if (!learning) {
        decision.not_learned = learning.error().message;
        decision.reasons.push_back(decision.not_learned);
    }
    if (!learning || !*learning) return {};
    const auto known = TRY(facts_for((*learning)->filter, facts, engine_call, root));
    learn_from(decision, **learning, confinement, known.view().facts, engine_call.id);
    return {};
}

// An error where a container that runs already has of the host what DECISION would have taken away.
Result<void> require_nothing_taken(const Decision& decision) {
    if (!decision.host.takes_away()) return {};
    return Error{ErrorKind::denied, concat({"the container was not started by aa-shim, and has devices or unmasked paths that confinement ",
                                            quote(decision.confinement), " takes away: start it anew through aa-shim"})};
}

}  // namespace

Result<ContainerFacts> needed_facts(const apparmor::CompiledCatalog& catalog, const oci::EngineCall& engine_call, BundleRoot& root,
                                    std::string_view handler) {
    const FactsNeeded needed{catalog.needs_engine_record(), catalog.needs_entrypoint(), true, catalog.needs_device_names()};
    return collect_facts(engine_call, root, handler, needed);
}

Result<Decision> judge_facts(const apparmor::CompiledCatalog& catalog, const ContainerFacts& facts, const oci::EngineCall& engine_call,
                             BundleRoot& root, AppArmorState apparmor, apparmor::PolicyQuestions& policy, const LearningPlace* learning) {
    const auto& config = root.config();
    Asked asked{asked_profile(config), std::nullopt};
    if (const auto request = config.annotation(apparmor::kRequestAnnotation)) asked.confinement = std::string(*request);
    auto decision = TRY(judge_container(catalog, facts.view().facts, asked, apparmor, policy));
    decision.subject = facts.subject();
    if (decision.pass) return decision;
    TRY(check_seccomp_listener(config, oci::engine_name(facts.engine.engine), engine_call.id));
    const auto confinement = TRY(catalog.confinement(decision.confinement));
    decision.host = TRY(judge_host(confinement, config, facts.host, decision.reasons));
    decision.mounts = judged_mounts(config, facts.host, decision.host.removed_mounts);
    decision.namespaces = judged_namespaces(config.host, facts.host.namespaces);
    decision.may_be_mistaken = !config.host.hooks.empty() || config.host.find("mount") == nullptr;
    decision.start_hooks = config.host.start_hooks;
    if (!decision.bounds.profile) return decision;
    if (learning != nullptr) TRY(ask_for_learning(*learning, decision, confinement, facts, engine_call, root));
    if (!is_twin(decision.learning)) TRY(set_start_label(decision, confinement, root, policy));
    return decision;
}

Result<Judged> judge_bundle(const apparmor::CompiledCatalog& catalog, const oci::EngineCall& engine_call, BundleRoot& root,
                            std::string_view handler, AppArmorState apparmor, apparmor::PolicyQuestions& policy,
                            const LearningPlace* learning) {
    Judged judged{TRY(needed_facts(catalog, engine_call, root, handler)), {}};
    judged.decision = TRY(judge_facts(catalog, judged.facts, engine_call, root, apparmor, policy, learning));
    return judged;
}

Result<Decision> container_decision(const apparmor::CompiledCatalog& catalog, const oci::EngineCall& engine_call,
                                    const oci::ContainerState& state, std::string_view handler, AppArmorState apparmor,
                                    apparmor::PolicyQuestions& policy, const Result<SipKey>& key) {
    if (!key && claims_record(state)) return key.error();
    if (key) {
        if (auto record = TRY(read_record(state, engine_call, *key))) return *std::move(record);
    }
    const auto bundle = TRY(oci::Bundle::open(state.bundle));
    auto config = TRY(oci::read_config(bundle.text()).context(concat({"config.json of ", quote(state.bundle)})));
    add_kept_annotations(config, state);
    BundleRoot root(engine_call.bundle, config);
    auto judged = TRY(judge_bundle(catalog, engine_call, root, handler, apparmor, policy, nullptr));
    TRY(require_nothing_taken(judged.decision));
    judged.decision.reasons.emplace_back("the container was not started by aa-shim: judged now");
    return std::move(judged.decision);
}

Result<void> require_filter(const Decision& container, const apparmor::Confinement& confinement) {
    const bool started_by_aa_shim = !container.id.empty();
    std::vector<std::string> missing;
    for (const auto& name : confinement.deny_syscalls) {
        const auto& filtered = container.bounds.deny_syscalls;
        const bool is_filtered = started_by_aa_shim && std::find(filtered.begin(), filtered.end(), name) != filtered.end();
        if (!is_filtered) missing.push_back(name);
    }
    if (missing.empty()) return {};
    return Error{ErrorKind::denied,
                 concat({"the container was ", started_by_aa_shim ? "started before the catalog denied them" : "not started by aa-shim",
                         ", so system calls that confinement ", quote(confinement.name), " (", confinement.origin.text(),
                         ") denies would be allowed to the exec (", join(missing, ", "), "): start it anew",
                         started_by_aa_shim ? "" : " through aa-shim"})};
}

LearnedNow learned_now(const Decision& container, const LearningPlace& place) {
    if (!container.bounds.profile) return LearnedNow::no;
    const auto learning = place.of(container.confinement);
    if (!learning || !*learning) return LearnedNow::no;
    const auto& twin = (*learning)->twin;
    if (!(*learning)->is_in_place()) return twin == container.learning ? LearnedNow::under_twin : LearnedNow::no;
    const auto parts = apparmor::components(*container.bounds.profile);
    return std::find(parts.begin(), parts.end(), twin) != parts.end() ? LearnedNow::in_place : LearnedNow::no;
}

Bounds exec_bounds(const Decision& container, const apparmor::Confinement& confinement, bool is_learned) {
    Bounds bounds = container.bounds;
    const auto* today = std::get_if<CapabilitySet>(&confinement.ceiling);
    // As it was evaluated when the catalog was loaded: what the profile has lost since, the kernel itself refuses.
    const auto* from_profile = std::get_if<apparmor::FromProfile>(&confinement.ceiling);
    if (from_profile != nullptr) today = &from_profile->evaluated;
    if (today != nullptr && !is_learned) bounds.ceiling = bounds.ceiling ? *bounds.ceiling & *today : *today;
    bounds.no_new_privileges = bounds.no_new_privileges || confinement.no_new_privileges;
    return bounds;
}

}  // namespace aa::shim
