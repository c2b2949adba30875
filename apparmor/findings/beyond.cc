// SPDX-License-Identifier: Apache-2.0
//
// What a profile keeps from its processes, and another one allows that they get to: AA416 and AA417 by moves of their own, AA509 by an exec
// rule of the catalog.
#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include "apparmor/findings/against_catalog.h"
#include "apparmor/findings/gains.h"
#include "apparmor/findings/subject.h"
#include "apparmor/kernel/profile_name.h"
#include "apparmor/policy/moves.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

// `docker exec -t` gives a command a terminal, which the container's own programs do not have: no catalog means to forbid it.
constexpr std::array<std::string_view, 5> kTerminals = {"/dev/tty", "/dev/ptmx", "/dev/console", "/dev/pts/", "/pts/"};

bool is_of_terminal(const Gain& gain) {
    const auto& rule = gain.allowance.rule;
    const auto path = rule.substr(std::min(rule.find('/'), rule.size()));
    return gain.allowance.mediation_class == mediation::kFile && std::ranges::any_of(kTerminals, [&](std::string_view terminal) {
               return terminal.ends_with('/') ? path.starts_with(terminal) : path == terminal;
           });
}

// Whether the processes that make MOVE bring code of their own: the kernel keeps LD_PRELOAD only from a program whose exec scrubs.
bool brings_code(const Move& move) { return move.kind != MoveKind::exec || (move.target & exec_index::kUnsafe) != 0; }

Finding found_of(const Move& move, const Profile& profile, const Origin& origin, const std::string& gains) {
    const bool own = brings_code(move);
    return {own ? "AA416" : "AA417",
            origin,
            concat({move.how, " leads to ", quote(move.label), ", which allows what ", quote(profile.name), " does not: ", gains}),
            own ? "processes go there with code of their own, whenever they like: what the profile keeps from them, it does not"
                : "processes choose the arguments of what runs there",
            own ? concat({"take it out of ", quote(move.label), ", allow it in ", quote(profile.name),
                          move.kind == MoveKind::exec ? ", or scrub the environment (`Px`, `Cx`)" : ", or forbid the way"})
                : concat({"make sure that the program does no more than is meant, or take it out of ", quote(move.label)}),
            {}};
}

// The profiles that are looked at, and no others.
class AtHand : public Policy {
public:
    explicit AtHand(const std::vector<const Profile*>& all) : all_(all) {
        for (const auto* profile : all) {
            named_.emplace(profile->name, profile);
            children_[profile->parent()].push_back(profile);
        }
    }
    Result<const Profile*> find(std::string_view name) override {
        const auto found = named_.find(name);
        return found == named_.end() ? nullptr : found->second;
    }
    Result<std::vector<const Profile*>> list(std::string_view parent, std::string_view /*path*/) override { return children_[parent]; }
    Result<std::vector<const Profile*>> all() override { return all_; }
    [[nodiscard]] KernelBehaviour behaviour() const override { return behaviour_; }

private:
    const std::vector<const Profile*>& all_;
    std::map<std::string_view, const Profile*> named_;
    std::map<std::string_view, std::vector<const Profile*>> children_;
    KernelBehaviour behaviour_ = KernelBehaviour::of_running_kernel();
};

}  // namespace

void find_wider_moves(const std::vector<const Profile*>& all, const Places& used, Findings& findings) {
    AtHand policy(all);
    for (const auto* profile : all) {
        const auto own = used.find(profile->name);
        if (own == used.end() || !Subject{policy, *profile}.enforces()) continue;
        const auto moves = moves_from(policy, all, *profile);
        if (!moves) continue;  // AA412 tells why
        std::set<std::pair<std::string, bool>> told;
        for (const auto& move : *moves) {
            if (!move.doubt.empty() || !told.emplace(move.label, brings_code(move)).second) continue;
            const auto gains = told_gains(policy, move.label, profile->name);
            const auto place = used.find(move.label);
            if (!gains.empty()) findings.push_back(found_of(move, *profile, place == used.end() ? own->second : place->second, gains));
        }
    }
}

void find_wider_exec_rules(const Confinement& confinement, Policy& policy, Findings& findings) {
    const auto* base = std::get_if<std::string>(&confinement.profile);
    if (base == nullptr) return;
    for (const auto& rule : confinement.exec_rules) {
        const auto* label = std::get_if<std::string>(&rule.action);
        const auto gains = label == nullptr ? std::string() : told_gains(policy, *label, *base, is_of_terminal);
        if (gains.empty()) continue;
        findings.push_back({"AA509",
                            rule.origin,
                            concat({"the exec rule runs ", quote(rule.command), " under ", quote(*label), ", which allows what ",
                                    quote(*base), " of the container does not: ", gains}),
                            "whoever may exec in the container gets it there",
                            concat({"take it out of ", quote(*label), ", or silence this with the reason"}),
                            {}});
    }
}

}  // namespace aa::apparmor
