// SPDX-License-Identifier: Apache-2.0
//
// Which rules in the sources of profiles are about something: what people change when an answer is not what they want.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/policy/policy.h"
#include "apparmor/source/profile_rules.h"
#include "apparmor/source/thing.h"
#include "base/result.h"

namespace aa::ctl {

// A rule in the source of a label's profiles that is about a thing.
struct Blamed {
    apparmor::SourceRule rule;
    bool denies = false;
};

// The rules of the profiles of LABEL in POLICY that restrict it, each alone; those whose source is not among FILES are left out. FEATURES as
// Parser::compile() takes them, INCLUDES as Parser::including() does.
Result<std::vector<apparmor::RuleAlone>> rules_of_label(apparmor::Policy& policy, std::string_view label,
                                                        std::span<const std::string> files, const std::string& features,
                                                        const std::string& includes = {});

// Those of RULES that are about something of THING.
Result<std::vector<Blamed>> rules_about(const apparmor::Thing& thing, std::span<const apparmor::RuleAlone> rules);

}  // namespace aa::ctl
