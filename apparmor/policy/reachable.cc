// SPDX-License-Identifier: Apache-2.0
#include "apparmor/policy/reachable.h"

#include <algorithm>
#include <utility>

#include "apparmor/kernel/profile_name.h"
#include "apparmor/policy/attachment.h"
#include "apparmor/policy/label.h"
#include "apparmor/policy/walk.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

constexpr std::size_t kMaxLabels = 256;

// Beside the capabilities of a mask: nothing confines.
constexpr std::uint64_t kFree = std::uint64_t{1} << 63U;
constexpr std::uint64_t kEverything = CapabilitySet::all().mask() | kFree;

bool has(std::uint32_t bits, std::uint32_t flag) { return (bits & flag) != 0; }

std::uint64_t own_capabilities(const Profile& profile) {
    if (profile.mode == Mode::complain || profile.mode == Mode::unconfined) return kEverything;
    return profile.rule_capabilities().mask();
}

// A move from one profile to a label.
struct Edge {
    std::string label;
    std::string how;
    std::string doubt;  // why it may not be possible after all; empty: it is
};

// The moves of one profile that confines.
class Moves {
public:
    Moves(Policy& policy, const std::vector<const Profile*>& all, const Profile& profile)
        : policy_(policy), all_(all), profile_(profile), walk_(profile) {}

    Result<std::vector<Edge>> find() {
        for (const std::uint32_t target : walk_.targets()) TRY(add_exec(target));
        add_hats();
        add_changes();
        return std::move(edges_);
    }

private:
    void add(std::string label, std::string how, std::string doubt = {}) {
        for (Edge& edge : edges_) {
            if (edge.label != label) continue;
            if (doubt.empty()) edge.doubt.clear();
            return;
        }
        edges_.push_back({std::move(label), std::move(how), std::move(doubt)});
    }

    Result<void> add_exec(std::uint32_t target) {
        const std::uint32_t kind = target & exec_index::kTypeMask;
        std::string extra;
        if (kind == exec_index::kTable) {
            const std::size_t index = target & exec_index::kIndexMask;
            const std::string_view text = index < profile_.targets.size() ? std::string_view(profile_.targets[index]) : std::string_view();
            const bool stacked = text.starts_with('&');
            const auto wanted = stacked ? text.substr(1) : text;
            auto label = TRY(has(target, exec_index::kChild) ? find_child(policy_, profile_, wanted) : find_label(policy_, wanted));
            if (label.empty()) {
                if (!stacked || policy_.behaviour().missing_stack_target_is_not_found) add_fallback(target, {}, {});
                return {};
            }
            if (!stacked) {
                add(std::move(label), how(target));
                return {};
            }
            extra = std::move(label);
        }
        if (kind == 0) {
            add_fallback(target, {}, {});
            return {};
        }
        return add_attached(target, extra);
    }

    void add_fallback(std::uint32_t target, const std::string& extra, const std::string& doubt) {
        const bool inherits = has(target, exec_index::kInherit);
        if (!inherits && !has(target, exec_index::kUnconfined)) return;
        add(with(inherits ? profile_.name : std::string(kUnconfined), extra), how(target), doubt);
    }

    // By attachment. Where few paths have the target each is asked about; else each profile whether it could attach to one.
    Result<void> add_attached(std::uint32_t target, const std::string& extra) {
        const auto paths = walk_.paths_to(target);
        const bool is_child = has(target, exec_index::kChild);
        const std::string_view parent = is_child ? std::string_view(profile_.name) : std::string_view();
        const bool each = paths.complete && !attributes_matter(parent);
        bool one_without = false;
        for (const auto& path : paths.paths) {
            const auto attached = TRY(find_attachment(policy_, parent, file(path)));
            one_without = one_without || attached.profile == nullptr;
            if (each && attached.profile != nullptr) add(with(attached.profile->name, extra), how(target));
        }
        if (each) {
            if (one_without) add_fallback(target, extra, {});
            return {};
        }
        for (const Profile* candidate : all_) {
            if (candidate->parent() == parent) TRY(add_if_attachable(*candidate, target, extra));
        }
        add_fallback(target, extra, one_without ? std::string() : doubt_that("some path without a profile that attaches is executed"));
        return {};
    }

