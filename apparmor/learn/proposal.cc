// SPDX-License-Identifier: Apache-2.0
#include "apparmor/learn/proposal.h"

#include <algorithm>
#include <deque>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "apparmor/algebra/inclusion.h"
#include "apparmor/audit/risk.h"
#include "apparmor/audit/rule.h"
#include "apparmor/learn/profile_text.h"
#include "apparmor/learn/rules.h"
#include "apparmor/learn/shares.h"
#include "apparmor/policy/transition.h"
#include "apparmor/source/profile_rules.h"
#include "base/text.h"

namespace aa::apparmor {

namespace {

constexpr std::size_t kShown = 5;  // of what is in the way
// What the parser lets a profile read that has children: whether AppArmor is on.
constexpr std::string_view kOfParents = "owner r /sys/module/apparmor/parameters/enabled";

// Why FACT is never proposed, whatever the bound; empty: it is.
std::string why_never(const Fact& fact, std::string_view profile) {
    auto event = fact.event;
    event.type = EventType::allowed;
    if (event.teller == Teller::process) return "a process told it, not the kernel";
    const auto risked = risk_of(event);
    auto risk = concat({risk_name(risked.risk), ": ", risked.reason});
    if (fact.event.type == EventType::denied || fact.event.type == EventType::killed) return concat({"it was denied; ", risk});
    if (risked.risk == Risk::high || risked.risk == Risk::never) return risk;
    if (exact_rule(fact, profile).empty()) {
        const auto remedy = remedy_for(event);
        return remedy.advice.empty() ? "no rule allows it" : remedy.advice;
    }
    if (event.operation == "setrlimit") return "limits are the engine's to set";
    return {};
}

// What one label of the proposal is about.
struct Part {
    const Domain& domain;
    std::vector<Seen> facts;  // that it is to allow
    std::vector<Seen> news;   // those of them that it does not allow yet
};

class Proposing {
public:
    Proposing(const Recording& recording, const ProposalSettings& settings) : settings_(settings) {
        for (const auto& [fact, count] : recording.facts()) facts_.push_back({&fact, count});
        facts_ = without_foreign(facts_);
        around_ = {{}, settings.commands, !settings.no_new_privileges && recording.all_may_gain(), {}};
        for (const auto& [program, count] : recording.starts()) around_.starts.push_back(program);
    }

    Result<Proposal> run() {
        before_ = settings_.existing.empty() ? base_profile(settings_.profile, settings_.confinement) : settings_.existing;
        old_ = TRY(policy_of(before_));
        TRY(find_why());
        TRY(divide());
        TRY(set_apart());
        TRY(write());
        for (const auto& part : parts_) {
            for (const auto& one : part.facts) add_capability(one.fact->event);
        }
        TRY(set_links_apart());
        TRY(prove());
        return std::move(proposal_);
    }

private:
    [[nodiscard]] Result<std::unique_ptr<PolicySet>> policy_of(const std::string& text) const {
        return std::make_unique<PolicySet>(TRY(compile_text(settings_.parser, text, settings_.profile, settings_.features)));
    }

    // Why facts are not proposed, whatever profile it would be for.
    Result<void> find_why() {
        const auto within = TRY(allowed_facts(facts_, settings_.bound, settings_.parser, settings_.features));
        for (std::size_t at = 0; at < facts_.size(); ++at) {
            auto why = why_apart(*facts_[at].fact, within[at]);
            if (!why.empty()) why_.emplace(facts_[at].fact, std::move(why));
        }
        return {};
    }

    [[nodiscard]] std::string why_apart(const Fact& fact, bool within) const {
        auto why = why_never(fact, settings_.profile);
        if (!why.empty()) return why;
        if (!within) return concat({"it is beyond ", quote(settings_.bound.label)});
        return is_beyond_ceiling(fact.event) ? "it is beyond the ceiling of the confinement" : "";
    }

