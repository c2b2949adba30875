// SPDX-License-Identifier: Apache-2.0
//
// Whether a container may bring the annotations that it brings: what a runtime interprets must be listed by its confinement, or be what
// its engine sets. Pure, as decision.h.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/catalog/catalog.h"
#include "apparmor/catalog/facts.h"
#include "base/result.h"

namespace aa::shim {

// An error, naming key and remedy, unless each of ANNOTATIONS, brought by a container of ENGINE, is data, its engine's own, or listed by
// CONFINEMENT. UNSAFE is what the runtime in use lists beyond what aa-shim knows. Without a confinement it is about a pod's sandbox that no
// rule names: it stays as its engine made it, but nobody decided that a pod may steer the runtime. REASONS tells of those that are listed.
Result<void> check_runtime_annotations(const apparmor::Confinement* confinement, std::span<const std::string> unsafe,
                                       std::string_view engine, std::span<const apparmor::FactPair> annotations,
                                       std::vector<std::string>& reasons);

}  // namespace aa::shim
