// SPDX-License-Identifier: Apache-2.0
//
// What one label allows and another does not by their own rules, class by class: files, capabilities, sockets, mounts, signals and so on.
// Where an exec leads is inclusion.h's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/algebra/cover.h"
#include "apparmor/algebra/product.h"
#include "apparmor/policy/policy.h"
#include "base/capability_set.h"

namespace aa::apparmor {

// The profiles of a label that restrict it: those in enforce and kill mode. Without any, everything is allowed.
using Confining = std::vector<const Profile*>;

// The confining profiles of LABEL; errors as find_component()'s.
Result<Confining> confining_profiles(Policy& policy, std::string_view label);

// Whether one of PROFILES has a say in the class; files always are. Not for capabilities, which most policies keep elsewhere.
bool mediates(const Confining& profiles, std::uint8_t mediation_class);

// Something that is allowed.
struct Allowance {
    std::uint8_t mediation_class = 0;
    std::string rule;     // as a profile would say it: "owner w /etc/**", "network inet raw"
    std::string example;  // a concrete case, in the same form
    bool partly = false;  // of what the rule says, some is not
};

struct Difference {
    std::vector<Allowance> allowances;
    std::vector<std::string> unmediated;  // classes that neither mediates: nothing is to be compared
    bool complete = true;                 // `allowances` are all
    bool proved = true;                   // what was looked for was looked for everywhere
};

// What all of INSIDE allow (there is at least one) and OUTSIDE does not; with OUTSIDE null, what all of INSIDE allow. Only of CLASSES, if
// any are given.
struct RuleQuestion {
    std::vector<Confining> inside;
    const Confining* outside = nullptr;
    std::vector<std::uint8_t> classes = {};
    Granted files = kEverything;  // of files, these permissions
    std::size_t most = kMostPatterns;
    // The labels that are compared, where they are not the same: rules about peers under the own label are held against each other.
    std::string own = {};
    std::string their_own = {};
};
Difference allowed_rules(const RuleQuestion& question, Budget& budget);

}  // namespace aa::apparmor
