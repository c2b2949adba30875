// SPDX-License-Identifier: Apache-2.0
//
// The places of the host that a request names: sources of bind mounts, layers of overlays, file systems, and the container's root. Those
// that are the engine's own doing are left out.
#pragma once

#include <vector>

#include "base/result.h"
#include "oci/bundle/bundle.h"
#include "oci/engine/engine.h"
#include "shim/host_facts.h"

namespace aa::shim {

// All such places of CONFIG, of the bundle that CALL is about, as ENGINE's container. An error: one cannot be told, or it would take too
// much work.
Result<std::vector<HostPath>> collect_host_paths(const oci::EngineCall& call, const oci::Config& config, oci::Engine engine);

}  // namespace aa::shim
