// SPDX-License-Identifier: Apache-2.0
//
// Where the processes of a label can get by themselves, through exec, hats and change_profile, and which capabilities
// AppArmor would allow them there. It is the ceiling that "capabilities": "from-profile" means.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/policy/policy.h"
#include "base/capability_set.h"
#include "base/result.h"

namespace aa::apparmor {

enum class Exactness : std::uint8_t {
    exact,         // each label can be reached by some path
    conservative,  // perhaps more than can be reached
    unbounded,     // an unconfined or complaining profile can be reached: every capability is allowed there
};

struct ReachableLabel {
    std::string label;
    CapabilitySet capabilities;
    std::string how;  // "the profile itself", "exec from 'web' (cx)", "a hat of 'web'", "change_profile from 'web'"
};

struct Reachable {
    std::vector<ReachableLabel> labels;  // the first is where it starts
    bool all_listed = true;              // in `labels`; they end at some hundreds
    CapabilitySet capabilities;          // of all together; all of them if unbounded
    Exactness exactness = Exactness::exact;
    std::string why;  // empty if exact
};

// Everything reachable from LABEL. Errors as exec_transition()'s.
Result<Reachable> reachable_from(Policy& policy, std::string_view label);

// The capabilities that LABEL itself allows: of its components the intersection; everything in complain and unconfined mode.
Result<CapabilitySet> allowed_capabilities(Policy& policy, std::string_view label);

}  // namespace aa::apparmor
