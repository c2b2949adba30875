// SPDX-License-Identifier: Apache-2.0
//
// Labels looked up in a policy, as the kernel does it (security/apparmor/label.c): what a component is, which label a
// target names, and whether a label confines anything.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apparmor/kernel/profile_name.h"
#include "apparmor/policy/policy.h"
#include "base/result.h"

namespace aa::apparmor {

// The components of LABEL, each once. An error of kind config if it is empty, has an empty component or names a namespace.
Result<std::vector<std::string_view>> label_components(std::string_view label);

// The profile COMPONENT. An error of kind not_found if it is not loaded; of kind config if its mode is not one that can be
// evaluated: in prompt mode the answers are people's.
Result<const Profile*> find_component(Policy& policy, std::string_view component);

// The label that the target TEXT of a rule ("B", "A//kid", "B//&C") means; empty if something of it is not loaded. As in the
// kernel every beginning of "unconfined" that is not a profile is that.
Result<std::string> find_label(Policy& policy, std::string_view text);

// The child of PROFILE with the local name TEXT; empty if it is not loaded.
Result<std::string> find_child(Policy& policy, const Profile& profile, std::string_view text);

// Whether all components of LABEL, which are loaded, are unconfined or in unconfined mode.
Result<bool> confines_nothing(Policy& policy, std::string_view label);

// An exec rule as a profile spells it: "Pix", "cx -> kid", …
std::string exec_rule_text(const Profile& profile, std::uint32_t target);

}  // namespace aa::apparmor
