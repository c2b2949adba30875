// SPDX-License-Identifier: Apache-2.0
//
// The ceilings on what a request brings from the host: devices and unmasked paths are taken away, everything else beyond them is refused.
#pragma once

#include <string>
#include <vector>

#include "apparmor/catalog/catalog.h"
#include "base/result.h"
#include "oci/bundle/bundle.h"
#include "shim/host_facts.h"

namespace aa::shim {

// What becomes of REQUEST, of which FACTS tells, under CONFINEMENT; what goes is told in REASONS. An error of kind denied names what the
// container may not have.
Result<oci::HostChanges> judge_host(const apparmor::Confinement& confinement, const oci::Config& config, const HostFacts& facts,
                                    std::vector<std::string>& reasons);

}  // namespace aa::shim
