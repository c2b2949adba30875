// SPDX-License-Identifier: Apache-2.0
//
// Which programs run under the profile itself, and which under a child of it. A program that is executed gets a child where that takes something
// from both: it has a power (powers.h) that the rest can do without, and can do without one that the rest has. What it executes stays with it.
// docs/learn.md has the rule and its reasons. For aa-shimctl only.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "apparmor/learn/exec_graph.h"
#include "apparmor/learn/powers.h"
#include "apparmor/policy/policy.h"
#include "base/result.h"

namespace aa::apparmor {

// A command that was executed from outside.
struct OutsideCommand {
    std::string program;
    std::string label;  // that it is given; empty: that is to be decided
};

// What is known of programs beside facts.
struct Surroundings {
    std::vector<std::string> starts;  // first programs of containers
    std::vector<OutsideCommand> commands;
    bool may_change = false;                // an exec within the containers may lead to another profile: none has no-new-privileges
    std::set<std::string> not_loaded = {};  // programs, by their patterns, whose code a child of the bound could not map
};

// For each of ASKED whether a profile that allows HAVE, and what it allowed before if it is the profile ITSELF, would allow it.
using Allows = std::function<Result<std::vector<bool>>(bool itself, const std::vector<Seen>& have, const std::vector<Seen>& asked)>;

// What runs under one label.
struct Domain {
    std::string label;
    std::string named_after;            // of a new child: the program
    std::set<Power> takes, is_without;  // of a new child: what it takes from the rest, and what the rest keeps
    std::set<std::string> programs;     // by their patterns; the one that is not known is everywhere
};

struct Domains {
    std::vector<Domain> all;                      // the profile's own first, then its children by their labels
    std::map<std::string, std::string> executed;  // what under the profile itself leads to a new child, by its pattern → the child's label
    std::map<std::string, std::string> commands;  // from outside that are to get a new child → its label
    std::set<std::string> held_back;              // programs without a child for no other reason than no-new-privileges
    std::set<std::string> not_loaded;             // and for none but that the bound does not let a child map their code
};

// The domains of PROFILE for what GRAPH tells. In BEFORE, where PROFILE may be with children, its rules say where an exec leads that they allow.
Result<Domains> domains_of(const ExecGraph& graph, const Surroundings& around, const std::string& profile, Policy& before,
                           const Allows& allows);

}  // namespace aa::apparmor
