// SPDX-License-Identifier: Apache-2.0
#include "apparmor/policy/reachable.h"

#include <algorithm>
#include <utility>

#include "apparmor/kernel/profile_name.h"
#include "apparmor/policy/label.h"
#include "apparmor/policy/moves.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

constexpr std::size_t kMaxLabels = 256;

// Beside the capabilities of a mask: nothing confines.
constexpr std::uint64_t kFree = std::uint64_t{1} << 63U;
constexpr std::uint64_t kEverything = CapabilitySet::all().mask() | kFree;

std::uint64_t own_capabilities(const Profile& profile) {
    if (profile.mode == Mode::complain || profile.mode == Mode::unconfined) return kEverything;
    return profile.rule_capabilities().mask();
}

// A profile that is part of some label that can be reached.
struct Vertex {
    std::string name;
    const Profile* profile = nullptr;  // nullptr: unconfined
    std::uint64_t own = kEverything;   // capabilities
    std::uint64_t total = 0;           // of all that can be reached from it, so far
    std::vector<Move> moves;
};

// MOVES with each label once: the first way in which it is reached, without doubt if one of them is.
std::vector<Move> by_label(std::vector<Move> moves) {
    std::vector<Move> result;
    for (Move& move : moves) {
        const auto known = std::find_if(result.begin(), result.end(), [&](const Move& other) { return other.label == move.label; });
        if (known == result.end()) {
            result.push_back(std::move(move));
        } else if (move.doubt.empty()) {
            known->doubt.clear();
        }
    }
    return result;
}

class Search {
public:
    explicit Search(Policy& policy) : policy_(policy) {}

    Result<Reachable> run(std::string_view label) {
        all_ = TRY(policy_.all());
        TRY(find_vertices(label));
        sum_up();
        Reachable result;
        list_labels(label, result);
        const std::uint64_t total = total_of(label);
        result.capabilities = CapabilitySet(total & ~kFree);
        if ((total & kFree) != 0) {
            result.exactness = Exactness::unbounded;
            result.why = why_free(label, result);
        } else if (!doubt_.empty()) {
            result.exactness = Exactness::conservative;
            result.why = doubt_;
        }
        return result;
    }

private:
    Result<void> find_vertices(std::string_view label) {
        for (const auto component : TRY(label_components(label))) TRY(add_vertex(component));
        for (std::size_t at = 0; at < vertices_.size(); ++at) {
            if ((vertices_[at].own & kFree) != 0) continue;
            auto moves = by_label(TRY(moves_from(policy_, all_, *vertices_[at].profile)));
            for (const Move& move : moves) {
                for (const auto component : components(move.label)) TRY(add_vertex(component));
            }
            vertices_[at].moves = std::move(moves);
        }
        return {};
    }

    Result<void> add_vertex(std::string_view name) {
        if (find(name) != nullptr) return {};
        Vertex vertex;
        vertex.name = name;
        if (name != kUnconfined) {
            vertex.profile = TRY(find_component(policy_, name));
            vertex.own = own_capabilities(*vertex.profile);
        }
        vertices_.push_back(std::move(vertex));
        return {};
    }

    [[nodiscard]] const Vertex* find(std::string_view name) const {
        const auto found = std::find_if(vertices_.begin(), vertices_.end(), [&](const Vertex& vertex) { return vertex.name == name; });
        return found == vertices_.end() ? nullptr : &*found;
    }

    // Of a stack each component goes its own way, and all of them have to allow what is used.
    [[nodiscard]] std::uint64_t total_of(std::string_view label) const {
        std::uint64_t total = kEverything;
        for (const auto component : components(label)) total &= find(component)->total;
        return total;
    }
    [[nodiscard]] std::uint64_t own_of(std::string_view label) const {
        std::uint64_t own = kEverything;
        for (const auto component : components(label)) own &= find(component)->own;
        return own;
    }

