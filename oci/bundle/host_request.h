// SPDX-License-Identifier: Apache-2.0
//
// HostRequest: what a config.json asks of the host beside its mounts: devices and the rules of their cgroup, namespaces that stay the
// host's, masked and read-only paths, hooks (runtime-spec config-linux.md, config.md "POSIX-platform Hooks"); and the places of what
// aa-shim may take away.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "oci/json/json.h"
#include "oci/json/splice.h"

namespace aa::oci {

// An entry of linux.devices.
struct Device {
    std::string path;  // in the container
    char type = 0;     // b, c, u (which is c) or p; 0: none
    std::int64_t major = 0;
    std::int64_t minor = 0;
    json::Extent place;
};

// An entry of linux.resources.devices, a rule of the device cgroup.
struct DeviceRule {
    bool allow = false;
    char type = 'a';                    // a, b or c
    std::optional<std::int64_t> major;  // nullopt: any
    std::optional<std::int64_t> minor;
    std::string access;  // of "rwm"
};

struct Namespace {
    std::string type;  // as the runtime-spec calls it: "pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time"
    std::string path;  // of one to join; empty: a new one
};

// A list of texts that may be lengthened.
struct TextList {
    std::optional<json::Extent> place;  // of the value, a null included
    bool present = false;               // a list
    std::vector<std::string> values;
};

struct Hook {
    std::string path;
    std::vector<std::string> args;
};

struct HostRequest {
    std::vector<Device> devices;
    std::vector<DeviceRule> device_rules;
    std::optional<json::Extent> device_rules_place;  // of the value, a null included
    std::optional<json::Extent> resources_place;     // of the object or the null
    bool resources_present = false;                  // an object
    bool resources_empty = false;
    std::vector<std::string> cgroup_files;  // of its control group, which the runtime is to write (linux.resources.unified)
    std::vector<Namespace> namespaces;
    TextList masked_paths;
    TextList readonly_paths;
    std::vector<Hook> hooks;           // of all kinds
    bool start_hooks = false;          // some are run in the container, by its first process before its program (startContainer)
    bool net_devices = false;          // it takes network devices of the host
    std::vector<std::string> sysctls;  // the names of what is to be set of the kernel

    [[nodiscard]] const Namespace* find(std::string_view type) const;
};

// Each reads the value at which READER stands, a null included, into REQUEST.
void read_devices(json::Reader& reader, HostRequest& request);
void read_resources(json::Reader& reader, HostRequest& request);
void read_namespaces(json::Reader& reader, HostRequest& request);
void read_masked_paths(json::Reader& reader, HostRequest& request);
void read_readonly_paths(json::Reader& reader, HostRequest& request);
void read_hooks(json::Reader& reader, HostRequest& request);
void read_net_devices(json::Reader& reader, HostRequest& request);
void read_sysctls(json::Reader& reader, HostRequest& request);

// Those of FILES, of a control group, that tell whom it holds and what becomes of these, and are no limits. A runtime writes them as root of the
// host, and so takes in any process of the host, or of another container, that it is told the number of.
std::vector<std::string> files_that_are_no_limits(const std::vector<std::string>& files);

// TEXT, which is the object linux.resources as a document of its own, without rules of the device cgroup. An error: it is none, or has a file
// that is no limit.
Result<std::string> bounded_resources(std::string_view text);

// What a decision does to what a request asks of the host. Nothing given: all stays.
struct HostChanges {
    std::vector<bool> removed_devices;                               // for each of `devices`; empty: none
    std::optional<std::vector<DeviceRule>> device_rules;             // in place of those that were asked for
    std::vector<std::string> masked_paths;                           // to add
    std::vector<std::string> readonly_paths;                         // to add
    std::vector<bool> removed_mounts;                                // of config.json's mounts, for each; empty: none
    std::vector<std::pair<std::size_t, std::string>> mount_sources;  // of config.json's mounts: number → resolved source
    std::vector<std::size_t> readonly_mounts;  // of config.json's mounts, those of sysfs and control groups to make read-only

    // Whether a container that runs already would have had less.
    [[nodiscard]] bool takes_away() const {
        return !removed_devices.empty() || !removed_mounts.empty() || device_rules || !masked_paths.empty() || !readonly_paths.empty() ||
               !readonly_mounts.empty();
    }
};

// Adds to SPLICES what makes REQUEST obey CHANGES, the mounts' sources left out. Gives the members that `linux` lacks for it, to be put
// into that object: "NAME":VALUE, comma between them.
std::string change_request(const HostRequest& request, const HostChanges& changes, Splices& splices);

}  // namespace aa::oci
