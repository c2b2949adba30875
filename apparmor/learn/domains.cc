// SPDX-License-Identifier: Apache-2.0
#include "apparmor/learn/domains.h"

#include <algorithm>
#include <utility>

#include "apparmor/learn/proposal.h"
#include "apparmor/policy/transition.h"
#include "base/text.h"

namespace aa::apparmor {

namespace {

// Who executes so many programs is a shell: these are its tools.
constexpr std::size_t kTools = 4;
// So many candidates are judged; the rest stays.
constexpr std::size_t kMostCandidates = 64;

// Programs that would share one child, as one of them executes another one, or both execute one that has a power.
struct Candidate {
    std::set<std::string> roots;
    std::set<std::string> programs;
    std::set<Power> takes, is_without;
};

class Dividing {
public:
    Dividing(const ExecGraph& graph, const Surroundings& around, std::string profile, Policy& before, const Allows& allows)
        : graph_(graph), around_(around), profile_(std::move(profile)), before_(before), allows_(allows) {}

    Result<Domains> run() {
        for (const auto& start : around_.starts) starts_.insert(executed_as(start));
        TRY(begin());
        std::vector<Candidate> candidates;
        do {
            candidates = take_candidates();
        } while (TRY(stay(candidates)));
        for (const auto& candidate : candidates) TRY(give_child(candidate));
        return result();
    }

private:
    // What needs no decision: first programs, and what the rules lead to from there.
    Result<void> begin() {
        for (const auto& start : starts_) TRY(enter(profile_, start));
        for (const auto& command : around_.commands) {
            const auto program = executed_as(command.program);
            if (command.label.empty()) {
                from_outside_.insert(program);
                waiting_.insert(program);
            } else {
                TRY(enter(is_ours(command.label) ? command.label : profile_, program));
            }
        }
        for (const auto& [pattern, program] : graph_.programs()) {
            if (graph_.is_first(pattern) && !from_outside_.contains(pattern) && !is_somewhere(pattern)) TRY(enter(profile_, pattern));
        }
        return {};
    }

    [[nodiscard]] bool is_ours(std::string_view label) const { return label == profile_ || parent_of(label) == profile_; }
    [[nodiscard]] bool is_somewhere(const std::string& program) const {
        return std::any_of(domains_.begin(), domains_.end(), [&](const auto& one) { return one.second.contains(program); });
    }

    // PROGRAM runs under LABEL, and so does what it executes, if nothing else is said.
    Result<void> enter(const std::string& label, const std::string& program) {
        std::vector<std::pair<std::string, std::string>> rest = {{label, program}};
        while (!rest.empty()) {
            const auto [under, next] = std::move(rest.back());
            rest.pop_back();
            if (!domains_[under].insert(next).second) continue;
            for (const auto& target : graph_.executed_by(next)) {
                const auto known = TRY(leads_to(under, target));
                if (!known && under == profile_) {
                    executed_.insert(target);
                    waiting_.insert(target);
                } else {
                    rest.emplace_back(known.value_or(under), target);
                }
            }
        }
        return {};
    }

    // Where the rules that are there lead who executes PROGRAM under LABEL; nothing, if they do not let it.
    Result<std::optional<std::string>> leads_to(const std::string& label, const std::string& program) {
        if (TRY(before_.find(label)) == nullptr) return std::optional<std::string>();
        for (const bool owned : {false, true}) {
            const auto outcome = TRY(exec_transition(before_, label, {graph_.programs().at(program).name, owned, {}}));
            if (outcome.allowed) return std::optional(is_ours(outcome.label) ? outcome.label : profile_);
        }
        return std::optional<std::string>();
    }

    // A child would be no narrower than the whole if its programs came back to a first one.
    [[nodiscard]] bool can_be_child(const std::string& program) const {
        const auto found = graph_.programs().find(program);
        if (found == graph_.programs().end()) return false;
        const auto& name = found->second.name;
        const auto all = graph_.all_from(program);
        return is_plain_name(called(name)) &&
               std::none_of(all.begin(), all.end(), [&](const std::string& one) { return starts_.contains(one); });
    }
    static std::string called(const std::string& name) { return name.substr(name.rfind('/') + 1); }

