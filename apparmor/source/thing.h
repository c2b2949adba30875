// SPDX-License-Identifier: Apache-2.0
//
// Something that a task may want to do, in the words of the profile language: "r /etc/shadow", "x /{,usr/}bin/*sh", "network inet raw",
// "capability sys_admin", "mount". apparmor_parser reads it, so that it means what it would mean in a profile; whether a label allows it is
// then a question for the algebra, answered for every path and peer that it covers. For aa-shimctl only.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/algebra/product.h"
#include "apparmor/algebra/rules.h"
#include "apparmor/policy/policy.h"
#include "apparmor/source/parser_process.h"
#include "base/result.h"

namespace aa::apparmor {

struct Thing {
    std::string text;                  // as it was asked
    std::uint8_t mediation_class = 0;  // mediation::k…
    Granted files = all_of(0);         // of files: the permissions that it asks for
    Profile profile;                   // allows it and nothing else of its class
};

// Compiles TEXTS, all in one run of the parser; @{profile_name} in them is LABEL. FEATURES is what Parser::compile() takes; those of the policy that is asked. An error of kind
// config names the text that is no such thing.
Result<std::vector<Thing>> compile_things(const Parser& parser, std::span<const std::string> texts, std::string_view label,
                                          const std::string& features);

enum class Verdict : std::uint8_t {
    allowed,
    denied,
    partly,      // some of what it covers is allowed, some is not
    complains,   // the profile complains: allowed, but for what its rules deny by that word
    unasked,     // this policy mediates it, and the parser cannot say it for the features that it is asked with
    unmediated,  // this policy does not say anything of its kind: no rule is needed
    unproved,    // the budget was exhausted
};
std::string_view verdict_name(Verdict verdict);

struct Answer {
    Verdict verdict = Verdict::denied;
    std::vector<Allowance> allowed;  // of what it covers, if it covers more than one thing or is partly allowed
    std::vector<Allowance> denied;
    std::string bound;  // of an answer that is not proved: which one the budget has that was too little
};

// Whether LABEL of POLICY allows THING. Errors as find_component()'s.
Result<Answer> ask(const Thing& thing, Policy& policy, std::string_view label, Budget& budget);

// Whether PROFILE, which holds one rule, allows something of THING.
Result<bool> meets(const Thing& thing, const Profile& profile, Budget& budget);

}  // namespace aa::apparmor
