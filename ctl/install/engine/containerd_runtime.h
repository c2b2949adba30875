// SPDX-License-Identifier: Apache-2.0
//
// What a configuration of containerd, be it its own or that of K3s and RKE2, says of the runtime below aa-shim.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "ctl/install/engine/lower_runtime.h"
#include "ctl/install/toml/toml.h"

namespace aa::ctl::install {

// Wants the runtime below aa-shim that DOCUMENT and the files that it IMPORTS (the last word counts) make containers start with; those
// without a path are looked for in DIRECTORIES.
Result<void> want_containerd_runtime(Draft& draft, const Wanted& wanted, const toml::Document& document, int version,
                                     const std::vector<std::string>& imports, const std::vector<std::string>& directories);

}  // namespace aa::ctl::install
