// SPDX-License-Identifier: Apache-2.0
#include "apparmor/policy/moves.h"

#include <algorithm>
#include <utility>

#include "apparmor/kernel/profile_name.h"
#include "apparmor/policy/attachment.h"
#include "apparmor/policy/label.h"
#include "apparmor/policy/walk.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

bool has(std::uint32_t bits, std::uint32_t flag) { return (bits & flag) != 0; }

// The moves of one profile that confines.
class Moves {
public:
    Moves(Policy& policy, const std::vector<const Profile*>& all, const Profile& profile)
        : policy_(policy), all_(all), profile_(profile), walk_(profile) {}

    Result<std::vector<Move>> find() {
        for (const std::uint32_t target : walk_.targets()) TRY(add_exec(target));
        add_hats();
        add_changes();
        return std::move(moves_);
    }

private:
    void add(Move move) {
        for (Move& known : moves_) {
            if (known.label != move.label || known.how != move.how) continue;
            if (move.doubt.empty()) known.doubt.clear();
            return;
        }
        moves_.push_back(std::move(move));
    }
    void add_exec_to(std::string label, std::uint32_t target, std::string doubt = {}, const Profile* attached = nullptr) {
        add({std::move(label), MoveKind::exec, target, how(target), std::move(doubt), attached});
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
                add_exec_to(std::move(label), target);
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
        add_exec_to(with(inherits ? profile_.name : std::string(kUnconfined), extra), target, doubt);
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
            if (each && attached.profile != nullptr) add_exec_to(with(attached.profile->name, extra), target, {}, attached.profile);
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
        add_exec_to(with(candidate.name, extra), target,
                    certain ? std::string() : doubt_that(concat({"profile ", quote(candidate.name), " is the one that attaches"})),
                    &candidate);
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
            if (other->hat && other != &profile_ && other->parent() == parent) {
                add({other->name, MoveKind::hat, 0, concat({"a hat of ", quote(parent)}), {}, nullptr});
            }
        }
    }

    void add_changes() {
        const std::string how = concat({"change_profile from ", quote(profile_.name)});
        const auto try_name = [&](std::string_view name) {
            if (walk_.may_change_to(name)) {
                add({std::string(name), MoveKind::change_profile, 0, how, {}, nullptr});
            } else if (walk_.may_change_to(concat({"&", name}))) {
                add({stack(profile_.name, name), MoveKind::change_profile, 0, how, {}, nullptr});
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
    std::vector<Move> moves_;
};

}  // namespace

Result<std::vector<Move>> moves_from(Policy& policy, const std::vector<const Profile*>& all, const Profile& profile) {
    return Moves(policy, all, profile).find();
}

}  // namespace aa::apparmor
