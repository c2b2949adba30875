// SPDX-License-Identifier: Apache-2.0
//
// How a process stands to the decision on its container: what the kernel says of it now, against what was decided. Pure but for the
// questions to the policy.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/policy/policy.h"
#include "apparmor/policy/reachable.h"
#include "base/result.h"
#include "shim/decision.h"
#include "shim/observed.h"

namespace aa::ctl::status {

// The labels that processes can come to have, by the policy that the kernel holds.
class Labels {
public:
    // POLICY must outlive it.
    explicit Labels(apparmor::Policy& policy) : policy_(policy) {}

    // LABEL without the components that confine nothing: "unconfined", and profiles in unconfined mode (the runtime's own on recent
    // systems, which the kernel stacks on a label that was set under no-new-privileges). Empty if nothing is left.
    Result<std::string> confining(std::string_view label);

    // Whether a process that starts under START can have LABEL, which is confining(), by the transitions, hats and changes of profile
    // that the policy has. Components are judged one by one: each must come from one of START, and none of START may be gone.
    Result<bool> leads_to(std::string_view start, std::string_view label);

private:
    // Where processes of one profile can get.
    struct Reach {
        bool anywhere = false;  // nothing is refused on the way
        std::set<std::string, std::less<>> profiles;
    };
    Result<const Reach*> reach_of(std::string_view profile);

    apparmor::Policy& policy_;
    std::map<std::string, Reach, std::less<>> reach_;
};

// What a container's processes were given.
struct Expected {
    shim::Bounds bounds;
    std::vector<std::string> starts;  // the labels that they are started under: the base profile, the first program's, exec rules'
    bool may_leave = false;           // the catalog lets execs leave confinement where the profile does ("unconfined" under "exec")
};

// What CONTAINER decided, and CONFINEMENT, as it is in the catalog today (nullptr: it is not there any more), gives to execs.
Expected expected_of(const shim::Decision& container, const apparmor::Confinement* confinement);

// What of OBSERVED does not obey EXPECTED; nothing if all does. Without OWN_CAPABILITIES the sets are not compared: they are those of
// another user namespace than the container's. LABELS may be nullptr: then any label that confines is taken to be right.
std::optional<std::string> find_deviation(const shim::Observed& observed, const Expected& expected, bool own_capabilities, Labels* labels);

}  // namespace aa::ctl::status
