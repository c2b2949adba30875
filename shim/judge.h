// SPDX-License-Identifier: Apache-2.0
//
// Judging a container: its facts collected, and the decision on it. What a start, an exec in a container without a record, and
// `aa-shimctl explain` share, so that explain runs the code that decides.
#pragma once

#include <string_view>

#include "apparmor/catalog/compiled_catalog.h"
#include "apparmor/current_policy.h"
#include "base/result.h"
#include "base/siphash.h"
#include "oci/bundle/bundle.h"
#include "oci/engine/engine.h"
#include "oci/state/state.h"
#include "shim/decision.h"
#include "shim/facts.h"
#include "shim/learning.h"
#include "shim/program.h"

namespace aa::shim {

// A container's facts and the decision on it.
struct Judged {
    ContainerFacts facts;
    Decision decision;
};

// Of the container that ENGINE_CALL is about, created from the configuration of ROOT under the name HANDLER, what CATALOG looks at.
Result<ContainerFacts> needed_facts(const apparmor::CompiledCatalog& catalog, const oci::EngineCall& engine_call, BundleRoot& root,
                                    std::string_view handler);

// The decision on that container, by its FACTS; it may be learned from if LEARNING (nullptr: never) says so.
Result<Decision> judge_facts(const apparmor::CompiledCatalog& catalog, const ContainerFacts& facts, const oci::EngineCall& engine_call,
                             BundleRoot& root, AppArmorState apparmor, apparmor::PolicyQuestions& policy, const LearningPlace* learning);

// Both.
Result<Judged> judge_bundle(const apparmor::CompiledCatalog& catalog, const oci::EngineCall& engine_call, BundleRoot& root,
                            std::string_view handler, AppArmorState apparmor, apparmor::PolicyQuestions& policy,
                            const LearningPlace* learning);

// The decision that the STATE of a running container records, by the host's KEY, if there is something that it could be; for one that was
// not started by aa-shim, the decision that it would get now (it has no id).
Result<Decision> container_decision(const apparmor::CompiledCatalog& catalog, const oci::EngineCall& engine_call,
                                    const oci::ContainerState& state, std::string_view handler, AppArmorState apparmor,
                                    apparmor::PolicyQuestions& policy, const Result<SipKey>& key);

// An error where CONFINEMENT denies system calls that CONTAINER, which an exec is to enter, was not started without: an exec gets the
// filter of the container (runc: from its state; crun: from its copy of config.json). Nobody put these system calls into that one if it was
// not started by aa-shim, or before the catalog denied them.
Result<void> require_filter(const Decision& container, const apparmor::Confinement& confinement);

// What an exec may have in a container whose record, or fresh decision, is CONTAINER, under the confinement as the catalog
// has it today: never more than either allows. One that IS_LEARNED from has no ceiling.
Bounds exec_bounds(const Decision& container, const apparmor::Confinement& confinement, bool is_learned);

// How CONTAINER is learned from by what PLACE says: under a twin where its record has that one, too, or in place.
enum class LearnedNow : std::uint8_t { no, under_twin, in_place };
LearnedNow learned_now(const Decision& container, const LearningPlace& place);

}  // namespace aa::shim
