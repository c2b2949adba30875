// SPDX-License-Identifier: Apache-2.0
//
// The text of a learned profile: what every container needs, and rules with a comment each that says what was seen. For aa-shimctl only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apparmor/learn/domains.h"
#include "apparmor/learn/file_rules.h"
#include "base/result.h"

namespace aa::apparmor {

// A file with the profile NAME of CONFINEMENT, which has nothing but what every container needs. Both are plain names.
std::string base_profile(std::string_view name, std::string_view confinement);

// TEXT with RULES at the end of its profile LABEL, which may be a child. An error of kind config if it has no such profile.
Result<std::string> with_rules(const std::string& text, std::string_view label, const std::vector<LearnedRule>& rules);

// TEXT with the new child CHILD at the end of its profile NAME, which has nothing but what every program needs. Errors likewise.
Result<std::string> with_child(const std::string& text, std::string_view name, const Domain& child);

// How often it was seen, of how many names, by what: "12 names, 340 times, by /usr/sbin/nginx".
std::string what_was_seen(const std::vector<Seen>& seen);

}  // namespace aa::apparmor