    // Without a first program nobody knows who executes, and who is executed.
    Result<void> divide() {
        ExecGraph graph;
        for (const auto& one : facts_) {
            if (!why_.contains(one.fact)) graph.add(one);
        }
        if (around_.starts.empty()) around_.may_change = false;
        TRY(find_not_loaded());
        const Allows allows = [this](bool itself, const std::vector<Seen>& have, const std::vector<Seen>& asked) {
            return would_allow(itself, have, asked);
        };
        domains_ = TRY(domains_of(graph, around_, settings_.profile, *old_, allows));
        shares_.emplace(facts_, domains_);
        proposal_.made = shares_->made();
        for (std::size_t at = 0; at < domains_.all.size(); ++at) {
            const auto& domain = domains_.all[at];
            parts_.push_back({domain, shares_->of(at), {}});
            labels_.push_back(domain.label);
            if (!domain.named_after.empty()) proposal_.children.emplace_back(domain.label, domain.named_after);
        }
        proposal_.commands = domains_.commands;
        proposal_.held_back = domains_.held_back;
        proposal_.not_loaded = domains_.not_loaded;
        return {};
    }

    // The kernel asks again about what a program is made of, its own file and the interpreter of a script, where its label is another one.
    Result<void> find_not_loaded() {
        std::deque<Fact> made;
        std::vector<Seen> loaded;
        for (const auto& one : facts_) {
            const auto& event = one.fact->event;
            if (event.operation == "exec") loaded.push_back({&made.emplace_back(loading(*one.fact)), one.count});
            if (event.operation == kInherited && event.denied.find('m') != std::string::npos) loaded.push_back(one);
        }
        const auto within = TRY(allowed_facts(loaded, settings_.bound, settings_.parser, settings_.features));
        for (std::size_t at = 0; at < loaded.size(); ++at) {
            if (!within[at]) around_.not_loaded.insert(executed_as(loaded[at].fact->program));
        }
        return {};
    }

    // Execs are left out: they are no power, and where they lead is not decided yet.
    Result<std::vector<bool>> would_allow(bool itself, std::vector<Seen> have, const std::vector<Seen>& asked) const {
        std::erase_if(have, [](const Seen& one) { return one.fact->event.operation == "exec"; });
        const auto base = itself ? before_ : base_profile(settings_.profile, settings_.confinement);
        const auto rules = TRY(rules_for(have));
        const auto policy = TRY(policy_of(TRY(with_rules(base, settings_.profile, rules))));
        return allowed_facts(asked, {*policy, settings_.profile}, settings_.parser, settings_.features);
    }

    // For each of FACTS whether LABEL of POLICY allows it, whichever of the labels its peer has.
    Result<std::vector<bool>> allowed(const std::vector<Seen>& facts, PolicySet& policy, std::string_view label) const {
        const Expanded expanded(facts, labels_);
        return expanded.collected(TRY(allowed_facts(expanded.facts(), {policy, label}, settings_.parser, settings_.features)));
    }

    Result<std::string> with_children(std::string text) const {
        for (const auto& domain : domains_.all) {
            if (!domain.named_after.empty()) text = TRY(with_child(text, settings_.profile, domain));
        }
        return text;
    }

    // Takes what is not proposed out of the facts, and finds those that are new.
    Result<void> set_apart() {
        const auto policy = TRY(policy_of(TRY(with_children(before_))));
        for (auto& part : parts_) {
            const auto allowed_now = TRY(allowed(part.facts, *policy, part.domain.label));
            std::vector<Seen> rest;
            for (std::size_t at = 0; at < part.facts.size(); ++at) {
                const auto& seen = part.facts[at];
                const auto why = why_.find(seen.fact);
                if (!allowed_now[at] && why != why_.end()) {
                    put_apart(seen, why->second);
                    continue;
                }
                rest.push_back(seen);
                if (!allowed_now[at]) part.news.push_back(seen);
            }
            part.facts = std::move(rest);
        }
        return {};
    }

    void put_apart(const Seen& seen, const std::string& why) {
        const auto is_it = [&](const Apart& one) { return one.seen.fact == seen.fact; };
        if (std::none_of(proposal_.apart.begin(), proposal_.apart.end(), is_it))
            proposal_.apart.push_back({seen, exact_rule(*seen.fact, settings_.profile), why});
    }

