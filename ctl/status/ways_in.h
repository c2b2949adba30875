// SPDX-License-Identifier: Apache-2.0
//
// How pods come to aa-shim on this host, and who is there for it: what a survey must know to tell a container that went around aa-shim
// from one that was never meant to come to it.
#pragma once

#include <sys/types.h>

#include <optional>

#include "ctl/host/host.h"

namespace aa::ctl::status {

// Whether an engine of a Kubernetes node (containerd, its own or that of K3s and RKE2, and CRI-O) has aa-shim as its default runtime, by
// the configuration that HOST has for it. One that cannot be read is none: then the engine has none either.
bool is_default_of_kubernetes(const Host& host);

// The agent of HOST (`aa-shimctl node`), which holds its lock as long as it runs.
std::optional<pid_t> find_agent(const Host& host);

}  // namespace aa::ctl::status
