// SPDX-License-Identifier: Apache-2.0
//
// One call of aa-shim by an engine: what was typed, what is known of it so far, and what the runtime will be called with.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/catalog/compiled_catalog.h"
#include "apparmor/kernel.h"
#include "base/result.h"
#include "oci/bundle.h"
#include "oci/command_line.h"
#include "oci/engine.h"
#include "oci/state.h"
#include "shim/decision.h"
#include "shim/facts.h"
#include "shim/runtime.h"
#include "shim/trace.h"

namespace aa::shim {

struct Call {
    std::span<const char* const> arguments;  // argv without argv[0]
    const oci::CommandLine& line;
    const Runtime& runtime;
    std::string_view program;  // the file name by which aa-shim was called
};

// The arguments for the runtime; new ones are owned by `storage`.
struct Prepared {
    std::vector<const char*> arguments;
    std::vector<std::string> storage;
};

// Fills PREPARED with the arguments of CALL as CHANGES demand.
Result<void> change_arguments(const Call& call, const oci::ArgumentChanges& changes, Prepared& prepared);

// create, run, restore: judges the container and rewrites its bundle. On an error the bundle is as it was.
Result<Prepared> prepare_start(const Call& call, Trace& trace);

// Opens the catalog in force.
Result<apparmor::CompiledCatalog> open_catalog(Trace& trace);

// Sees that the kernel has every profile of LABEL.
Result<void> require_profile(const apparmor::Kernel& kernel, const std::string& label, Trace& trace);

// exec: judges the command and restricts its process.
Result<Prepared> prepare_exec(const Call& call, Trace& trace);

// A container's facts and the decision on it: what prepare_start(), an exec in a container without a record and
// `aa-shimctl explain` share.
struct Judged {
    ContainerFacts facts;
    Decision decision;
};
Result<Judged> judge_bundle(const apparmor::CompiledCatalog& catalog, const oci::EngineCall& engine_call, const oci::Config& config,
                            std::string_view handler, AppArmorState apparmor, apparmor::PolicyQuestions& policy);

// The decision that the STATE of a running container records; for one that was not started by aa-shim, the decision that it
// would get now (it has no id).
Result<Decision> container_decision(const apparmor::CompiledCatalog& catalog, const oci::EngineCall& engine_call,
                                    const oci::ContainerState& state, std::string_view handler, AppArmorState apparmor,
                                    apparmor::PolicyQuestions& policy);

// What an exec may have in a container whose record, or fresh decision, is CONTAINER, under the confinement as the catalog
// has it today: never more than either allows.
Bounds exec_bounds(const Decision& container, const apparmor::Confinement& confinement);

}  // namespace aa::shim
