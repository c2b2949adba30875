// SPDX-License-Identifier: Apache-2.0
#include "apparmor/policy/graph.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <utility>

#include "apparmor/kernel/profile_name.h"
#include "apparmor/policy/label.h"
#include "apparmor/policy/reachable.h"
#include "apparmor/policy/walk.h"

namespace aa::apparmor {
namespace {

using Kind = GraphMove::Kind;

Kind kind_of(MoveKind kind) {
    switch (kind) {
        case MoveKind::exec:
            return Kind::exec;
        case MoveKind::hat:
            return Kind::hat;
        case MoveKind::change_profile:
            return Kind::change_profile;
    }
    return Kind::exec;
}

// Label by label, each node once.
class Drawing {
public:
    Drawing(Policy& policy, const GraphLimits& limits)
        : policy_(policy), limits_(limits), end_(std::chrono::steady_clock::now() + std::chrono::seconds(limits.seconds)) {}

    Result<Graph> draw(const std::vector<std::string>& labels) {
        all_ = TRY(policy_.all());
        if (labels.empty()) {
            for (const Profile* profile : all_) TRY(add(profile->name));
        }
        for (const auto& label : labels) {
            if (const auto node = TRY(add(label))) graph_.roots.push_back(*node);
        }
        for (std::size_t at = 0; at < graph_.nodes.size(); ++at) TRY(follow(at));
        if (labels.empty()) choose_roots();
        return std::move(graph_);
    }

private:
    // The node of LABEL; nothing if there is no room for one more.
    Result<std::optional<std::size_t>> add(const std::string& label) {
        if (const auto known = index_.find(label); known != index_.end()) return std::optional(known->second);
        if (graph_.nodes.size() >= limits_.nodes) {
            graph_.complete = false;
            return std::optional<std::size_t>();
        }
        GraphNode node;
        node.label = label;
        node.capabilities = TRY(allowed_capabilities(policy_, label));
        node.confines = !TRY(confines_nothing(policy_, label));
        node.mode = Mode::unknown;
        for (const auto component : components(label)) {
            const Profile* profile = component == kUnconfined ? nullptr : TRY(find_component(policy_, component));
            const Mode mode = profile == nullptr ? Mode::unconfined : profile->mode;
            node.mode = node.mode == Mode::unknown || node.mode == mode ? mode : Mode::mixed;
            node.hat = profile != nullptr && profile->hat;
        }
        index_.emplace(label, graph_.nodes.size());
        graph_.nodes.push_back(std::move(node));
        return std::optional(graph_.nodes.size() - 1);
    }

    Result<void> follow(std::size_t at) {
        const std::string label = graph_.nodes[at].label;
        const auto parts = components(label);
        if (parts.size() > 1) {
            for (const auto part : parts) TRY(connect({at, 0, Kind::component, {}, {}, false, {}}, std::string(part)));
            return {};
        }
        // Under what confines nothing, nothing is a rule's.
        if (!graph_.nodes[at].confines) return {};
        if (std::chrono::steady_clock::now() >= end_) {
            graph_.complete = false;
            return {};
        }
        const Profile& profile = *TRY(find_component(policy_, label));
        const FileWalk walk(profile);
        for (const Move& move : TRY(moves_from(policy_, all_, profile))) {
            GraphMove drawn{at, 0, kind_of(move.kind), {}, {}, false, move.doubt};
            if (move.kind == MoveKind::exec) add_paths(walk, profile, move, drawn);
            TRY(connect(std::move(drawn), move.label));
        }
        return {};
    }

    void add_paths(const FileWalk& walk, const Profile& profile, const Move& move, GraphMove& drawn) const {
        drawn.rule = exec_rule_text(profile, move.target);
        if (move.attached != nullptr && move.attached->attachment) {
            drawn.paths = walk.meet(move.target, move.attached->attachment->automaton).paths;
        } else if (move.attached != nullptr) {
            drawn.paths = {std::string(move.attached->local_name())};
            drawn.all_paths = true;
        } else {
            auto found = walk.paths_to(move.target);
            drawn.paths = std::move(found.paths);
            drawn.all_paths = found.complete;
        }
        if (drawn.paths.size() <= limits_.paths) return;
        drawn.paths.resize(limits_.paths);
        drawn.all_paths = false;
    }

    Result<void> connect(GraphMove move, const std::string& label) {
        const auto to = TRY(add(label));
        if (!to) return {};
        if (graph_.moves.size() >= limits_.moves) {
            graph_.complete = false;
            return {};
        }
        move.to = *to;
        graph_.moves.push_back(std::move(move));
        return {};
    }

    // What nothing else leads to; then of each circle that is left one.
    void choose_roots() {
        std::vector<bool> reached(graph_.nodes.size());
        const auto mark = [&](std::size_t from) {
            std::vector<std::size_t> todo{from};
            for (reached[from] = true; !todo.empty();) {
                const std::size_t at = todo.back();
                todo.pop_back();
                for (const auto& move : graph_.moves) {
                    if (move.from != at || reached[move.to]) continue;
                    reached[move.to] = true;
                    todo.push_back(move.to);
                }
            }
        };
        const auto take = [&](std::size_t node) {
            graph_.roots.push_back(node);
            mark(node);
        };
        for (std::size_t node = 0; node < graph_.nodes.size(); ++node) {
            const bool target = std::any_of(graph_.moves.begin(), graph_.moves.end(),
                                            [&](const auto& move) { return move.to == node && move.from != node; });
            if (!target) take(node);
        }
        for (std::size_t node = 0; node < graph_.nodes.size(); ++node) {
            if (!reached[node]) take(node);
        }
    }

    Policy& policy_;
    const GraphLimits& limits_;
    std::chrono::steady_clock::time_point end_;
    std::vector<const Profile*> all_;
    std::map<std::string, std::size_t, std::less<>> index_;
    Graph graph_;
};

}  // namespace

Result<Graph> graph_of(Policy& policy, const std::vector<std::string>& labels, const GraphLimits& limits) {
    return Drawing(policy, limits).draw(labels);
}

}  // namespace aa::apparmor
