// SPDX-License-Identifier: Apache-2.0
//
// Proof after the start: the label and the capability sets that the kernel really gave the container's first process,
// compared with the decision. A runtime's write of the label can be diverted (CVE-2019-16884, CVE-2023-28642,
// CVE-2025-52881) and then succeeds without effect; a mismatch ends the container and is logged.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "apparmor/kernel.h"
#include "shim/call.h"
#include "shim/decision.h"

namespace aa::shim {

// What the kernel says of a process.
struct Observed {
    apparmor::TaskLabel label;
    CapabilitySet bounding;
    CapabilitySet permitted;
    bool no_new_privileges = false;
};

// Why OBSERVED does not obey BOUNDS; nothing if it does. A program may have made a transition of its own since, so any
// confined label obeys a profile; "unconfined" never does.
std::optional<std::string> find_mismatch(const Observed& observed, const Bounds& bounds);

// What the kernel says of the process PID now, without its label unless WITH_LABEL; nothing if it is gone or cannot be looked at.
std::optional<Observed> observe(const apparmor::Kernel& kernel, pid_t pid, bool with_label);

// Reads the status file text of a process (/proc/PID/status) into OBSERVED; false if a line is missing.
bool read_status(std::string_view status, Observed& observed);

// For `start` and `run` of a container whose record binds it: leaves a process behind that watches the container's first
// process until its program runs, and kills it on a mismatch. The caller goes on to become the runtime, pid and all.
// Nothing is watched where there is no record.
void watch_start(const Call& call) noexcept;

}  // namespace aa::shim
