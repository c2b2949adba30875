// SPDX-License-Identifier: Apache-2.0
//
// The explanation of what is decided on a container, as a value. It runs the code that decides (judge_bundle, judge_container); explain.cc
// prints it, and policy tests hold it against what is expected.
#pragma once

#include <optional>
#include <string>

#include "apparmor/catalog/catalog.h"
#include "apparmor/catalog/compiled_catalog.h"
#include "apparmor/policy/reachable.h"
#include "base/capability_set.h"
#include "base/result.h"
#include "ctl/explain/explain.h"
#include "ctl/explain/policy.h"
#include "shim/decision.h"

namespace aa::ctl {

// What is explained: a decision, and what it starts from.
struct Explanation {
    shim::Decision decision;
    std::string facts;
    std::optional<std::string> asked_profile;
    CapabilitySet asked_capabilities;
    std::optional<apparmor::Reachable> reachable;        // of a ceiling "from-profile"
    std::string start_note;                              // what is not known of the first program
    std::optional<apparmor::Confinement> confinement{};  // unless it is passed
};

// What CATALOG decides on the container whose bundle OPTIONS name, or whose facts they are. An error of kind denied is a refusal.
Result<Explanation> explain_container(const ExplainOptions& options, const apparmor::CompiledCatalog& catalog, shim::AppArmorState apparmor,
                                      ExplainedPolicy& policy);

}  // namespace aa::ctl
