// SPDX-License-Identifier: Apache-2.0
#include "apparmor/algebra/inclusion.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "apparmor/algebra/grammar.h"
#include "apparmor/algebra/spelling.h"
#include "apparmor/kernel/profile_name.h"
#include "apparmor/policy/label.h"
#include "apparmor/policy/transition.h"
#include "base/text.h"

namespace aa::apparmor {

namespace {

constexpr std::size_t kMostGains = 1000;
constexpr std::size_t kMostPairs = 256;      // of labels
constexpr std::size_t kMostCandidates = 48;  // profiles whose attachments are told apart at once
constexpr std::size_t kMostDestinations = 512;

// Texts that are paths, alone.
class PathGrammar : public Grammar {
public:
    [[nodiscard]] State next(State state, std::uint8_t byte) const override {
        const State to = byte == 0 ? kNowhere : files_.next(state, byte);
        return to != kNowhere && files_.wanted(to) == permission::kChangeProfile ? kNowhere : to;
    }
    [[nodiscard]] std::uint32_t wanted(State state) const override { return files_.wanted(state) & permission::kExec; }
    [[nodiscard]] std::string_view special() const override { return files_.special(); }

private:
    FileGrammar files_;
};
const PathGrammar kPaths;

// A program that both labels may execute.
struct Program {
    std::string path;
    bool owned = false;
};

class Search {
public:
    Search(const LabelIn& ours, const LabelIn& theirs, Budget& budget, std::size_t most)
        : ours_(*ours.policy), theirs_(*theirs.policy), budget_(budget), most_(most) {
        want(ours.label, theirs.label, {});
    }

    Result<Inclusion> run() {
        for (std::size_t at = 0; at < pairs_.size(); ++at) {
            const Pair pair = pairs_[at];  // more are added meanwhile
            TRY(compare(pair));
        }
        if (budget_.exhausted()) doubt(concat({"the policy is too large for one question: ", budget_.bound()}));
        return std::move(result_);
    }

private:
    struct Pair {
        std::string ours;
        std::string theirs;
        std::string way;
    };

    void want(const std::string& ours, const std::string& theirs, std::string way) {
        const bool same = &ours_ == &theirs_ && ours == theirs;
        if (same || !wanted_.emplace(ours, theirs).second) return;
        if (pairs_.size() >= kMostPairs) return doubt("there are too many labels that processes can get to");
        pairs_.push_back({ours, theirs, std::move(way)});
    }

    void doubt(std::string why) {
        if (std::find(result_.unproved.begin(), result_.unproved.end(), why) == result_.unproved.end()) {
            result_.unproved.push_back(std::move(why));
        }
    }

    void gain(const Pair& pair, Allowance allowance) {
        if (result_.gains.size() >= kMostGains) {
            result_.all_listed = false;
            return;
        }
        result_.gains.push_back({std::move(allowance), pair.ours, pair.theirs, pair.way});
    }

    static std::string longer(const std::string& way, const std::string& step) { return way.empty() ? step : concat({way, ", ", step}); }

    Result<void> compare(const Pair& pair) {
        const auto ours = TRY(confining_profiles(ours_, pair.ours));
        const auto theirs = TRY(confining_profiles(theirs_, pair.theirs));
        if (theirs.empty()) {
            // What its rules deny stays denied, and what it complains of is allowed: the two are not told apart here.
            if (!TRY(confines_nothing(theirs_, pair.theirs)))
                doubt(concat({"profile ", quote(pair.theirs), " complains: what it denies all the same is not looked at"}));
            return {};
        }
        if (ours.empty()) {
            gain(pair, {mediation::kFile, "everything", concat({"everything: nothing confines ", quote(pair.ours)})});
            return {};
        }
        compare_rules(pair, ours, theirs);
        TRY(follow_execs(pair, ours, theirs));
        TRY(follow_changes(pair, ours, theirs));
        return follow_hats(pair);
    }

    // The profile of which LABEL is a child: what is done among a profile and its children is held against that of the others.
    static std::string_view family_of(std::string_view label) {
        const auto parent = components(label).size() == 1 ? parent_of(label) : std::string_view();
        return parent.empty() ? label : parent;
    }

    void compare_rules(const Pair& pair, const Confining& ours, const Confining& theirs) {
        auto difference = allowed_rules({.inside = {ours},
                                         .outside = &theirs,
                                         .classes = {},
                                         .most = most_,
                                         .own = std::string(family_of(pair.ours)),
                                         .their_own = std::string(family_of(pair.theirs))},
                                        budget_);
        for (auto& allowance : difference.allowances) gain(pair, std::move(allowance));
        result_.all_listed = result_.all_listed && difference.complete;
        if (!difference.proved)
            doubt(concat({"the rules of ", quote(pair.ours), " and ", quote(pair.theirs), " are too many to compare all"}));
        if (pair.way.empty()) result_.unmediated = std::move(difference.unmediated);
    }

