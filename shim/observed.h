// SPDX-License-Identifier: Apache-2.0
//
// What the kernel says of a process, held against what was decided: by aa-shim when a container starts, by `aa-shimctl status` at any
// time.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "apparmor/kernel/kernel.h"
#include "base/capability_set.h"
#include "shim/decision.h"

namespace aa::shim {

// What the kernel says of a process.
struct Observed {
    apparmor::TaskLabel label;
    CapabilitySet bounding;
    CapabilitySet permitted;
    bool no_new_privileges = false;
    bool filtered = false;                           // system calls go through a filter; which one, the kernel does not tell
    CapabilitySet others = {};                       // effective, inheritable and ambient together
    std::optional<unsigned long long> filters = {};  // how many; kernels before 5.9 do not tell
    pid_t parent = 0;
    pid_t tracer = 0;  // 0: nobody
};

// Why OBSERVED does not obey BOUNDS; nothing if it does. A program may have made a transition of its own since, so any
// confined label obeys a profile; "unconfined" never does.
std::optional<std::string> find_mismatch(const Observed& observed, const Bounds& bounds);

// The same of a process that has executed nothing yet of what it was started for: it has made no transition, so every profile of LABEL
// is one of its own, and where system calls are denied, it has a filter that its PARENT has not.
std::optional<std::string> find_first_mismatch(const Observed& observed, const Observed& parent, const Bounds& bounds,
                                               const std::optional<std::string>& label);

// What the kernel says of the process PID now, without its label unless WITH_LABEL; nothing if it is gone or cannot be looked at.
std::optional<Observed> observe(const apparmor::Kernel& kernel, pid_t pid, bool with_label);

// Reads the status file text of a process (/proc/PID/status) into OBSERVED; false if a line is missing.
bool read_status(std::string_view status, Observed& observed);

}  // namespace aa::shim
