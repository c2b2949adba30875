// SPDX-License-Identifier: Apache-2.0
//
// The namespaces that a container shares with the host: as its request has it, and as the kernel does once the runtime has made the container.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string_view>

#include "apparmor/catalog/host.h"
#include "base/result.h"
#include "oci/bundle/host_request.h"

namespace aa::shim {

// A set of apparmor::HostNamespace: those that REQUEST leaves out, and those that it joins by a path that leads to the host's, or to nothing
// that can be told.
std::uint32_t shared_namespaces(const oci::HostRequest& request);

// The namespace to which the kernel's setting NAME belongs (sysctl(8), "net.ipv4.ip_forward" or with slashes); nothing if to none, or it is not known.
std::optional<apparmor::HostNamespace> namespace_of_sysctl(std::string_view name);

// SHARED, if REQUEST has the runtime join namespaces by paths: what these lead to may be another one by then. Otherwise it makes new ones.
std::optional<std::uint32_t> judged_namespaces(const oci::HostRequest& request, std::uint32_t shared);

// An error of kind denied if the process PID, which executes no program of its container's yet, shares others with the host than JUDGED.
Result<void> check_namespaces(pid_t pid, const std::optional<std::uint32_t>& judged);

}  // namespace aa::shim
