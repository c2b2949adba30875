// SPDX-License-Identifier: Apache-2.0
//
// HostFacts: what a request brings from the host, with links followed and numbers looked up, so that the decision judges the thing
// itself and not its name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/catalog/facts.h"
#include "base/result.h"
#include "oci/bundle/bundle.h"
#include "oci/engine/engine.h"

namespace aa::shim {

// A place of the host that the caller wants in the container.
struct HostPath {
    std::optional<std::size_t> mount;  // the number in config.json; nullopt: the container's root
    std::string destination;
    std::string path;                // no link in it; of a mount that is no bind: "TYPE of SOURCE"
    std::vector<std::string> names;  // the same, or, of what shows other places, those; none: the engine's own, of which no rule is asked
    bool is_protected = false;       // it shows what belongs to aa-shim or the runtime, or lies in it
    bool is_kernels = false;         // it lies in a proc or sysfs
    bool is_device = false;          // it is how its engine gives a container a device
    bool may_be_another = false;     // it is an overlay of a place that somebody asked for: of what it is made, nothing tells afterwards
    std::optional<oci::Device> device;  // it is one
    apparmor::DeviceFact device_fact;   // of that; of one that every container has: empty
    std::uint64_t file_system = 0;      // its device, as stat(2) has it …
    std::uint64_t inode = 0;            // … and its number there; 0: it is no bind, or an automount that nobody has asked for yet
};

struct HostFacts {
    std::vector<HostPath> paths;
    std::vector<apparmor::DeviceFact> devices;     // of linux.devices, in its order; of those that every container has: empty
    std::vector<apparmor::DeviceFact> rules;       // what the device cgroup allows beyond those
    std::uint32_t namespaces = 0;                  // a set of apparmor::HostNamespace that stay the host's
    std::vector<std::string> unmasked;             // paths that engines mask and this request does not
    std::vector<std::string> writable;             // paths that engines make read-only and this request does not
    std::vector<std::string> kernel_file_systems;  // where a proc or sysfs is mounted beside /proc and /sys
    std::vector<std::size_t> writable_sysfs;    // the mounts in config.json at /sys that engines make read-only and this request does not
    std::vector<std::size_t> writable_cgroups;  // those by which it could write all of the host's control groups
    // Read-only paths that may lie over the host's control groups: crun binds what is there before it makes that read-only (1.21,
    // libcrun/linux.c), and the copy on top stays writable.
    std::vector<std::string> odd_readonly_paths;
    bool device_cgroup_is_open = false;  // its rules do not begin with "nothing at all"
    bool hooks = false;                  // beside the engine's own

    [[nodiscard]] bool is_unmasked() const {
        return !unmasked.empty() || !writable.empty() || !kernel_file_systems.empty() || !writable_sysfs.empty() ||
               !writable_cgroups.empty();
    }
};

// What CONFIG of the bundle that CALL is about asks of the host, as ENGINE's container. DEVICE_NAMES: devices get the names that the host
// gives them. An error: to tell is not possible, or would take too much work.
Result<HostFacts> collect_host_facts(const oci::EngineCall& call, const oci::Config& config, oci::Engine engine, bool device_names);

// Adds KEY and VALUE to OUT, the line for the log, unless there is no value or the line is long enough.
void add_fact(std::string& out, std::string_view key, std::string_view value);

// Adds all of FACTS that there are.
void add_summary(const HostFacts& facts, std::string& out);

}  // namespace aa::shim
