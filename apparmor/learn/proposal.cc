// SPDX-License-Identifier: Apache-2.0
#include "apparmor/learn/proposal.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "apparmor/algebra/inclusion.h"
#include "apparmor/audit/risk.h"
#include "apparmor/audit/rule.h"
#include "apparmor/learn/profile_text.h"
#include "apparmor/learn/rules.h"
#include "apparmor/source/profile_rules.h"
#include "base/text.h"

namespace aa::apparmor {

namespace {

constexpr std::size_t kShown = 5;  // of what is in the way

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

Result<std::vector<Profile>> compiled(const std::string& text, const ProposalSettings& settings) {
    return compile_text(settings.parser, text, settings.profile, settings.features);
}

class Proposing {
public:
    Proposing(const Recording& recording, const ProposalSettings& settings) : settings_(settings) {
        for (const auto& [fact, count] : recording.facts()) facts_.push_back({&fact, count});
    }

    Result<Proposal> run() {
        const auto before = settings_.existing.empty() ? base_profile(settings_.profile, settings_.confinement) : settings_.existing;
        const auto news = TRY(set_apart(before));
        proposal_.rules = TRY(rules_for(news));
        proposal_.text = proposal_.rules.empty() ? before : TRY(with_rules(before, settings_.profile, proposal_.rules));
        for (const auto& one : facts_) add_capability(one.fact->event);
        TRY(set_links_apart());
        TRY(prove(before));
        return std::move(proposal_);
    }

private:
    // Takes what is not proposed out of the facts; of the others those that the profile with the text BEFORE does not allow.
    Result<std::vector<Seen>> set_apart(const std::string& before) {
        PolicySet policy(TRY(compiled(before, settings_)));
        const auto allowed = TRY(allowed_facts(facts_, {policy, settings_.profile}, settings_.parser, settings_.features));
        const auto within = TRY(allowed_facts(facts_, settings_.bound, settings_.parser, settings_.features));
        std::vector<Seen> rest;
        std::vector<Seen> news;
        for (std::size_t at = 0; at < facts_.size(); ++at) {
            const auto& fact = *facts_[at].fact;
            auto why = allowed[at] ? std::string() : why_apart(fact, within[at]);
            if (!why.empty()) {
                proposal_.apart.push_back({facts_[at], exact_rule(fact, settings_.profile), std::move(why)});
                continue;
            }
            rest.push_back(facts_[at]);
            if (!allowed[at]) news.push_back(facts_[at]);
        }
        facts_ = std::move(rest);
        return news;
    }

    // A link has to allow no more than its file does: which only the rules for both can tell.
    Result<void> set_links_apart() {
        PolicySet policy(TRY(compiled(proposal_.text, settings_)));
        const auto allowed = TRY(allowed_facts(facts_, {policy, settings_.profile}, settings_.parser, settings_.features));
        std::vector<Seen> rest;
        for (std::size_t at = 0; at < facts_.size(); ++at) {
            const auto& fact = *facts_[at].fact;
            if (allowed[at] || fact.event.operation != "link") {
                rest.push_back(facts_[at]);
            } else {
                proposal_.apart.push_back({facts_[at], exact_rule(fact, settings_.profile), "its file allows less than the link would"});
            }
        }
        facts_ = std::move(rest);
        return {};
    }

    [[nodiscard]] std::string why_apart(const Fact& fact, bool within) const {
        auto why = why_never(fact, settings_.profile);
        if (!why.empty()) return why;
        if (!within) return concat({"it is beyond ", quote(settings_.bound.label)});
        return is_beyond_ceiling(fact.event) ? "it is beyond the ceiling of the confinement" : "";
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

    [[nodiscard]] Error unproved(std::string_view what, std::vector<std::string> which) const {
        if (which.size() > kShown) {
            which.resize(kShown);
            which.emplace_back("and more");
        }
        return {ErrorKind::config, concat({"nothing is proposed, as it is not proved of profile ", quote(settings_.profile), " that ", what,
                                           ": ", join(which, "; ")})};
    }

    Result<void> prove(const std::string& before) const {
        PolicySet policy(TRY(compiled(proposal_.text, settings_)));
        TRY(prove_that_all_is_allowed(policy));
        PolicySet old(TRY(compiled(before, settings_)));
        const auto never =
            TRY(gained_of_never({policy, settings_.profile}, {old, settings_.profile}, settings_.parser, settings_.features));
        if (!never.empty()) return unproved("it allows nothing that no container should be able to do", never);
        return prove_the_bound(policy);
    }

    Result<void> prove_that_all_is_allowed(Policy& policy) const {
        const auto allowed = TRY(allowed_facts(facts_, {policy, settings_.profile}, settings_.parser, settings_.features));
        std::vector<std::string> missing;
        for (std::size_t at = 0; at < facts_.size(); ++at) {
            if (!allowed[at]) missing.push_back(exact_rule(*facts_[at].fact, settings_.profile));
        }
        return missing.empty() ? Result<void>() : unproved("it allows what was seen", missing);
    }

    Result<void> prove_the_bound(PolicySet& policy) const {
        Budget budget;
        const auto found =
            TRY(inclusion({&policy, settings_.profile}, {&settings_.bound.policy, std::string(settings_.bound.label)}, budget));
        if (found.included()) return {};
        auto which = found.unproved;
        for (const auto& gain : found.gains) which.push_back(concat({gain.allowance.rule, gain.way.empty() ? "" : " after ", gain.way}));
        return unproved(concat({"it allows nothing beyond ", quote(settings_.bound.label)}), which);
    }

    const ProposalSettings& settings_;
    std::vector<Seen> facts_;
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
