// SPDX-License-Identifier: Apache-2.0
//
// Whom learning in place touches: all that runs under the profile, whoever started it.
#pragma once

#include <string>
#include <vector>

#include "apparmor/catalog/compiled_catalog.h"
#include "apparmor/kernel/kernel.h"
#include "base/result.h"

namespace aa::ctl {

struct InPlaceWish {
    std::string confinement, profile;
    std::vector<std::string> containers;  // how the IDs begin of those that are meant; none: all of the confinement
    bool shared = false;                  // others that have the profile are meant, too
};

// Those whom WISH touches, in words. An error where it touches somebody who is not meant: another confinement of CATALOG that uses the profile,
// a container, a process of the host's; or where a container that is meant does not run under it.
Result<std::string> whom_it_touches(const apparmor::Kernel& kernel, const apparmor::CompiledCatalog& catalog, const InPlaceWish& wish);

}  // namespace aa::ctl
