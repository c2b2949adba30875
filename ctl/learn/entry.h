// SPDX-License-Identifier: Apache-2.0
//
// The entry of a confinement in a catalog file, changed in its place: every byte that is not about the change stays, comments too.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "apparmor/catalog/catalog.h"
#include "apparmor/catalog/json.h"
#include "base/capability_set.h"
#include "base/result.h"

namespace aa::ctl::learned {

// What a learned confinement says.
struct LearnedEntry {
    std::string profile;
    CapabilitySet capabilities;
    std::vector<std::string> commands;            // that were executed from outside, as patterns
    std::map<std::string, std::string> labels{};  // of those of them that run under a child, its label
};

// Those of COMMANDS for which with_entry() adds a rule to the table of CONFINEMENT.
std::vector<std::string> commands_without_rule(const apparmor::Confinement& confinement, const std::vector<std::string>& commands);

// SOURCE with ENTRY for CONFINEMENT, which stands in it: its profile; its ceiling, but for "from-profile"; and the commands: where it has no rules
// for what is executed from outside, these alone; else, behind its rules, those that none of them matches and the profile would have to allow.
// An error of kind config if it has no profile that could be another one.
Result<std::string> with_entry(const apparmor::CatalogSource& source, const apparmor::Confinement& confinement, const LearnedEntry& entry);

}  // namespace aa::ctl::learned
