// SPDX-License-Identifier: Apache-2.0
//
// The last round's result as a file on the node, for the pod's probe and for whoever is logged in there.
#pragma once

#include "base/result.h"
#include "ctl/host/host.h"
#include "ctl/node/cluster.h"

namespace aa::ctl::node {

Result<void> write_status(const Host& host, const Condition& condition);

// The last round's result; an error if no round was done within the last ten minutes, which is longer than one may take, or, in the
// agent's container, none since that was started: what the agent before it has left says nothing about this one.
Result<Condition> read_status(const Host& host);

Result<void> remove_status(const Host& host);

}  // namespace aa::ctl::node
