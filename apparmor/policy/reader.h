// SPDX-License-Identifier: Apache-2.0
//
// Reads AppArmor's compiled policy: what apparmor_parser writes and the kernel gives back as `raw_data`. Both generations
// (permissions in the states; permission tables), differential encoding, 16- and 32-bit tables. Every length is untrusted,
// and what is not known is refused: a policy that is not understood is never evaluated.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apparmor/policy/policy.h"
#include "base/result.h"

namespace aa::apparmor {

// The profiles of BYTES, in the order in which they stand there (parents before their children). NAME is what messages call
// BYTES. Errors are of kind config: "NAME: profile 'x' at byte N: PROBLEM", in words that say what cannot be evaluated.
Result<std::vector<Profile>> read_policy(std::string_view bytes, std::string_view name);

}  // namespace aa::apparmor
