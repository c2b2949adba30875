// SPDX-License-Identifier: Apache-2.0
//
// Which profile attaches to a file: the kernel's search (security/apparmor/domain.c, find_attach), in its order and with its
// quirks. The order of a list decides only where attachments tie in a way that depends on it, and that is said.
#pragma once

#include <string_view>

#include "apparmor/policy/policy.h"
#include "apparmor/policy/transition.h"
#include "base/result.h"

namespace aa::apparmor {

struct Attached {
    const Profile* profile = nullptr;  // none attaches
    bool conflict = false;             // none, because several do equally well
    bool ambiguous = false;            // in another order the answer would be another one, or there is a conflict
};

// The profile among the children of PARENT, or at the top level if that is empty, that attaches to FILE.
Result<Attached> find_attachment(Policy& policy, std::string_view parent, const ExecFile& file);

}  // namespace aa::apparmor
