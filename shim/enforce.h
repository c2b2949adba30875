// SPDX-License-Identifier: Apache-2.0
//
// Whether the kernel can enforce what was decided. Not sure means no.
#pragma once

#include <string>

#include "apparmor/catalog/compiled_catalog.h"
#include "apparmor/kernel/kernel.h"
#include "base/result.h"
#include "shim/decision.h"

namespace aa::shim {

// Available, or unavailable where the catalog accepts that ("withoutAppArmor": "capabilities-only"); an error otherwise.
Result<AppArmorState> apparmor_state(const apparmor::Kernel& kernel, apparmor::WithoutAppArmor choice);

// An error, naming the component and the remedy, unless every component of LABEL is loaded. "unconfined" always is.
Result<void> require_loaded(const apparmor::Kernel& kernel, const std::string& label);

}  // namespace aa::shim
