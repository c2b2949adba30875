// SPDX-License-Identifier: Apache-2.0
//
// Whether a container may bring what it brings to steer the runtime: annotations that a runtime interprets must be listed by its
// confinement, or be what its engine sets; a seccomp agent must be its engine's. Pure, as decision.h.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/catalog/catalog.h"
#include "apparmor/catalog/facts.h"
#include "base/result.h"
#include "oci/bundle/bundle.h"

namespace aa::shim {

// An error, naming key and remedy, unless each of ANNOTATIONS, brought by a container of ENGINE, is data, its engine's own, or listed by
// CONFINEMENT. UNSAFE is what the runtime in use lists beyond what aa-shim knows. Without a confinement it is about a pod's sandbox that no
// rule names: it stays as its engine made it, but nobody decided that a pod may steer the runtime. REASONS tells of those that are listed.
Result<void> check_runtime_annotations(const apparmor::Confinement* confinement, std::span<const std::string> unsafe,
                                       std::string_view engine, std::span<const apparmor::FactPair> annotations,
                                       std::vector<std::string>& reasons);

// An error, naming key and remedy, if CONFIG names a seccomp agent that is not the one of its ENGINE for the container ID: a socket of the
// host to which the runtime connects as root (runtime-spec config-linux.md, `listenerPath`), whoever wrote that.
Result<void> check_seccomp_listener(const oci::Config& config, std::string_view engine, std::string_view id);

}  // namespace aa::shim
