// SPDX-License-Identifier: Apache-2.0
//
// The other way: what the agent has put on a node is taken away. A container that aa-shim started calls it by its path until
// it is removed, so the programs and the catalog stay as long as there is one.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "ctl/host/host.h"

namespace aa::ctl::node {

// The containers of the node that still call the programs below /opt/aa-shim/bin, as far as the engines tell: by containerd's
// record of each container's runtime, and by the command lines of the monitors that CRI-O starts.
std::vector<std::string> containers_of_ours(const Host& host);

// Takes programs, boot unit and catalog away. The AppArmor profiles stay in the kernel until it boots: removing one would
// leave the processes that run under it unconfined.
Result<void> remove_files(const Host& host);

}  // namespace aa::ctl::node
