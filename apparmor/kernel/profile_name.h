// SPDX-License-Identifier: Apache-2.0
//
// Names of profiles and labels. The kernel takes any prefix of "unconfined", a lone ":" and an empty component of a stack
// for *unconfined* (security/apparmor/label.c; seen on 6.1, 6.12 and 7.2), so a name is judged before it is used.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace aa::apparmor {

inline constexpr std::string_view kUnconfined = "unconfined";  // the label of what no profile confines
inline constexpr std::size_t kMaxLabel = 4000;                 // the kernel's query interface takes one page

// An error, worded for the operator, unless LABEL ("A", "A//child", "A//&B") names profiles beyond doubt. Refused: empty,
// over kMaxLabel, empty components, a namespace (":ns:"), a leading "&", white space at an end or in it, control
// characters, not UTF-8, and every prefix of "unconfined" (that word itself is not a profile either).
Result<void> check_label(std::string_view label);

// The components of a stack, as written.
std::vector<std::string_view> components(std::string_view label);

// "A" of "A", "A//kid" and "A//kid//kid": what a file defines and loads as one.
std::string_view top_level(std::string_view profile);

// Whether LABEL is PROFILE, one of its children, or a stack with it.
bool is_under(std::string_view label, std::string_view profile);

// A//&B, leaving out components that A has already.
std::string stack(std::string_view a, std::string_view b);

// Whether two labels have the same components, in any order (the kernel prints stacks in an order of its own).
bool same_label(std::string_view a, std::string_view b);

// The profile that an engine puts on a container when nobody asked for one: docker-default, cri-containerd.apparmor.d,
// crio-default, containers-default-*, nerdctl-default.
bool is_engine_default(std::string_view profile);

}  // namespace aa::apparmor
