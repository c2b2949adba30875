// SPDX-License-Identifier: Apache-2.0
//
// Which processes of this host belong to which container. No runtime keeps a list: a process is found by the control group or by the
// PID namespace that it shares with the container's first one, which it shares with nobody else.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
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

// The process PID; nothing if it has ended, or may not be looked at.
std::optional<Place> place_of(pid_t pid);

// Whether the kernel forbids to look at the process PID: where we lack CAP_SYS_PTRACE, or run under a profile that its own does not name.
bool is_hidden(pid_t pid);

// All processes that PROC shows; those that end meanwhile, and those that may not be looked at, are left out.
Result<std::vector<Place>> read_places(const std::string& proc = "/proc");

// Tells whose process one is, among the containers with the first processes INITS, which PLACES holds. SELF is ours, on the host; that one's
// first process counts for the host, too, if PLACES has it: a service may have mounts of its own.
class Sharing {
public:
    Sharing(const std::vector<Place>& places, const std::vector<pid_t>& inits, Place self);

    // The number of the container that PLACE belongs to: the one whose first process it is; else the control group has the first word, as
    // containers of a pod may share a PID namespace.
    [[nodiscard]] std::optional<std::size_t> container_of(const Place& place) const;

private:
    // What tells the processes of one container from all others.
    struct Container {
        pid_t init = 0;
        std::string cgroup;               // empty: it has none of its own
        std::uint64_t pid_namespace = 0;  // 0: likewise
    };

    Place self_;
    std::uint64_t host_mounts_ = 0;
    std::vector<Container> containers_;
};

struct Grouping {
    std::vector<std::vector<Place>> containers;  // of each container the processes, its first one among them
    std::vector<Place> strangers;                // the first process of each PID namespace that is no container's and not SELF's
};

// Shares PLACES out among the containers with the first processes INITS, as above.
Grouping share_out(const std::vector<Place>& places, const std::vector<pid_t>& inits, const Place& self);

}  // namespace aa::ctl::status
