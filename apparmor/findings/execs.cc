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

// Where the exec rules of a profile lead.
class Execs {
public:
    explicit Execs(const Subject& subject) : subject_(subject), walk_(subject.profile) {}

    void find_lost(Findings& findings) {
        for (const std::uint32_t target : walk_.targets()) {
            const auto outcome = outcome_of(target);
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
        for (const std::uint32_t target : walk_.targets()) {
            if ((target & exec_index::kTypeMask) == 0) continue;
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
    // What becomes of a path with TARGET, which is path_ then: of one that leads out of the profile, if any does. Nothing if that cannot be
    // told. Which profiles of the host attach is asked only where else nothing could be executed: it takes compiling them all.
    std::optional<ExecOutcome> outcome_of(std::uint32_t target) {
        const auto first = walk_.paths_to(target).paths;
        if (first.empty()) return std::nullopt;
        auto result = judge(first.front());
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
    [[nodiscard]] std::vector<std::string> meetings(std::uint32_t target, bool of_child) const {
        const auto candidates = of_child ? subject_.policy.list(subject_.profile.name, {}) : subject_.policy.all();
        std::vector<std::string> paths;
        if (!candidates) return paths;
        for (const Profile* candidate : *candidates) {
            if (of_child || candidate->parent().empty()) add_meetings(*candidate, target, paths);
        }
        return paths;
    }

    // Paths with TARGET that CANDIDATE attaches to; one whose name is literal has no automaton for it.
    void add_meetings(const Profile& candidate, std::uint32_t target, std::vector<std::string>& paths) const {
        if (candidate.attachment) {
            const auto meeting = walk_.meet(target, candidate.attachment->automaton).paths;
            paths.insert(paths.end(), meeting.begin(), meeting.end());
        } else if (walk_.has_target(candidate.local_name(), target)) {
            paths.emplace_back(candidate.local_name());
        }
    }

    const Subject& subject_;
    FileWalk walk_;
    std::string path_;
};

}  // namespace

void find_lost_execs(const Subject& subject, Findings& findings) { Execs(subject).find_lost(findings); }

void find_forbidden_execs(const Subject& subject, const Origin& origin, Findings& findings) {
    Execs(subject).find_forbidden(origin, findings);
}

}  // namespace aa::apparmor
