// SPDX-License-Identifier: Apache-2.0
//
// A process that stays while the caller goes on to become the runtime.
#pragma once

#include <functional>

#include "base/result.h"

namespace aa::shim {

// Runs WORK in a process that is nobody's child (the runtime must not meet one that it does not know), in a session of its own, and that holds
// nothing of the caller's but its place in a control group. Returns once WORK has called what it is given. An error: no such process could be
// made, or it ended before.
Result<void> in_background(const std::function<void(const std::function<void()>& ready)>& work);

}  // namespace aa::shim