    // --- execs ---

    static Operand files_of(const Confining& profiles) {
        Operand operand;
        for (const auto* profile : profiles)
            operand.push_back({&profile->files, profile->files.empty() ? kDeadState : profile->files_start});
        return operand;
    }

    Result<void> follow_execs(const Pair& pair, const Confining& ours, const Confining& theirs) {
        const auto executes = [this](const Profile* profile) { return kinds_of(*profile).any; };
        if (!std::ranges::all_of(ours, executes) || !std::ranges::all_of(theirs, executes)) return {};
        std::vector<const Profile*> candidates = TRY(candidates_of(ours_, ours));
        for (const auto* candidate : TRY(candidates_of(theirs_, theirs))) {
            if (std::find(candidates.begin(), candidates.end(), candidate) == candidates.end()) candidates.push_back(candidate);
        }
        if (candidates.size() > kMostCandidates) {
            doubt(concat({"more than ", decimal(static_cast<long long>(kMostCandidates)), " profiles may attach to what ", quote(pair.ours),
                          " executes"}));
            candidates.resize(kMostCandidates);
        }
        for (const auto& program : programs(ours, theirs, candidates)) TRY(follow_exec(pair, program));
        return {};
    }

    // Profiles that an exec rule without a name may mean.
    Result<std::vector<const Profile*>> candidates_of(Policy& policy, const Confining& profiles) {
        std::vector<const Profile*> result;
        const auto add = [&](const std::vector<const Profile*>& list) {
            std::copy_if(list.begin(), list.end(), std::back_inserter(result),
                         [](const Profile* profile) { return profile->attachment.has_value(); });
        };
        bool of_host = false;
        for (const auto* profile : profiles) {
            const auto& kinds = kinds_of(*profile);
            if (kinds.children) add(TRY(policy.list(profile->name, {})));
            of_host = of_host || kinds.host;
        }
        if (of_host) add(TRY(policy.list({}, {})));
        return result;
    }

    struct Kinds {
        bool any = false;  // something may be executed
        bool children = false;
        bool host = false;
        bool changes = false;  // to another profile, without an exec
    };
    const Kinds& kinds_of(const Profile& profile) {
        const auto [known, is_new] = kinds_.try_emplace(&profile);
        auto& kinds = known->second;
        if (!is_new) return kinds;
        for (StateId state = kStartState; state < profile.files.size(); ++state) {
            for (const bool owner : {true, false}) {
                const auto permissions = profile.files.permissions(state, owner);
                const bool by_name = (permissions.target & exec_index::kTypeMask) == exec_index::kName;
                kinds.any = kinds.any || (permissions.allow & permission::kExec) != 0;
                kinds.changes = kinds.changes || (permissions.allow & permission::kChangeProfile) != 0;
                if ((permissions.allow & permission::kExec) == 0 || !by_name) continue;
                ((permissions.target & exec_index::kChild) != 0 ? kinds.children : kinds.host) = true;
            }
        }
        return kinds;
    }

    // One program for each combination of exec rules of both, and of profiles that may attach.
    std::vector<Program> programs(const Confining& ours, const Confining& theirs, const std::vector<const Profile*>& candidates) {
        std::vector<Operand> operands = {files_of(ours), files_of(theirs)};
        for (const auto* candidate : candidates) operands.push_back({{&candidate->attachment->automaton, kStartState}});
        std::vector<Program> result;
        std::set<std::vector<std::uint32_t>> seen;
        Alphabet alphabet;
        for (const auto& operand : operands) {
            for (const auto& part : operand) alphabet.split_by(*part.automaton);
        }
        Steps steps;
        Product product(kPaths, operands, {}, alphabet, steps, 2);
        product.walk(budget_, [&](const Product::Place& place) {
            if (place.wanted() == 0) return true;
            const Granted both = place.granted(0) & place.granted(1) & all_of(permission::kExec);
            if (both.none()) return true;
            for (const bool owned : {false, true}) {
                if ((owned ? both.owner : both.other) == 0) continue;
                if (seen.insert(combination(place, operands, owned)).second) result.push_back({place.text(), owned});
            }
            return result.size() < kMostDestinations;
        });
        if (result.size() >= kMostDestinations) doubt("there are too many exec rules to follow all");
        return result;
    }

    // Whoever owns the file makes no difference where the rules are the same.
    static std::vector<std::uint32_t> combination(const Product::Place& place, const std::vector<Operand>& operands, bool owned) {
        std::vector<std::uint32_t> key;
        for (std::size_t operand = 0; operand < 2; ++operand) {
            for (std::size_t part = 0; part < operands[operand].size(); ++part)
                key.push_back(place.permissions(operand, part, owned).target);
        }
        for (std::size_t operand = 2; operand < operands.size(); ++operand)
            key.push_back(place.granted(operand).either() & permission::kExec);
        return key;
    }

