// SPDX-License-Identifier: Apache-2.0
//
// How the policy in the kernel has come to differ from the one that was loaded with the catalog in force: by whoever else may load policy.
#pragma once

#include <string>
#include <vector>

#include "apparmor/catalog/compiled_catalog.h"
#include "apparmor/kernel/kernel.h"
#include "base/result.h"

namespace aa::apparmor {

struct Drift {
    std::string profile;
    Mode mode = Mode::unknown;  // the one that counts now
    bool weakened = false;      // it forbids nothing in that mode, and did when it was loaded; else it is another profile than was loaded
};

// The profiles that CATALOG's confinements start from, or get to, as far as KERNEL has them otherwise than when the catalog was loaded. Those
// that it has not at all are not among them: is_loaded() tells. Nothing if the catalog was compiled without policy.
Result<std::vector<Drift>> find_drift(const CompiledCatalog& catalog, const Kernel& kernel);

}  // namespace aa::apparmor
