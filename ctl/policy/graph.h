// SPDX-License-Identifier: Apache-2.0
//
// A graph of policy in the forms in which it is shown; graph.cc makes it, graph_text.cc writes it.
#pragma once

#include <string>

#include "apparmor/policy/graph.h"
#include "ctl/cli/output.h"

namespace aa::ctl {

// A tree for a terminal, a line a move. What was drawn already, a circle or a target that several share, is only named again.
std::string to_tree(const apparmor::Graph& graph);

// The language of Graphviz (its "DOT Language").
std::string to_dot(const apparmor::Graph& graph);

Json to_json(const apparmor::Graph& graph);

}  // namespace aa::ctl