    Result<void> follow_exec(const Pair& pair, const Program& program) {
        const ExecFile file{.path = program.path, .owned = program.owned};
        const auto ours = exec_transition(ours_, pair.ours, file);
        const auto theirs = exec_transition(theirs_, pair.theirs, file);
        if (!ours || !theirs) {
            doubt(ours ? theirs.error().message : ours.error().message);
            return {};
        }
        const std::string step = concat({"exec ", shown(program.path)});
        if (!ours->allowed) {
            // Both rules grant it, and the profile is missing: a child is where its parent is, another one may only not be among those given.
            const auto rule = rule_text(pair.ours, ours_, program);
            const bool same = pair.ours == pair.theirs && rule == rule_text(pair.theirs, theirs_, program);
            if (!same && !rule.starts_with('c') && !rule.starts_with('C')) {
                doubt(concat({step, ": ", ours->steps.empty() ? std::string() : ours->steps.front().reason}));
            }
            return {};
        }
        if (!theirs->allowed) {
            gain(pair, {mediation::kFile, step, step});
        } else if (!TRY(confines_nothing(theirs_, theirs->label))) {
            if (ours->complaining || TRY(confines_nothing(ours_, ours->label))) {
                gain(pair, {mediation::kFile, concat({step, " → unconfined"}), concat({step, " → unconfined"})});
            } else if (!theirs->complaining) {
                // Whoever executes it chooses the libraries that are loaded (LD_PRELOAD) under another label then.
                if (theirs->scrubbed && !ours->scrubbed && ours->label != pair.ours) {
                    gain(pair, {mediation::kFile, concat({step, " with the caller's environment"}),
                                concat({step, " with the caller's environment"})});
                }
                want(ours->label, theirs->label, longer(pair.way, step));
            }
        }
        return {};
    }

    // The exec rule of the first profile of LABEL.
    static std::string rule_text(const std::string& label, Policy& policy, const Program& program) {
        const auto profiles = confining_profiles(policy, label);
        if (!profiles || profiles->empty()) return {};
        const auto* profile = profiles->front();
        const auto found = profile->files.permissions(profile->files.match(profile->files_start, program.path), program.owned);
        return exec_rule_text(*profile, found.target);
    }

    // --- other ways to change the profile ---

    static bool may_change(const Confining& profiles, std::string_view name) {
        return std::all_of(profiles.begin(), profiles.end(), [&](const Profile* profile) {
            if (profile->files.empty()) return false;
            const StateId state = profile->files.match(profile->files_start, name);
            return (profile->files.permissions(state, true).allow & permission::kChangeProfile) != 0;
        });
    }

    // What only ours may change to is a difference of the rules.
    Result<void> follow_changes(const Pair& pair, const Confining& ours, const Confining& theirs) {
        const auto changes = [this](const Profile* profile) { return kinds_of(*profile).changes; };
        if (!std::ranges::all_of(ours, changes) || !std::ranges::all_of(theirs, changes)) return {};
        for (const auto* profile : TRY(ours_.all())) {
            if (!may_change(ours, profile->name) || !may_change(theirs, profile->name)) continue;
            const std::string step = concat({"change_profile -> ", profile->name});
            if (TRY(theirs_.find(profile->name)) == nullptr) {
                gain(pair, {mediation::kFile, step, step});
            } else {
                want(profile->name, profile->name, longer(pair.way, step));
            }
        }
        return {};
    }

    // A hat that theirs does not have counts with what the profile itself is allowed there.
    Result<void> follow_hats(const Pair& pair) {
        if (pair.ours.find("//&") != std::string::npos || pair.theirs.find("//&") != std::string::npos) return {};
        for (const auto* child : TRY(ours_.list(pair.ours, {}))) {
            if (!child->hat) continue;
            const std::string name = concat({pair.theirs, "//", child->local_name()});
            const Profile* other = TRY(theirs_.find(name));
            want(child->name, other != nullptr && other->hat ? name : pair.theirs, longer(pair.way, concat({"hat ", child->local_name()})));
        }
        return {};
    }

    Policy& ours_;
    Policy& theirs_;
    Budget& budget_;
    std::size_t most_;
    std::vector<Pair> pairs_;
    std::set<std::pair<std::string, std::string>> wanted_;
    std::map<const Profile*, Kinds> kinds_;  // of those that were asked about
    Inclusion result_;
};

}  // namespace

Result<Inclusion> inclusion(const LabelIn& ours, const LabelIn& theirs, Budget& budget, std::size_t most) {
    return Search(ours, theirs, budget, most).run();
}

}  // namespace aa::apparmor
