// SPDX-License-Identifier: Apache-2.0
//
// Whether a policy allows what was seen: asked of the compiled policy, fact by fact. For aa-shimctl only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apparmor/learn/file_rules.h"
#include "apparmor/policy/policy.h"
#include "apparmor/source/parser_process.h"
#include "base/result.h"

namespace aa::apparmor {

// What would allow EVENT of FACT under LABEL, and nothing else, as remedy_for() has it; empty: no rule would.
std::string exact_rule(const Fact& fact, std::string_view label);

// A policy, and who is asked about in it; both must outlive the question.
struct AskedLabel {
    Policy& policy;
    std::string_view label;
};

// For each of FACTS whether LABEL of the policy allows it, or does not mediate anything of its kind. What PARSER has no word for is not
// allowed. FEATURES is what the policy was compiled for. Errors as find_component()'s.
Result<std::vector<bool>> allowed_facts(const std::vector<Seen>& facts, const AskedLabel& asked, const Parser& parser,
                                        const std::string& features);

// For each of RULES, of a profile with another name, whether the label allows all that it says; a rule about links is not asked about.
Result<std::vector<bool>> allowed_rules(const std::vector<std::string>& rules, const AskedLabel& asked, const Parser& parser,
                                        const std::string& features);

// Of what no container should be able to do, in the words of Thing, that of which NOW allows something and BEFORE does not.
Result<std::vector<std::string>> gained_of_never(const AskedLabel& now, const AskedLabel& before, const Parser& parser,
                                                 const std::string& features);

}  // namespace aa::apparmor
