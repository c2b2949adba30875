// SPDX-License-Identifier: Apache-2.0
//
// The node's container engine: its configuration, made by `aa-shimctl install kubernetes`, and the restart that brings it in
// force. An engine reads its configuration when it starts, so a change leaves a mark on the node that goes only with a
// restart: by us, by somebody else, or by a boot, as the mark lies below /run.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "ctl/host/host.h"

namespace aa::ctl::node {

struct EngineSettings {
    std::string engine;  // containerd, crio, k3s or rke2; empty: the one that the node has
    std::vector<std::string> handlers;
    bool is_default = false;
    bool mandatory = false;
    bool replace_runtime = false;
    bool runs = true;  // false: the root is a tree that no engine runs on, so that none has to be restarted
};

// The engine's configuration is as SETTINGS want it.
Result<void> configure_engine(const Host& host, const EngineSettings& settings);

// It is as it was before aa-shim.
Result<void> restore_engine(const Host& host, const EngineSettings& settings);

// Whether the engine still runs with a configuration from before the last change.
bool restart_is_pending(const Host& host);

// Restarts the engine's service through the node's systemd. Containers go on: their shims are processes of their own.
Result<void> restart_engine(const Host& host);

// What people are told who have to do it themselves.
std::string restart_advice();

}  // namespace aa::ctl::node
