// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <vector>

#include "base/escape.h"
#include "base/text.h"
#include "ctl/policy/graph.h"

namespace aa::ctl {

using apparmor::Graph;
using apparmor::GraphMove;
using apparmor::GraphNode;
using Kind = GraphMove::Kind;

namespace {

constexpr std::size_t kMaxText = 512;  // of a foreign name

// A name that somebody chose, on one line.
std::string plain(std::string_view text) { return escape(text, {}, kMaxText); }

std::string capabilities_text(const GraphNode& node) {
    if (node.capabilities == CapabilitySet::all()) return "all capabilities";
    return node.capabilities.empty() ? "no capabilities" : node.capabilities.names();
}

// "enforce", "complain, a hat", "UNCONFINED".
std::string mode_text(const GraphNode& node) {
    if (!node.confines) return "UNCONFINED";
    return concat({apparmor::mode_name(node.mode), node.hat ? ", a hat" : ""});
}

std::string_view kind_name(Kind kind) {
    switch (kind) {
        case Kind::exec:
            return "exec";
        case Kind::hat:
            return "hat";
        case Kind::change_profile:
            return "change_profile";
        case Kind::component:
            return "component";
    }
    return {};
}

// "Px -> kid: /bin/a, /bin/b", "hat", "change_profile".
std::string move_text(const GraphMove& move) {
    if (move.kind != Kind::exec) return std::string(kind_name(move.kind));
    std::vector<std::string> paths;
    for (const auto& path : move.paths) paths.push_back(plain(path));
    const std::string_view how = paths.empty() ? "" : move.all_paths ? ": " : ": such as ";
    return concat({plain(move.rule), how, join(paths, ", "), move.doubt.empty() ? "" : " (perhaps)"});
}

std::vector<const GraphMove*> moves_of(const Graph& graph, std::size_t node) {
    std::vector<const GraphMove*> result;
    for (const auto& move : graph.moves) {
        if (move.from == node) result.push_back(&move);
    }
    return result;
}

class Tree {
public:
    explicit Tree(const Graph& graph) : graph_(graph), drawn_(graph.nodes.size()) {}

    std::string draw() {
        for (const auto root : graph_.roots) {
            if (!drawn_[root]) {
                text_ += concat({node_text(root), "\n"});
                add_moves(root);
            }
        }
        return std::move(text_);
    }

private:
    struct Branch {
        std::vector<const GraphMove*> moves;
        std::size_t next = 0;
    };

    std::string node_text(std::size_t at) {
        const auto& node = graph_.nodes[at];
        return concat({plain(node.label), " (", mode_text(node), ") [", capabilities_text(node), "]"});
    }

    // Not by recursion: a policy chooses how deep it is.
    void add_moves(std::size_t root) {
        drawn_[root] = true;
        std::vector<Branch> branches{{moves_of(graph_, root)}};
        while (!branches.empty()) {
            if (branches.back().next == branches.back().moves.size()) {
                branches.pop_back();
                continue;
            }
            const GraphMove& move = *branches.back().moves[branches.back().next++];
            text_ += prefix(branches) + move_text(move) + target_text(move) + "\n";
            if (drawn_[move.to]) continue;
            drawn_[move.to] = true;
            branches.push_back({moves_of(graph_, move.to)});
        }
    }

    std::string target_text(const GraphMove& move) {
        if (move.to == move.from) return " => stays";
        return " => " + (drawn_[move.to] ? concat({plain(graph_.nodes[move.to].label), " (see there)"}) : node_text(move.to));
    }

    static std::string prefix(const std::vector<Branch>& branches) {
        std::string result;
        for (std::size_t at = 0; at + 1 < branches.size(); ++at) {
            result += branches[at].next < branches[at].moves.size() ? "│  " : "   ";
        }
        return result + (branches.back().next < branches.back().moves.size() ? "├─ " : "└─ ");
    }

    const Graph& graph_;
    std::vector<bool> drawn_;
    std::string text_;
};

// A quoted string of DOT, in which only quotes and backslashes mean something; LINES are put one below the other.
std::string dot_text(const std::vector<std::string>& lines) {
    std::string result = "\"";
    for (std::size_t at = 0; at < lines.size(); ++at) {
        if (at != 0) result += "\\n";
        for (const char c : lines[at]) {
            if (c == '"' || c == '\\') result += '\\';
            result += c;
        }
    }
    return result + "\"";
}

std::string_view dot_style(const GraphNode& node) {
    if (!node.confines) return ", color=red, fontcolor=red, penwidth=2";
    return node.mode == apparmor::Mode::enforce || node.mode == apparmor::Mode::kill ? "" : ", style=dashed";
}

std::string id(std::size_t node) { return concat({"n", decimal(static_cast<long long>(node))}); }

}  // namespace

std::string to_tree(const Graph& graph) {
    return Tree(graph).draw() + (graph.complete ? "" : "There is more than is drawn: name the labels to begin with.\n");
}

std::string to_dot(const Graph& graph) {
    std::string text = "digraph policy {\n  rankdir=LR;\n  node [shape=box];\n";
    for (std::size_t at = 0; at < graph.nodes.size(); ++at) {
        const auto& node = graph.nodes[at];
        const auto label = dot_text({plain(node.label), mode_text(node), capabilities_text(node)});
        text += concat({"  ", id(at), " [label=", label, dot_style(node), "];\n"});
    }
    for (const auto& move : graph.moves) {
        const bool sure = move.doubt.empty() && move.kind != Kind::component;
        text += concat({"  ", id(move.from), " -> ", id(move.to), " [label=", dot_text({move_text(move)}), sure ? "" : ", style=dashed",
                        graph.nodes[move.to].confines ? "" : ", color=red", "];\n"});
    }
    if (!graph.complete) text += "  label=\"There is more than is drawn.\";\n";
    return text + "}\n";
}

Json to_json(const Graph& graph) {
    Json nodes = Json::array();
    for (const auto& node : graph.nodes) {
        nodes.push_back({{"label", node.label},
                         {"mode", apparmor::mode_name(node.mode)},
                         {"hat", node.hat},
                         {"confines", node.confines},
                         {"capabilities", node.capabilities.names()}});
    }
    Json moves = Json::array();
    for (const auto& move : graph.moves) {
        moves.push_back({{"from", graph.nodes[move.from].label},
                         {"to", graph.nodes[move.to].label},
                         {"kind", kind_name(move.kind)},
                         {"rule", move.rule.empty() ? Json() : Json(move.rule)},
                         {"paths", move.paths},
                         {"allPaths", move.all_paths},
                         {"doubt", move.doubt.empty() ? Json() : Json(move.doubt)}});
    }
    Json roots = Json::array();
    for (const auto root : graph.roots) roots.push_back(graph.nodes[root].label);
    return {{"ok", true}, {"complete", graph.complete}, {"roots", roots}, {"nodes", std::move(nodes)}, {"moves", std::move(moves)}};
}

}  // namespace aa::ctl