    // The candidates among the programs that wait.
    std::vector<Candidate> take_candidates() {
        std::vector<Candidate> candidates;
        for (const auto& program : waiting_) {
            if (in_main(program)) continue;
            Candidate one{{program}, graph_.all_from(program), {}, {}};
            for (auto other = candidates.begin(); other != candidates.end();) {
                if (!belong_together(one, *other)) {
                    ++other;
                    continue;
                }
                one.roots.merge(other->roots);
                one.programs.merge(other->programs);
                other = candidates.erase(other);
            }
            candidates.push_back(std::move(one));
        }
        return candidates;
    }

    [[nodiscard]] bool in_main(const std::string& program) const {
        const auto main = domains_.find(profile_);
        return main != domains_.end() && main->second.contains(program);
    }

    [[nodiscard]] bool belong_together(const Candidate& a, const Candidate& b) const {
        return std::any_of(a.programs.begin(), a.programs.end(), [&](const std::string& program) {
            if (!b.programs.contains(program)) return false;
            const auto facts = facts_of({program});
            return std::any_of(facts.begin(), facts.end(), [](const Seen& one) { return power_of(*one.fact).has_value(); });
        });
    }

    // Has those of CANDIDATES stay that get no child, and says whether there are any: the others are to be judged once more then.
    Result<bool> stay(std::vector<Candidate>& candidates) {
        const auto main = facts_of(domains_[profile_]);
        std::vector<std::string> staying;
        for (std::size_t at = 0; at < candidates.size(); ++at) {
            auto& one = candidates[at];
            const bool is_wanted = at < kMostCandidates && can_all_be_children(one) && TRY(is_tighter(one, main));
            auto* held = is_wanted ? held_by(one) : nullptr;
            if (held != nullptr) held->insert(one.roots.begin(), one.roots.end());
            // With what is held back stays what would be in its child.
            if (held != nullptr) staying.insert(staying.end(), one.programs.begin(), one.programs.end());
            if (!is_wanted) staying.insert(staying.end(), one.roots.begin(), one.roots.end());
        }
        for (const auto& program : staying) TRY(enter(profile_, program));
        return !staying.empty();
    }

    [[nodiscard]] bool can_all_be_children(const Candidate& one) const {
        return std::all_of(one.roots.begin(), one.roots.end(), [&](const std::string& root) { return can_be_child(root); });
    }
    // The list of those that are kept from a child as CANDIDATE is, which is wanted; null: it is not. From outside nothing is in the way.
    std::set<std::string>* held_by(const Candidate& candidate) {
        const auto is_executed = [&](const std::string& root) { return executed_.contains(root); };
        const auto cannot_be_loaded = [&](const std::string& root) { return is_executed(root) && around_.not_loaded.contains(root); };
        if (!around_.may_change && std::ranges::any_of(candidate.roots, is_executed)) return &held_back_;
        return std::ranges::any_of(candidate.roots, cannot_be_loaded) ? &not_loaded_ : nullptr;
    }

    // Whether a child takes something from CANDIDATE and from MAIN, the facts of the rest.
    Result<bool> is_tighter(Candidate& candidate, const std::vector<Seen>& main) {
        const auto own = facts_of(candidate.programs);
        candidate.takes = TRY(powers_beyond(true, main, own));
        if (is_tool(candidate)) std::erase_if(candidate.takes, [](Power power) { return power != Power::network; });
        if (candidate.takes.empty()) return false;
        auto have = facts_of({""});
        have.insert(have.end(), own.begin(), own.end());
        candidate.is_without = TRY(powers_beyond(false, have, main));
        return !candidate.is_without.empty();
    }

