// SPDX-License-Identifier: Apache-2.0
//
// All that is found in files of profiles. For aa-shimctl only.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "apparmor/catalog/catalog.h"
#include "apparmor/findings/finding.h"
#include "apparmor/findings/silence.h"
#include "apparmor/policy/policy.h"
#include "apparmor/source/parser_process.h"
#include "base/result.h"

namespace aa::apparmor {

// What finding needs to know.
struct Search {
    Parser parser;
    std::string features;                  // as Parser::compile() takes them
    std::vector<std::string> directories;  // where profiles are looked for that rules lead to
    const Catalog* catalog = nullptr;      // nullptr: profiles are checked alone
};

// What is found in FILES, which were read already: of all profiles what is wrong with any, and of those that containers run under what
// these would not survive. Containers run under the profiles that the catalog names and, without one, under those that seem to be
// meant for them: without an attachment, or called after a path in a file that is not called after it, as those of the host's
// programs are. Besides under their children, and what their rules name.
Result<std::vector<Finding>> find_in_profiles(const Search& search, std::span<const SourceText> files);

// What CATALOG and its profiles, as POLICY has them, would not survive; each at the place that names the profile first. Not what
// takes a walk through all that can be reached, and is a note at most: ceilings that are not what the profiles allow.
std::vector<Finding> find_in_policy(const Catalog& catalog, Policy& policy);

}  // namespace aa::apparmor
