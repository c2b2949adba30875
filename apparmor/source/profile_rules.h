// SPDX-License-Identifier: Apache-2.0
//
// Which rule of a profile's source decided about an exec. Exact, variables and alternations included: each exec rule is compiled
// alone, as the only one of a profile of its own, and evaluated as the kernel would. For aa-shimctl only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apparmor/policy/policy.h"
#include "apparmor/policy/transition.h"
#include "apparmor/source/parser_process.h"
#include "apparmor/source/profile_source.h"
#include "base/result.h"

namespace aa::apparmor {

// A rule that matches the path and the owner.
struct MatchingRule {
    SourceRule rule;
    bool denies = false;
    std::string grants;  // the exec mode that it grants: "ix", "Px -> kid"; empty if it denies
};

// RULE with PROFILE in place of @{profile_name}: the parser would put the name there of the profile that the rule is compiled in.
std::string with_profile_name(std::string rule, std::string_view profile);

// A rule as the only one of a profile of its own.
struct RuleAlone {
    SourceRule rule;
    bool denies = false;  // then the profile allows what the rule denies
    Profile profile;      // by the name of the rule's own
};

// Each of the rules of TEXT, the source of PROFILE. FEATURES is what Parser::compile() takes. An error of kind config if the parser does not
// take them.
Result<std::vector<RuleAlone>> rules_alone(const Parser& parser, const ProfileText& text, std::string_view profile,
                                           const std::string& features);

// The exec rules in TEXT, the source of PROFILE, that match FILE; otherwise as rules_alone(). Which of several wins, their precedence decides.
Result<std::vector<MatchingRule>> matching_rules(const Parser& parser, const ProfileText& text, std::string_view profile,
                                                 const ExecFile& file, const std::string& features);

// The exec mode that PROFILE, in its compiled form, grants for FILE, spelled as MatchingRule::grants is; empty: none.
std::string granted_exec_mode(const Profile& profile, const ExecFile& file);

// Compiles TEXT, which messages call NAME, and reads the result. FEATURES as above.
Result<std::vector<Profile>> compile_text(const Parser& parser, std::string_view text, std::string_view name, const std::string& features);

// The same for FILES.
Result<std::vector<Profile>> compile_files(const Parser& parser, const std::vector<std::string>& files, const std::string& features);

}  // namespace aa::apparmor
