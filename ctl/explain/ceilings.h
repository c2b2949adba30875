// SPDX-License-Identifier: Apache-2.0
//
// What a confinement bounds beside label and capabilities, in the words of the catalog.
#pragma once

#include <string>

#include "apparmor/catalog/catalog.h"
#include "ctl/cli/output.h"

namespace aa::ctl {

// The keys of the catalog with their values in CONFINEMENT, defaults included; null: not given, so nothing is bounded.
Json ceilings_of(const apparmor::Confinement& confinement);

// VALUE, one of them, for people.
std::string ceiling_text(const Json& value);

}  // namespace aa::ctl
