// SPDX-License-Identifier: Apache-2.0
//
// Carrying out a plan: all of it, or, after a failure, none of it. The record comes first and goes last, so that a crash at any
// point leaves what install or uninstall puts right.
#pragma once

#include <functional>

#include "base/result.h"
#include "ctl/host/host.h"
#include "ctl/install/plan/plan.h"

namespace aa::ctl::install {

// Carries out PLAN. VALIDATE is asked when every file is in its place; what it refuses is undone, too.
Result<void> apply(const Host& host, const Plan& plan, const std::function<Result<void>()>& validate);

}  // namespace aa::ctl::install
