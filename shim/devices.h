// SPDX-License-Identifier: Apache-2.0
//
// The devices of a request beside those that every container has: as facts, and cut to what a confinement lists. They are judged by their
// numbers, or by the names that the host gives these: the path in config.json is the container's, and the caller's choice.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apparmor/catalog/host.h"
#include "base/result.h"
#include "oci/bundle/host_request.h"
#include "shim/host_facts.h"

namespace aa::shim {

// Whether PATH is one in /dev of which root alone, and no link, says what lies there, be it nothing: each directory on the way is root's and nobody
// else's to write. Not elsewhere: root's directories may be mounted in containers, whose root writes there.
bool is_roots_device_path(const std::string& path);

// Adds to FACTS the devices that REQUEST asks for and the rules of its device cgroup. NAMES: looks for the names that the host gives them.
Result<void> collect_devices(const oci::HostRequest& request, bool names, HostFacts& facts);

// Whether a container may have DEVICE, of which FACT tells: every container may, or GRANTS let it be used in some way. The device cgroup's
// rules tell in which.
bool is_device_granted(const oci::Device& device, const apparmor::DeviceFact& fact, const std::vector<apparmor::DeviceGrant>& grants);

// Tells in REASONS that the devices NAMES, if any, are taken away.
void tell_taken_devices(const std::vector<std::string>& names, std::vector<std::string>& reasons);

// Cuts the devices of REQUEST, of which FACTS tells, to GRANTS. What goes is told in REASONS.
void cut_devices(const oci::HostRequest& request, const HostFacts& facts, const std::vector<apparmor::DeviceGrant>& grants,
                 oci::HostChanges& changes, std::vector<std::string>& reasons);

}  // namespace aa::shim
