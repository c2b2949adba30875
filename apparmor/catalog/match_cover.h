// SPDX-License-Identifier: Apache-2.0
//
// What two rules' clauses say of each other: whether one matches whatever the other does, and whether both can match one container.
#pragma once

#include <string>

#include "apparmor/catalog/catalog.h"

namespace aa::apparmor {

// Whether GENERAL certainly matches every container that SPECIFIC matches. Never wrong when true.
bool covers(const Match& general, const Match& specific);

// Whether some container may be matched by both. Never wrong when false.
bool may_both_match(const Match& one, const Match& other);

// MATCH in words: "image 'nginx*', label 'tier' = 'web'"; of one without clauses "any container".
std::string to_text(const Match& match);

}  // namespace aa::apparmor
