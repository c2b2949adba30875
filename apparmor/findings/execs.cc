// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <utility>

#include "apparmor/findings/subject.h"
#include "apparmor/policy/label.h"
#include "apparmor/policy/transition.h"
#include "apparmor/policy/walk.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

bool leaves(const ExecOutcome& outcome) { return outcome.allowed && outcome.steps.front().route != Route::inherited; }

bool chooses(std::uint32_t target) { return (target & exec_index::kTypeMask) != 0; }

// Where the exec rules of a profile lead.
class Execs {
public:
    explicit Execs(const Subject& subject) : subject_(subject) {}

    void find_lost(Findings& findings) {
        if (no_state_has([&](std::uint32_t target) { return !is_found(target); })) return;
        for (const std::uint32_t target : walk().targets()) {
            const auto outcome = is_found(target) ? std::nullopt : outcome_of(target);
            if (!outcome || outcome->allowed || is_external(target)) continue;
            findings.push_back({"AA412",
                                subject_.origin,
                                outcome->steps.front().reason,
                                "what it names cannot be executed",
                                "define what it leads to, correct the name, or write `ix`",
                                {}});
        }
    }

    // At most one: what noNewPrivileges means is the same for all.
    void find_forbidden(const Origin& origin, Findings& findings) {
        if (no_state_has(chooses)) return;
        for (const std::uint32_t target : walk().targets()) {
            if (!chooses(target)) continue;
            const auto outcome = outcome_of(target);
            if (!outcome || !leaves(*outcome) || outcome->steps.front().route == Route::stacked) continue;
            findings.push_back(
                {"AA411",
                 origin,
                 concat({"\"noNewPrivileges\": the kernel refuses what the container's own processes execute out of profile ",
                         quote(subject_.profile.name), ", as ", quote(path_), " into ", quote(outcome->label), ", with EPERM"}),
                 "only aa-shim's entrypoints and execs get there",
                 "write `ix` for what the container starts by itself, or leave noNewPrivileges out",
                 {}});
            return;
        }
    }

private:
    // Whether TARGETS says of none of the profile's exec targets that it is one: of no state, whether or not a path leads to it. To look at the states
    // takes less than a walk to them.
    template <class Targets>
    [[nodiscard]] bool no_state_has(Targets targets) const {
        const auto& files = subject_.profile.files;
        for (StateId state = 0; state < files.size(); ++state) {
            for (const bool owner : {true, false}) {
                const auto permissions = files.permissions(state, owner);
                if ((permissions.allow & permission::kExec) != 0 && targets(permissions.target)) return false;
            }
        }
        return true;
    }

    // Whether TARGET leads somewhere with every path: to a profile that is there, or back to where nothing has to be. Not every one that does
    // is known here.
    [[nodiscard]] bool is_found(std::uint32_t target) const {
        const auto& profile = subject_.profile;
        const bool falls_back = (target & (exec_index::kInherit | exec_index::kUnconfined)) != 0;
        if ((target & exec_index::kTypeMask) != exec_index::kTable) return falls_back;
        const std::size_t index = target & exec_index::kIndexMask;
        if (index >= profile.targets.size() || profile.targets[index].starts_with('&')) return false;
        const auto& name = profile.targets[index];
        const auto label =
            (target & exec_index::kChild) != 0 ? find_child(subject_.policy, profile, name) : find_label(subject_.policy, name);
        return falls_back || (label && !label->empty());
    }

    FileWalk& walk() {
        if (!walk_) walk_.emplace(subject_.profile);
        return *walk_;
    }

    // What becomes of a path with TARGET, which is path_ then: of one that leads out of the profile, if any does. Nothing if that cannot be
    // told. Which profiles of the host attach is asked only where else nothing could be executed: it takes compiling them all.
    std::optional<ExecOutcome> outcome_of(std::uint32_t target) {
        const auto first = walk().path_to(target);
        if (!first) return std::nullopt;
        auto result = judge(*first);
        const bool by_name = (target & exec_index::kTypeMask) == exec_index::kName;
        const bool of_child = (target & exec_index::kChild) != 0;
        if (!result || !by_name || leaves(*result) || (result->allowed && !of_child)) return result;
        for (const auto& path : meetings(target, of_child)) {
            result = judge(path);
            if (!result || leaves(*result)) break;
        }
        return result;
    }

    std::optional<ExecOutcome> judge(const std::string& path) {
        auto outcome = exec_transition(subject_.policy, subject_.profile.name, {.path = path, .owned = true});
        if (!outcome) return std::nullopt;
        path_ = path;
        return *std::move(outcome);
    }

    // Whether TARGET names a profile that another tool loads.
    [[nodiscard]] bool is_external(std::uint32_t target) const {
        const std::size_t index = target & exec_index::kIndexMask;
        if (subject_.catalog == nullptr || (target & exec_index::kTypeMask) != exec_index::kTable ||
            index >= subject_.profile.targets.size())
            return false;
        return subject_.catalog->is_external(subject_.profile.targets[index]);
    }

    // Paths with TARGET that a profile attaches to which the rule may mean.
    [[nodiscard]] std::vector<std::string> meetings(std::uint32_t target, bool of_child) {
        const auto candidates = of_child ? subject_.policy.list(subject_.profile.name, {}) : subject_.policy.all();
        std::vector<std::string> paths;
        if (!candidates) return paths;
        for (const Profile* candidate : *candidates) {
            if (of_child || candidate->parent().empty()) add_meetings(*candidate, target, paths);
        }
        return paths;
    }

    // Paths with TARGET that CANDIDATE attaches to; one whose name is literal has no automaton for it.
    void add_meetings(const Profile& candidate, std::uint32_t target, std::vector<std::string>& paths) {
        if (candidate.attachment) {
            const auto meeting = walk().meet(target, candidate.attachment->automaton).paths;
            paths.insert(paths.end(), meeting.begin(), meeting.end());
        } else if (walk().has_target(candidate.local_name(), target)) {
            paths.emplace_back(candidate.local_name());
        }
    }

    const Subject& subject_;
    std::optional<FileWalk> walk_;
    std::string path_;
};

}  // namespace

void find_lost_execs(const Subject& subject, Findings& findings) { Execs(subject).find_lost(findings); }

void find_forbidden_execs(const Subject& subject, const Origin& origin, Findings& findings) {
    Execs(subject).find_forbidden(origin, findings);
}

}  // namespace aa::apparmor
