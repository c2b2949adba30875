// SPDX-License-Identifier: Apache-2.0
//
// Which processes of this host belong to which container. No runtime keeps a list: a process is found by the control group or by the
// PID namespace that it shares with the container's first one, which it shares with nobody else.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace aa::ctl::status {

// Where a process stands. Namespaces are the numbers by which the kernel tells one from another.
struct Place {
    pid_t pid = 0;
    std::string command;  // its own name for itself (comm)
    std::string cgroup;   // the longest of its paths in the hierarchies: "/docker/3f…"
    std::uint64_t pid_namespace = 0;
    std::uint64_t mount_namespace = 0;
    std::uint64_t user_namespace = 0;
};

// The longest path in TEXT, the contents of a /proc/PID/cgroup (cgroups(7)); "/" if there is none.
std::string longest_cgroup(std::string_view text);

// All processes that PROC shows; those that end meanwhile, and those that may not be looked at, are left out.
Result<std::vector<Place>> read_places(const std::string& proc = "/proc");

struct Grouping {
    std::vector<std::vector<Place>> containers;  // of each container the processes, its first one among them
    std::vector<Place> strangers;                // the first process of each PID namespace that is no container's and not SELF's
};

// Shares PLACES out among the containers with the first processes INITS. SELF is ours, on the host.
Grouping share_out(const std::vector<Place>& places, const std::vector<pid_t>& inits, const Place& self);

}  // namespace aa::ctl::status
