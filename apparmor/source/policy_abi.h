// SPDX-License-Identifier: Apache-2.0
//
// What a profile asks the kernel to mediate: its feature abi (apparmor.d(5), "Feature ABI"). That of the shipped profiles is AppArmor 3's,
// which every parser has, and what they are tight about besides; no file of AppArmor says just that. For aa-shimctl only.
#pragma once

#include <string>

#include "base/result.h"

namespace aa::apparmor {

// Makes DIRECTORY with what `include if exists <aa-shim/abi>` then finds there (`apparmor_parser --Include DIRECTORY`): the abi of the
// shipped profiles, with user namespaces and io_uring. A parser or a kernel that does not know them passes over them.
Result<void> write_policy_abi(const std::string& directory);

}  // namespace aa::apparmor