    // Totals only grow, so that this ends.
    void sum_up() {
        for (Vertex& vertex : vertices_) vertex.total = vertex.own;
        for (bool changed = true; changed;) {
            changed = false;
            for (Vertex& vertex : vertices_) {
                const std::uint64_t before = vertex.total;
                for (const Move& move : vertex.moves) vertex.total |= total_of(move.label);
                changed = changed || vertex.total != before;
            }
        }
    }

    void list_labels(std::string_view start, Reachable& result) {
        list(std::string(start), "the profile itself", result);
        for (std::size_t at = 0; at < result.labels.size(); ++at) {
            const std::string label = result.labels[at].label;
            const auto parts = components(label);
            if (parts.size() > 1) {
                list_stack(label, parts, result);
                continue;
            }
            for (const Move& move : find(label)->moves) {
                list(move.label, move.doubt.empty() ? move.how : concat({move.how, "; ", move.doubt}), result);
                if (doubt_.empty()) doubt_ = move.doubt;
            }
        }
    }

    // Every combination of where its components can get in one move, or stay: more than there is, as one path decides for all.
    void list_stack(const std::string& from, const std::vector<std::string_view>& parts, Reachable& result) {
        const bool moves = std::any_of(parts.begin(), parts.end(), [&](std::string_view part) { return leaves_itself(*find(part)); });
        if (!moves) return;
        if (doubt_.empty()) doubt_ = concat({"the components of ", quote(from), " are taken to move independently of each other"});
        std::vector<std::string> labels(1);
        for (const auto part : parts) {
            std::vector<std::string> longer;
            const auto extend = [&](const std::string& label, std::string_view next) {
                if (longer.size() <= kMaxLabels) longer.push_back(label.empty() ? std::string(next) : stack(label, next));
            };
            for (const auto& label : labels) {
                extend(label, part);
                for (const Move& move : find(part)->moves) extend(label, move.label);
            }
            labels = std::move(longer);
        }
        for (auto& label : labels) list(std::move(label), concat({"a move from ", quote(from)}), result);
    }

    static bool leaves_itself(const Vertex& vertex) {
        return std::any_of(vertex.moves.begin(), vertex.moves.end(), [&](const Move& move) { return move.label != vertex.name; });
    }

    void list(std::string label, std::string how, Reachable& result) {
        const auto same = [&](const ReachableLabel& other) { return same_label(other.label, label); };
        if (std::any_of(result.labels.begin(), result.labels.end(), same)) return;
        if (result.labels.size() >= kMaxLabels) {
            result.all_listed = false;
            doubt_ = concat({"more than ", decimal(kMaxLabels), " labels can be reached, and the others are not listed"});
            return;
        }
        const CapabilitySet capabilities(own_of(label) & ~kFree);
        result.labels.push_back({std::move(label), capabilities, std::move(how)});
    }

    [[nodiscard]] std::string why_free(std::string_view start, const Reachable& result) const {
        for (const ReachableLabel& reached : result.labels) {
            if ((own_of(reached.label) & kFree) == 0) continue;
            const std::string what = concat({"label ", quote(reached.label), ", where nothing is refused,"});
            return reached.label == start ? concat({"label ", quote(start), " is unconfined or in complain mode"})
                                          : concat({what, " can be reached: ", reached.how});
        }
        return concat({"labels where nothing is refused can be reached from ", quote(start)});
    }

    Policy& policy_;
    std::vector<const Profile*> all_;
    std::vector<Vertex> vertices_;
    std::string doubt_;
};

}  // namespace

Result<Reachable> reachable_from(Policy& policy, std::string_view label) { return Search(policy).run(label); }

Result<CapabilitySet> allowed_capabilities(Policy& policy, std::string_view label) {
    std::uint64_t mask = kEverything;
    for (const auto component : TRY(label_components(label))) {
        if (component != kUnconfined) mask &= own_capabilities(*TRY(find_component(policy, component)));
    }
    return CapabilitySet(mask & ~kFree);
}

}  // namespace aa::apparmor
