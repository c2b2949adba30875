// SPDX-License-Identifier: Apache-2.0
//
// Kubernetes on a node: which engine it uses, and the objects that let pods choose a handler.
#pragma once

#include <string>

#include "base/result.h"
#include "ctl/host/host.h"
#include "ctl/install/document/wanted.h"
#include "ctl/install/engine/engines.h"

namespace aa::ctl::install {

// The engine of this node: the one that CHOSEN names if it is not empty, else K3s or RKE2, else containerd or CRI-O. With
// RECORDED, one that aa-shim was installed to comes before all. An error if there are several, or none.
Result<const Engine*> node_engine(const Host& host, const std::string& chosen, bool recorded);

// A RuntimeClass for each handler, scheduled only to nodes that are ready for it, as YAML.
std::string runtime_classes(const Wanted& wanted);

}  // namespace aa::ctl::install
