// SPDX-License-Identifier: Apache-2.0
//
// Rules for what was seen, of every class. For aa-shimctl only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apparmor/learn/file_rules.h"

namespace aa::apparmor {

// The rules for FACTS, each of which a rule allows, in the profile NAME: few of files (file_rules.h), and what is the same for any socket,
// signal and so on of a kind. By area and text.
std::vector<LearnedRule> learned_rules(const std::vector<Seen>& facts, std::string_view name);

// A pattern for the label of NAME and its children, alone or in a stack.
std::string own_labels(std::string_view name);

}  // namespace aa::apparmor
