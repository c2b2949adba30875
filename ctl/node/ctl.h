// SPDX-License-Identifier: Apache-2.0
//
// The agent judges and changes a node by other runs of aa-shimctl, its own program or the node's: one command, one JSON document.
#pragma once

#include <string>

#include "base/process.h"
#include "base/result.h"
#include "ctl/cli/output.h"

namespace aa::ctl::node {

// Runs `aa-shimctl --json ARGUMENTS` as COMMAND describes it otherwise; its document. An error if it printed none.
Result<Json> run_ctl(Command command);

// "…/error/message" of a document of ours, or "".
std::string error_message(const Json& document);

}  // namespace aa::ctl::node
