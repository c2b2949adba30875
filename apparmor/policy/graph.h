// SPDX-License-Identifier: Apache-2.0
//
// A policy as a graph: labels, and the moves between them. For aa-shimctl only.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "apparmor/policy/moves.h"
#include "apparmor/policy/policy.h"
#include "base/capability_set.h"
#include "base/result.h"

namespace aa::apparmor {

struct GraphNode {
    std::string label;
    Mode mode = Mode::enforce;  // of a stack: mixed, if its components differ
    bool hat = false;
    bool confines = true;        // not: it is unconfined, or in unconfined mode
    CapabilitySet capabilities;  // that AppArmor allows there
};

struct GraphMove {
    enum class Kind { exec, hat, change_profile, component };
    std::size_t from = 0, to = 0;  // nodes
    Kind kind = Kind::exec;
    std::string rule;                // of an exec: "Px -> kid"
    std::vector<std::string> paths;  // of an exec: some that take it
    bool all_paths = false;          // there are no others
    std::string doubt;               // why it may not be possible after all; empty: it is
};

struct Graph {
    std::vector<GraphNode> nodes;
    std::vector<GraphMove> moves;
    std::vector<std::size_t> roots;  // nodes from which all others are reached
    bool complete = true;            // not: there is more than is drawn
};

// How much is drawn at most: nobody reads more, and a policy may be somebody's who wants us to be busy.
struct GraphLimits {
    std::size_t nodes = 512;
    std::size_t moves = 4096;
    std::size_t paths = 4;
    long long seconds = 30;  // no other profile is begun after that
};

// Everything that can be reached from LABELS; without any, every profile of POLICY. A stack leads to its components, whose moves are its
// own. Errors as exec_transition()'s.
Result<Graph> graph_of(Policy& policy, const std::vector<std::string>& labels, const GraphLimits& limits = {});

}  // namespace aa::apparmor
