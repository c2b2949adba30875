// SPDX-License-Identifier: Apache-2.0
#include "apparmor/lint.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <functional>
#include <optional>
#include <utility>

#include "apparmor/policy/label.h"
#include "apparmor/policy/transition.h"
#include "apparmor/policy/walk.h"
#include "apparmor/source/parser_process.h"
#include "apparmor/source/profile_files.h"
#include "apparmor/source/source_policy.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

// Profiles that newer distributions put their runtimes under (in unconfined mode); `docker stop` is then theirs to obey.
constexpr std::array<std::string_view, 2> kRuntimeProfiles = {"runc", "crun"};
constexpr std::uint32_t kConnectPath = 0x4;  // of path_flags: attach_disconnected (the kernel's PATH_CONNECT_PATH)
constexpr std::uint32_t kDeleted = 0x30000;  // mediate_deleted, which parsers write as what newer kernels call delegating; both do

bool enforces(const Profile& profile) { return profile.mode == Mode::enforce || profile.mode == Mode::kill; }

// One of the profiles of a catalog.
class Pitfalls {
public:
    Pitfalls(Policy& policy, const Profile& profile) : policy_(policy), profile_(profile), walk_(profile) {}

    // In words.
    std::vector<std::string> find() {
        find_signals();
        find_flags();
        for (const std::uint32_t target : walk_.targets()) {
            const auto outcome = outcome_of(target);
            if (outcome && !outcome->allowed)
                found_.push_back(concat({outcome->steps.front().reason, "; what it names cannot be executed"}));
        }
        return std::move(found_);
    }

    // What a process under "noNewPrivileges" is refused, in words; nothing if there is no such thing.
    std::optional<std::string> forbidden_transition() {
        for (const std::uint32_t target : walk_.targets()) {
            if ((target & exec_index::kTypeMask) == 0) continue;
            const auto outcome = outcome_of(target);
            if (!outcome || !leaves(*outcome) || outcome->steps.front().route == Route::stacked) continue;
            return concat({"\"noNewPrivileges\": the kernel refuses what the container's own processes execute out of profile ",
                           quote(profile_.name), ", as ", quote(path_), " into ", quote(outcome->label),
                           ", with EPERM; only aa-shim's entrypoints and execs get there"});
        }
        return std::nullopt;
    }

private:
    void find_signals() {
        std::vector<std::string> deaf;
        if (!receives(kUnconfined)) deaf.push_back(quote(kUnconfined));
        for (const auto runtime : kRuntimeProfiles) {
            const auto loaded = policy_.find(runtime);
            if (loaded && *loaded != nullptr && !receives(runtime)) deaf.push_back(quote(runtime));
        }
        if (deaf.empty()) return;
        found_.push_back(concat({"profile ", quote(profile_.name), " receives no signals from ", join(deaf, ", "),
                                 ", under which engines and runtimes run: stopping and killing its containers fails; add `signal (receive) "
                                 "peer=…,` for each"}));
    }

    [[nodiscard]] bool receives(std::string_view peer) const {
        return profile_.receives(SIGTERM, peer) && profile_.receives(SIGKILL, peer);
    }

    void find_flags() {
        std::vector<std::string> missing;
        if ((profile_.path_flags & kConnectPath) == 0) missing.emplace_back("attach_disconnected");
        if ((profile_.path_flags & kDeleted) == 0) missing.emplace_back("mediate_deleted");
        if (missing.empty()) return;
        found_.push_back(concat(
            {"profile ", quote(profile_.name), " lacks flags=(", join(missing, ","), "): files that ",
             missing.front() == "mediate_deleted" ? "are deleted while they are in use" : "come from outside of the container's mounts",
             " have no name for it, and are denied"}));
    }

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
        auto outcome = exec_transition(policy_, profile_.name, {.path = path});
        if (!outcome) return std::nullopt;
        path_ = path;
        return *std::move(outcome);
    }

    static bool leaves(const ExecOutcome& outcome) { return outcome.allowed && outcome.steps.front().route != Route::inherited; }

    // Paths with TARGET that a profile attaches to which the rule may mean.
    [[nodiscard]] std::vector<std::string> meetings(std::uint32_t target, bool of_child) const {
        const auto candidates = of_child ? policy_.list(profile_.name, {}) : policy_.all();
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

    Policy& policy_;
    const Profile& profile_;
    FileWalk walk_;
    std::string path_;
    std::vector<std::string> found_;
};

using PolicyOf = std::function<Result<Policy*>(std::string_view label)>;

// The profile NAME with the policy that has it; nothing if there is none to speak of.
std::optional<std::pair<Policy*, const Profile*>> profile_of(const PolicyOf& policy_of, std::string_view name) {
    const auto policy = policy_of(name);
    if (!policy) return std::nullopt;
    const auto profile = (*policy)->find(name);
    if (!profile || *profile == nullptr) return std::nullopt;
    return std::pair{*policy, *profile};
}

void add_pitfalls(const Catalog& catalog, const PolicyOf& policy_of, std::vector<Complaint>& notes) {
    for (const auto& named : named_profiles(catalog)) {
        const auto found = profile_of(policy_of, named.profile);
        if (!found || !enforces(*found->second)) continue;
        for (auto& text : Pitfalls(*found->first, *found->second).find()) notes.push_back({named.origin, std::move(text)});
    }
    for (const auto& confinement : catalog.confinements) {
        const auto* label = std::get_if<std::string>(&confinement.profile);
        if (!confinement.no_new_privileges || label == nullptr) continue;
        for (const auto component : components(*label)) {
            const auto found = profile_of(policy_of, component);
            if (!found || !enforces(*found->second)) continue;
            if (auto text = Pitfalls(*found->first, *found->second).forbidden_transition())
                notes.push_back({confinement.origin, *std::move(text)});
        }
    }
}

bool forced_to_complain(const std::vector<ProfileSource>& sources, std::string_view profile) {
    return std::any_of(sources.begin(), sources.end(), [&](const ProfileSource& source) {
        return source.profile == profile && !source.file.empty() && !operators_link(source.file, "force-complain").empty();
    });
}

}  // namespace

std::vector<Complaint> pitfalls(const Catalog& catalog, Policy& policy) {
    std::vector<Complaint> notes;
    add_pitfalls(
        catalog, [&](std::string_view) { return Result<Policy*>(&policy); }, notes);
    return notes;
}

std::vector<Complaint> source_pitfalls(const Catalog& catalog, const std::vector<ProfileSource>& sources, const Kernel& kernel,
                                       const LoadSettings& settings) {
    std::vector<Complaint> notes;
    const auto parser = settings.parser.empty() ? Parser::find() : Parser(settings.parser);
    const auto features = features_for(kernel.require_enabled().has_value());
    if (!parser || !features) return notes;
    SourcePolicy policy(*parser, profile_directories(catalog.profile_dirs, settings), *features);
    for (const auto runtime : kRuntimeProfiles) (void)policy.policy_of(runtime);  // to be asked about below
    const auto policy_of = [&](std::string_view label) { return policy.policy_of(label); };
    for (const auto& named : named_profiles(catalog)) {
        const auto found = profile_of(policy_of, named.profile);
        if (!found || enforces(*found->second) || forced_to_complain(sources, named.profile)) continue;
        notes.push_back({named.origin, concat({"profile ", quote(named.profile), " is in ", mode_name(found->second->mode),
                                               " mode: nothing that it forbids is refused"})});
    }
    add_pitfalls(catalog, policy_of, notes);
    return notes;
}

}  // namespace aa::apparmor
