// SPDX-License-Identifier: Apache-2.0
//
// What AppArmor's own library says of this kernel, for aa-shimctl only: two readings that do not agree mean that one of them is
// wrong about what is enforced. Of libapparmor only kernel.o is linked (LGPL-2.1); docs/architecture.md says what else was looked at.
#pragma once

#include <string>

#include "apparmor/kernel/kernel.h"
#include "base/result.h"

namespace aa::apparmor {

struct LibrarysAnswer {
    int problem = 0;          // errno of aa_is_enabled(3); 0: AppArmor is on
    std::string directory;    // of aa_find_mountpoint(3), if it is on
    bool same_place = false;  // it is the directory that KERNEL reads
};

// Asks libapparmor about the kernel that we run on.
LibrarysAnswer ask_library(const Kernel& kernel);

// An error, naming both, unless ANSWER agrees with OWN, what Kernel::require_enabled() said: both that AppArmor is on and in the
// same place, or both that it is off. That it is off is no error here. What the library cannot tell is one.
Result<void> compare(const LibrarysAnswer& answer, const Result<void>& own);

// Both for KERNEL, the one we run on.
Result<void> library_agrees(const Kernel& kernel);

}  // namespace aa::apparmor
