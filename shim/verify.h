// SPDX-License-Identifier: Apache-2.0
//
// Proof after the start: the label and the capability sets that the kernel really gave the container's first process,
// compared with the decision. A runtime's write of the label can be diverted (CVE-2019-16884, CVE-2023-28642,
// CVE-2025-52881) and then succeeds without effect; a mismatch ends the container and is logged.
#pragma once

#include "shim/call.h"

namespace aa::shim {

// For `start` and `run` of a container whose record binds it: leaves a process behind that watches the container's first
// process until its program runs, and kills it on a mismatch. The caller goes on to become the runtime, pid and all.
// Nothing is watched where there is no record.
void watch_start(const Call& call) noexcept;

// For `restore`: leaves a process behind that compares all processes and threads of the container with DECISION once the runtime
// knows them, and kills them unless they obey it soon. CRIU gives its processes their credentials last, so a few moments are left to it.
void watch_restore(const Call& call, const Decision& decision) noexcept;

}  // namespace aa::shim