    // A link has to allow no more than its file does: which only the rules for both can tell.
    Result<void> set_links_apart() {
        const auto policy = TRY(policy_of(proposal_.text));
        for (auto& part : parts_) {
            const auto allowed_now = TRY(allowed(part.facts, *policy, part.domain.label));
            std::vector<Seen> rest;
            for (std::size_t at = 0; at < part.facts.size(); ++at) {
                if (allowed_now[at] || part.facts[at].fact->event.operation != "link") {
                    rest.push_back(part.facts[at]);
                } else {
                    put_apart(part.facts[at], "its file allows less than the link would");
                }
            }
            part.facts = std::move(rest);
        }
        return {};
    }

    // The profile's own rules stand before the new children.
    Result<void> write() {
        proposal_.text = before_;
        for (auto& part : parts_) {
            auto rules = TRY(rules_of(part));
            if (!rules.empty()) proposal_.text = TRY(with_rules(proposal_.text, part.domain.label, rules));
            if (&part == &parts_.front()) proposal_.text = TRY(with_children(proposal_.text));
            std::move(rules.begin(), rules.end(), std::back_inserter(proposal_.rules));
        }
        return {};
    }

    Result<std::vector<LearnedRule>> rules_of(const Part& part) const {
        const bool is_child = part.domain.label != settings_.profile;
        std::vector<Seen> rest;
        std::map<std::string, LearnedRule> into;
        for (const auto& one : part.news) {
            const auto* child = is_child ? nullptr : child_of(*one.fact);
            if (child == nullptr) {
                rest.push_back(one);
                continue;
            }
            const auto text = concat({executed_as(one.fact->event.name), " Cx -> ", child->substr(settings_.profile.size() + 2)});
            auto& rule = into.try_emplace(text, LearnedRule{Area::children, text, {}}).first->second;
            rule.seen.push_back(one);
        }
        auto rules = TRY(rules_for(rest));
        for (auto& [text, rule] : into) rules.push_back(std::move(rule));
        for (auto& rule : rules) rule.label = is_child ? part.domain.label : std::string();
        std::ranges::sort(rules, {}, [](const LearnedRule& rule) { return std::pair(rule.area, std::string_view(rule.text)); });
        return rules;
    }

    // The new child to which FACT of the profile's own leads; null: it leads to none.
    [[nodiscard]] const std::string* child_of(const Fact& fact) const {
        if (fact.event.operation != "exec") return nullptr;
        const auto found = domains_.executed.find(executed_as(fact.event.name));
        return found == domains_.executed.end() ? nullptr : &found->second;
    }

    // Where a rule about many files is beyond the bound, it is made of the names themselves.
    Result<std::vector<LearnedRule>> rules_for(const std::vector<Seen>& news) const {
        auto learned = learned_rules(news, settings_.profile);
        std::vector<std::string> texts;
        for (const auto& rule : learned) {
            if (is_about_files(rule)) texts.push_back(rule.text);
        }
        const auto within = TRY(allowed_rules(texts, settings_.bound, settings_.parser, settings_.features));
        std::vector<LearnedRule> rules;
        std::size_t asked = 0;
        for (auto& rule : learned) {
            if (!is_about_files(rule) || within[asked++]) {
                rules.push_back(std::move(rule));
                continue;
            }
            for (const auto& one : rule.seen) rules.push_back({rule.area, exact_rule(*one.fact, settings_.profile), {one}});
        }
        std::ranges::sort(rules, {}, [](const LearnedRule& rule) { return std::pair(rule.area, std::string_view(rule.text)); });
        return merged(std::move(rules));
    }

    static bool is_about_files(const LearnedRule& rule) {
        const auto& event = rule.seen.front().fact->event;
        return event.is_of_file() && event.operation != "link";
    }

    static std::vector<LearnedRule> merged(std::vector<LearnedRule> rules) {
        std::vector<LearnedRule> result;
        for (auto& rule : rules) {
            if (!result.empty() && result.back().text == rule.text) {
                std::move(rule.seen.begin(), rule.seen.end(), std::back_inserter(result.back().seen));
            } else {
                result.push_back(std::move(rule));
            }
        }
        return result;
    }

