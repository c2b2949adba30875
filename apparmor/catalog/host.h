// SPDX-License-Identifier: Apache-2.0
//
// What a container may have of the host, as the catalog says it and as facts tell it: namespaces, devices, places in the file system.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace aa::apparmor {

// Namespaces that a container can share with the host (runtime-spec config-linux.md, "Namespaces"); a set of them is an OR of bits.
enum class HostNamespace : std::uint8_t { pid, network, ipc, uts, cgroup, user, mount };
inline constexpr std::size_t kHostNamespaces = 7;

constexpr std::uint32_t bit(HostNamespace space) { return 1U << static_cast<unsigned>(space); }

// "pid", "network", …: as the runtime-spec and the catalog call them.
std::string_view name_of(HostNamespace space);
std::optional<HostNamespace> host_namespace(std::string_view name);

// The names of the set SPACES, ", " between them.
std::string names_of_namespaces(std::uint32_t spaces);

// Devices, by number or by the name that the host gives them, and what may be done with them.
struct DeviceGrant {
    std::string path;                   // pattern, against the host's name; empty: by type and number
    char type = 'a';                    // 'b', 'c', or 'a' for both
    std::optional<std::int64_t> major;  // nullopt: any
    std::optional<std::int64_t> minor;
    std::string access = "rwm";

    friend bool operator==(const DeviceGrant&, const DeviceGrant&) = default;
};

// Reads "/dev/PATTERN", "TYPE MAJOR:MINOR", each with " ACCESS" behind it or not (the form of cgroup v1's devices.allow).
Result<DeviceGrant> parse_device_grant(std::string_view text);
std::string to_text(const DeviceGrant& grant);

// A device that a container asks for, or a set of them as a rule of the device cgroup names it.
struct DeviceFact {
    std::string numbers;  // "b 8:0", "c *:*"
    std::string path;     // the name that the host gives it, "/dev/sda"; empty: it has none, or nobody asked
};

// What belongs to aa-shim and AppArmor: no container sees it, unless the catalog says "weaker". The runtime's state comes on top.
inline constexpr std::array<std::string_view, 4> kProtectedPaths{"/run/aa-shim", "/etc/aa-shim", "/var/lib/aa-shim",
                                                                 "/sys/kernel/security"};

// What a confinement lets a container have of the host. nullopt: whatever it asks for.
struct HostCeilings {
    std::optional<std::vector<std::string>> paths;  // patterns for the sources of bind mounts
    bool protected_paths = false;                   // those of aa-shim and of the runtime among them ("weaker")
    std::optional<std::vector<DeviceGrant>> devices;
    std::optional<std::uint32_t> namespaces;  // a set
    bool keep_masked = false;

    friend bool operator==(const HostCeilings&, const HostCeilings&) = default;
};

}  // namespace aa::apparmor
