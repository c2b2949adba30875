// SPDX-License-Identifier: Apache-2.0
//
// What one confinement allows and another does not: by this `check` finds rules that weaken.
#pragma once

#include <string>

#include "apparmor/catalog/catalog.h"

namespace aa::apparmor {

// What a container may do in the confinement A that it may not do in B, in words that follow "lets a container"; empty if nothing. Where
// it is hard to tell, it counts as more.
std::string gain(const Confinement& a, const Confinement& b);

}  // namespace aa::apparmor