    static std::optional<unsigned> capability_of(const Event& event) {
        return event.operation == "capable" ? capability_number(concat({"CAP_", event.capability})) : std::nullopt;
    }
    void add_capability(const Event& event) {
        if (const auto number = capability_of(event)) proposal_.capabilities.add(*number);
    }
    [[nodiscard]] bool is_beyond_ceiling(const Event& event) const {
        const auto number = capability_of(event);
        return event.operation == "capable" && (!number || !settings_.ceiling.has(*number));
    }

    Result<void> prove() const {
        const auto policy = TRY(policy_of(proposal_.text));
        for (const auto& part : parts_) {
            const auto& label = part.domain.label;
            TRY(prove_that_all_is_allowed(part, *policy));
            const auto& was = TRY(old_->find(label)) == nullptr ? settings_.profile : label;
            const auto never = TRY(gained_of_never({*policy, label}, {*old_, was}, settings_.parser, settings_.features));
            if (!never.empty()) return unproved(label, "it allows nothing that no container should be able to do", never);
            TRY(prove_the_bound(label, *policy));
        }
        return {};
    }

    Result<void> prove_that_all_is_allowed(const Part& part, PolicySet& policy) const {
        const auto& label = part.domain.label;
        const auto allowed_now = TRY(allowed(part.facts, policy, label));
        std::vector<std::string> missing;
        for (std::size_t at = 0; at < part.facts.size(); ++at) {
            const auto& fact = *part.facts[at].fact;
            if (!allowed_now[at] || !TRY(leads_where_it_should(fact, label, policy))) missing.push_back(exact_rule(fact, label));
        }
        return missing.empty() ? Result<void>() : unproved(label, "it allows what was seen", missing);
    }

    // Whether the exec FACT, if it leads to a new child, does.
    Result<bool> leads_where_it_should(const Fact& fact, const std::string& label, PolicySet& policy) const {
        const auto* child = label == settings_.profile ? child_of(fact) : nullptr;
        if (child == nullptr) return true;
        return TRY(exec_transition(policy, label, {fact.event.name, fact.owned(), {}})).label == *child;
    }

    // With what its execs lead to; to a child that is entered from outside alone nothing leads.
    Result<void> prove_the_bound(const std::string& label, PolicySet& policy) const {
        Budget budget;
        auto found = TRY(inclusion({&policy, label}, {&settings_.bound.policy, std::string(settings_.bound.label)}, budget));
        if (found.all_listed) std::erase_if(found.gains, [](const Gain& gain) { return gain.allowance.rule == kOfParents; });
        if (found.included()) return {};
        auto which = found.unproved;
        for (const auto& gain : found.gains) which.push_back(concat({gain.allowance.rule, gain.way.empty() ? "" : " after ", gain.way}));
        return unproved(label, concat({"it allows nothing beyond ", quote(settings_.bound.label)}), which);
    }

    [[nodiscard]] static Error unproved(std::string_view label, std::string_view what, std::vector<std::string> which) {
        if (which.size() > kShown) {
            which.resize(kShown);
            which.emplace_back("and more");
        }
        return {ErrorKind::config,
                concat({"nothing is proposed, as it is not proved of profile ", quote(label), " that ", what, ": ", join(which, "; ")})};
    }

    const ProposalSettings& settings_;
    std::vector<Seen> facts_;
    Surroundings around_;
    std::string before_;
    std::unique_ptr<PolicySet> old_;  // what BEFORE_ is compiled to
    std::map<const Fact*, std::string> why_;
    Domains domains_;
    std::optional<Shares> shares_;
    std::vector<Part> parts_;
    std::vector<std::string> labels_;  // of all parts
    Proposal proposal_;
};

}  // namespace

Result<Proposal> propose(const Recording& recording, const ProposalSettings& settings) {
    if (!is_plain_name(settings.profile) || !is_plain_name(settings.confinement)) {
        return Error{ErrorKind::config, concat({"no profile can be called ", quote(settings.profile),
                                                ": give the confinement a name of letters, digits, \".\", \"_\" and \"-\""})};
    }
    return Proposing(recording, settings).run();
}

bool is_plain_name(std::string_view name) {
    return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    });
}

}  // namespace aa::apparmor
