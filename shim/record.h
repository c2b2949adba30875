// SPDX-License-Identifier: Apache-2.0
//
// The record: a decision as annotations in config.json. It survives in the runtime's own state, where an exec finds it.
// Only aa-shim writes keys under `aa-shim/`; a container that brings other ones than its request is refused.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "oci/bundle/bundle.h"
#include "oci/state/state.h"
#include "shim/decision.h"

namespace aa::shim {

using Annotations = std::vector<std::pair<std::string, std::string>>;

// DECISION as annotations.
Annotations to_annotations(const Decision& decision);

// The decision that STATE records; nothing if the container was not started by aa-shim. An error if there is a record
// that cannot be understood. `deny_syscalls` and `reasons` are not recorded: nobody needs them after the start.
Result<std::optional<Decision>> read_record(const oci::ContainerState& state);

// The error for annotations of CONFIG under the reserved prefix that are neither the request nor exactly the record that
// DECISION would leave (a bundle that is used a second time) but for its id, which is given anew each time: a caller's is never taken over.
Result<void> check_reserved_annotations(const oci::Config& config, const Decision& decision);

// The profile that CONFIG asks for. A bundle that is used again has the label in it that aa-shim gave the first program; it
// then asks for the profile that this one started from.
std::optional<std::string> asked_profile(const oci::Config& config);

}  // namespace aa::shim