    Result<void> add_if_attachable(const Profile& candidate, std::uint32_t target, const std::string& extra) {
        FileWalk::Meeting meeting;
        if (candidate.attachment) {
            meeting = walk_.meet(target, candidate.attachment->automaton);
        } else if (walk_.has_target(candidate.local_name(), target)) {
            meeting = {.possible = true, .paths = {std::string(candidate.local_name())}};
        }
        if (!meeting.possible) return {};
        bool certain = false;
        if (candidate.attachment && !candidate.attachment->attributes.empty()) meeting.paths.clear();
        for (const auto& path : meeting.paths) certain = certain || TRY(leads_to(candidate, target, path));
        add(with(candidate.name, extra), how(target),
            certain ? std::string() : doubt_that(concat({"profile ", quote(candidate.name), " is the one that attaches"})));
        return {};
    }

    // Whether PATH, or one much like it, makes the profile enter CANDIDATE. Others may attach better to what is short.
    Result<bool> leads_to(const Profile& candidate, std::uint32_t target, const std::string& path) {
        for (const std::string_view end : {"", "z", "_long"}) {
            const std::string longer = concat({path, end});
            if (!walk_.has_target(longer, target)) continue;
            if (TRY(find_attachment(policy_, candidate.parent(), file(longer))).profile == &candidate) return true;
        }
        return false;
    }

    // change_hat goes down to a hat, and from a hat to the others beside it.
    void add_hats() {
        const std::string_view parent = profile_.hat ? profile_.parent() : std::string_view(profile_.name);
        for (const Profile* other : all_) {
            if (other->hat && other != &profile_ && other->parent() == parent) add(other->name, concat({"a hat of ", quote(parent)}));
        }
    }

    void add_changes() {
        const std::string how = concat({"change_profile from ", quote(profile_.name)});
        const auto try_name = [&](std::string_view name) {
            if (walk_.may_change_to(name)) {
                add(std::string(name), how);
            } else if (walk_.may_change_to(concat({"&", name}))) {
                add(stack(profile_.name, name), how);
            }
        };
        for (const Profile* other : all_) try_name(other->name);
        try_name(kUnconfined);
    }

    [[nodiscard]] bool attributes_matter(std::string_view parent) const {
        return std::any_of(all_.begin(), all_.end(), [&](const Profile* other) {
            return other->parent() == parent && other->attachment && !other->attachment->attributes.empty();
        });
    }

    static ExecFile file(const std::string& path) {
        return {.path = path, .owned = true, .attribute = [](std::string_view) { return std::optional<std::string>(); }};
    }
    static std::string with(const std::string& base, const std::string& extra) { return extra.empty() ? base : stack(base, extra); }
    [[nodiscard]] std::string how(std::uint32_t target) const {
        return concat({"exec from ", quote(profile_.name), " (", exec_rule_text(profile_, target), ")"});
    }
    [[nodiscard]] std::string doubt_that(std::string_view what) const {
        return concat({"it is not certain that, when profile ", quote(profile_.name), " executes something, ", what});
    }

    Policy& policy_;
    const std::vector<const Profile*>& all_;
    const Profile& profile_;
    FileWalk walk_;
    std::vector<Edge> edges_;
};

// A profile that is part of some label that can be reached.
struct Vertex {
    std::string name;
    const Profile* profile = nullptr;  // nullptr: unconfined
    std::uint64_t own = kEverything;   // capabilities
    std::uint64_t total = 0;           // of all that can be reached from it, so far
    std::vector<Edge> edges;
};

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
            auto edges = TRY(Moves(policy_, all_, *vertices_[at].profile).find());
            for (const Edge& edge : edges) {
                for (const auto component : components(edge.label)) TRY(add_vertex(component));
            }
            vertices_[at].edges = std::move(edges);
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
                for (const Edge& edge : vertex.edges) vertex.total |= total_of(edge.label);
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
            for (const Edge& edge : find(label)->edges) {
                list(edge.label, edge.doubt.empty() ? edge.how : concat({edge.how, "; ", edge.doubt}), result);
                if (doubt_.empty()) doubt_ = edge.doubt;
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
                for (const Edge& edge : find(part)->edges) extend(label, edge.label);
            }
            labels = std::move(longer);
        }
        for (auto& label : labels) list(std::move(label), concat({"a move from ", quote(from)}), result);
    }

    static bool leaves_itself(const Vertex& vertex) {
        return std::any_of(vertex.edges.begin(), vertex.edges.end(), [&](const Edge& edge) { return edge.label != vertex.name; });
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
