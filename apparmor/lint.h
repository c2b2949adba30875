// SPDX-License-Identifier: Apache-2.0
//
// What is no error in the profiles of a catalog, and is known to break containers all the same, mostly in silence. For aa-shimctl only.
#pragma once

#include <vector>

#include "apparmor/catalog/catalog.h"
#include "apparmor/catalog/json.h"
#include "apparmor/load.h"
#include "apparmor/policy/policy.h"

namespace aa::apparmor {

// Of the profiles that CATALOG names, each at the place that names it first: signals of engines and runtimes that do not arrive,
// files from outside of the container that have no name there, exec rules that lead nowhere, and transitions that "noNewPrivileges" forbids.
// Profiles that POLICY does not have, or that cannot be evaluated, are left out, and so are those that enforce nothing.
std::vector<Complaint> pitfalls(const Catalog& catalog, Policy& policy);

// The same by the files that define the profiles, as SETTINGS find them, for a kernel like KERNEL; and which of them enforce nothing, but
// for those that a link says it of (profile_notes() has them). SOURCES are CATALOG's.
std::vector<Complaint> source_pitfalls(const Catalog& catalog, const std::vector<ProfileSource>& sources, const Kernel& kernel,
                                       const LoadSettings& settings = {});

}  // namespace aa::apparmor
