// SPDX-License-Identifier: Apache-2.0
//
// What one confinement allows and another does not: by this `check` finds rules that weaken, and `diff` tells catalogs apart.
#pragma once

#include <string>
#include <vector>

#include "apparmor/catalog/catalog.h"

namespace aa::apparmor {

// What a container may do in the confinement A that it may not do in B, each in words that follow "lets a container". Where it is hard to
// tell, it counts as more. What their profiles allow, and exec rules, are not looked at.
std::vector<std::string> gains(const Confinement& a, const Confinement& b);

// The first of them; empty if there is none.
std::string gain(const Confinement& a, const Confinement& b);

// Whether MATCH looks only at facts that are chosen by whoever starts the container. The operator decides which engines
// run, by which names (handlers) they call us, and who may use a Kubernetes namespace; a sandbox is the engine's own
// doing. Everything else is part of the request, a pod's name and `privileged` included.
bool is_creators_choice(const Match& match);

}  // namespace aa::apparmor
