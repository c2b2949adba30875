// SPDX-License-Identifier: Apache-2.0
//
// The moves that a profile's rules let its processes make by themselves: through exec, hats and change_profile.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "apparmor/policy/policy.h"
#include "base/result.h"

namespace aa::apparmor {

enum class MoveKind : std::uint8_t { exec, hat, change_profile };

// A move from one profile to a label.
struct Move {
    std::string label;
    MoveKind kind = MoveKind::exec;
    std::uint32_t target = 0;           // of an exec: exec_index::k…
    std::string how;                    // "exec from 'web' (cx)", "a hat of 'web'", "change_profile from 'web'"
    std::string doubt;                  // why it may not be possible after all; empty: it is
    const Profile* attached = nullptr;  // of an exec: whose attachment led there
};

// The moves from PROFILE, which is one of ALL, the profiles of POLICY; each label once for each way in which it is reached. Errors as
// exec_transition()'s.
Result<std::vector<Move>> moves_from(Policy& policy, const std::vector<const Profile*>& all, const Profile& profile);

}  // namespace aa::apparmor
