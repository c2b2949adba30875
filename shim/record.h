// SPDX-License-Identifier: Apache-2.0
//
// The record: a decision as annotations in config.json. It survives in the runtime's own state, where an exec finds it.
// Only aa-shim writes keys under `aa-shim/`; a container that brings other ones than its request is refused.
//
// Whoever starts a container with another runtime can give it such annotations, too. So a record ends with a digest, by the key of this host
// (host_key.h), of all that it says, of the container's ID and of its bundle: without the right one it is none. To forge one takes 2^128
// guesses, each of which takes a container and an exec.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/siphash.h"
#include "oci/bundle/bundle.h"
#include "oci/engine/engine.h"
#include "oci/state/state.h"
#include "shim/decision.h"

namespace aa::shim {

using Annotations = std::vector<std::pair<std::string, std::string>>;

// DECISION as annotations, without a digest.
Annotations to_annotations(const Decision& decision);

// The record of DECISION on the container that CALL is about, whose bundle is named by its resolved path.
Annotations make_record(const Decision& decision, const oci::EngineCall& call, const SipKey& key);

// The decision that STATE records of the container that CALL is about; nothing if it was not made by who has KEY, for this container and
// this bundle: a container that aa-shim did not start. An error if there is such a record that cannot be understood. `reasons` are not
// recorded: nobody needs them after the start.
Result<std::optional<Decision>> read_record(const oci::ContainerState& state, const oci::EngineCall& call, const SipKey& key);

// Whether STATE has anything that only a record has, be it a true one or not.
bool claims_record(const oci::ContainerState& state);

// The error for annotations of CONFIG under the reserved prefix that are neither the request nor exactly the record that
// DECISION would leave (a bundle that is used a second time) but for its id, its digest and what was mounted, which are given anew each time:
// a caller's are never taken over.
Result<void> check_reserved_annotations(const oci::Config& config, const Decision& decision);

// The profile that CONFIG asks for. A bundle that is used again has the label in it that aa-shim gave the first program; it
// then asks for the profile that this one started from.
std::optional<std::string> asked_profile(const oci::Config& config);

}  // namespace aa::shim
