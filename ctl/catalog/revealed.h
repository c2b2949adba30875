// SPDX-License-Identifier: Apache-2.0
//
// The record of profiles that `aa-shimctl denials --reveal` has in the kernel in place of those that `load` put there: written before they are,
// and gone once the others are back. What a killed one leaves is told by `status`, and put right by the next `load`.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apparmor/kernel/kernel.h"
#include "base/result.h"

namespace aa::ctl {

inline constexpr std::string_view kRevealedPath = "/run/aa-shim/revealed";

struct RevealedProfile {
    std::string profile;
    std::string hash;  // of the binary policy that tells what it denies

    friend bool operator==(const RevealedProfile&, const RevealedProfile&) = default;
};

// The record at PATH, and back; none if there is no such file. An error of kind config if it is not one.
Result<void> write_revealed_record(const std::string& path, const std::vector<RevealedProfile>& profiles);
Result<std::vector<RevealedProfile>> read_revealed_record(const std::string& path);

// Those of PROFILES that KERNEL still has as they were revealed.
std::vector<RevealedProfile> still_revealed(const std::vector<RevealedProfile>& profiles, const apparmor::Kernel& kernel);

// Removes the record at PATH unless KERNEL still has a profile of it.
Result<void> forget_revealed(const std::string& path, const apparmor::Kernel& kernel);

}  // namespace aa::ctl
