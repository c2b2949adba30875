// SPDX-License-Identifier: Apache-2.0
//
// What a catalog and the profiles that it names say against each other. For aa-shimctl only.
#pragma once

#include "apparmor/catalog/catalog.h"
#include "apparmor/findings/subject.h"
#include "apparmor/policy/policy.h"

namespace aa::apparmor {

// AA410, AA411: of CONFINEMENT, whose profiles POLICY has; those that it has not are left out.
void find_against_catalog(const Confinement& confinement, Policy& policy, Findings& findings);

// AA506, AA507: of CONFINEMENT's ceiling, by all that its profiles lead to.
void find_against_ceiling(const Confinement& confinement, Policy& policy, Findings& findings);

// AA508: rules, and confinements that a container may ask for, whose profile allows what that of `otherwise` does not. Proved by the profiles' compiled form, for all paths, sockets and programs. Not
// where CATALOG says "weaker", nor of rules that look at what the operator decides.
void find_wider_profiles(const Catalog& catalog, Policy& policy, Findings& findings);

// AA509: exec rules of CONFINEMENT whose profile allows what its own does not, but for terminals.
void find_wider_exec_rules(const Confinement& confinement, Policy& policy, Findings& findings);

}  // namespace aa::apparmor