    // The powers of FACTS that a profile for HAVE would not allow.
    Result<std::set<Power>> powers_beyond(bool itself, const std::vector<Seen>& have, const std::vector<Seen>& facts) {
        std::vector<Seen> asked;
        for (const auto& one : facts) {
            if (power_of(*one.fact)) asked.push_back(one);
        }
        std::set<Power> beyond;
        if (asked.empty()) return beyond;
        const auto allowed = TRY(allows_(itself, have, asked));
        for (std::size_t at = 0; at < asked.size(); ++at) {
            if (!allowed[at]) beyond.insert(*power_of(*asked[at].fact));
        }
        return beyond;
    }

    [[nodiscard]] bool is_tool(const Candidate& candidate) const {
        const auto main = domains_.find(profile_);
        return main != domains_.end() && std::any_of(main->second.begin(), main->second.end(), [&](const std::string& program) {
                   const auto& executes = graph_.executed_by(program);
                   return executes.size() >= kTools && std::any_of(candidate.roots.begin(), candidate.roots.end(),
                                                                   [&](const std::string& root) { return executes.contains(root); });
               });
    }

    [[nodiscard]] std::vector<Seen> facts_of(const std::set<std::string>& programs) const {
        std::vector<Seen> facts;
        for (const auto& program : programs) {
            const auto found = graph_.programs().find(program);
            if (found != graph_.programs().end()) facts.insert(facts.end(), found->second.facts.begin(), found->second.facts.end());
        }
        return facts;
    }

    // A child is called after that of its first programs that did the most.
    Result<void> give_child(const Candidate& candidate) {
        std::size_t most = 0;
        Domain child;
        for (const auto& root : candidate.roots) {
            const auto& program = graph_.programs().at(root);
            if (!child.named_after.empty() && program.facts.size() <= most) continue;
            most = program.facts.size();
            child.named_after = program.name;
        }
        child.label = TRY(new_label(called(child.named_after)));
        child.takes = candidate.takes;
        child.is_without = candidate.is_without;
        for (const auto& root : candidate.roots) {
            TRY(enter(child.label, root));
            if (executed_.contains(root)) children_[root] = child.label;
            if (from_outside_.contains(root)) from_outside_children_[root] = child.label;
        }
        new_.emplace(child.label, std::move(child));
        return {};
    }

    Result<std::string> new_label(const std::string& name) {
        for (unsigned number = 1;; ++number) {
            auto label = concat({profile_, "//", name, number == 1 ? "" : "-" + std::to_string(number)});
            if (!domains_.contains(label) && TRY(before_.find(label)) == nullptr) return label;
        }
    }

    Domains result() {
        Domains result;
        domains_[profile_].insert("");
        for (const auto& [label, programs] : domains_) {
            const auto known = new_.find(label);
            auto domain = known == new_.end() ? Domain{label, {}, {}, {}, {}} : known->second;
            domain.programs = programs;
            result.all.push_back(std::move(domain));
        }
        for (const auto& command : around_.commands) {
            const auto child = from_outside_children_.find(executed_as(command.program));
            if (child != from_outside_children_.end()) result.commands.emplace(command.program, child->second);
        }
        result.executed = children_;
        result.held_back = held_back_;
        result.not_loaded = not_loaded_;
        return result;
    }

    const ExecGraph& graph_;
    const Surroundings& around_;
    std::string profile_;
    Policy& before_;
    const Allows& allows_;
    std::map<std::string, std::set<std::string>> domains_;  // programs by the label under which they run
    std::set<std::string> starts_, from_outside_;
    std::set<std::string> waiting_;   // programs that are to be decided about
    std::set<std::string> executed_;  // those of them that programs of the profile itself execute
    std::map<std::string, std::string> children_, from_outside_children_;
    std::map<std::string, Domain> new_;
    std::set<std::string> held_back_, not_loaded_;
};

}  // namespace

Result<Domains> domains_of(const ExecGraph& graph, const Surroundings& around, const std::string& profile, Policy& before,
                           const Allows& allows) {
    return Dividing(graph, around, profile, before, allows).run();
}

}  // namespace aa::apparmor
