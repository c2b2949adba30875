// SPDX-License-Identifier: Apache-2.0
//
// Reads the `match` of a rule: the facts that it looks at.
#pragma once

#include "apparmor/catalog/catalog.h"
#include "apparmor/catalog/document.h"
#include "apparmor/catalog/values.h"

namespace aa::apparmor {

// Reads the object NODE into MATCH; VALUES gets the complaints.
void read_match(Values& values, const Node& node, Match& match);

}  // namespace aa::apparmor
