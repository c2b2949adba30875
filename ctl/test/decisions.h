// SPDX-License-Identifier: Apache-2.0
//
// Cases about what the catalog decides: of containers, and of commands in them. The code that decides is asked (ctl/explain, shim).
#pragma once

#include "apparmor/catalog/compiled_catalog.h"
#include "ctl/explain/policy.h"
#include "ctl/test/cases.h"
#include "ctl/test/outcome.h"

namespace aa::ctl::test {

// Whether CATALOG, with the profiles of POLICY and on a host with AppArmor, decides as the case wants it.
Outcome answer(const ContainerCase& wanted, const apparmor::CompiledCatalog& catalog, ExplainedPolicy& policy);
Outcome answer(const CommandCase& wanted, const apparmor::CompiledCatalog& catalog, ExplainedPolicy& policy);

}  // namespace aa::ctl::test
