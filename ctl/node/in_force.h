// SPDX-License-Identifier: Apache-2.0
//
// Whether the catalog that was loaded last is still in force on the node: the file that aa-shim reads, and the profiles in
// the kernel. Asked every few seconds, so neither the parser nor the compiled catalog is looked into.
#pragma once

#include <string>

#include "base/result.h"
#include "ctl/host/host.h"

namespace aa::ctl::node {

// Whether the delivery with HASH was loaded since the last boot, /run/aa-shim/catalog is the file that came of it, and the
// kernel still has every profile by its name.
bool is_in_force(const Host& host, const std::string& hash);

// Runs the node's `aa-shimctl load`, and remembers that the delivery with HASH is in force.
Result<void> put_in_force(const Host& host, const std::string& hash);

}  // namespace aa::ctl::node
