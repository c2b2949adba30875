// SPDX-License-Identifier: Apache-2.0
#include "ctl/test/profiles.h"

#include <algorithm>
#include <set>
#include <utility>

#include "apparmor/algebra/inclusion.h"
#include "apparmor/algebra/spelling.h"
#include "apparmor/kernel/profile_name.h"
#include "apparmor/policy/automaton.h"
#include "base/text.h"

namespace aa::ctl::test {

namespace {

using apparmor::Allowance;
using apparmor::Answer;
using apparmor::Thing;
using apparmor::Verdict;

constexpr std::size_t kMostGains = 4;  // patterns of one class of one pair of labels: one is shown

// The text of what CASE asks, with the name of its label in place.
std::string thing_of(const ProfileCase& wanted) { return apparmor::with_profile_name(wanted.thing, wanted.label); }

// THING, of which nothing must be allowed: who may append to a file writes it.
Thing forbidden(const Thing& thing) {
    Thing result = thing;
    for (auto* permissions : {&result.files.owner, &result.files.other}) {
        if ((*permissions & apparmor::permission::kWrite) != 0) *permissions |= apparmor::permission::kAppend;
    }
    return result;
}

std::string shortest(const std::vector<Allowance>& allowances) {
    const auto found = std::min_element(allowances.begin(), allowances.end(), [](const Allowance& one, const Allowance& other) {
        return one.example.size() < other.example.size();
    });
    return found == allowances.end() ? std::string() : found->example;
}

// WITNESS as something that can be asked.
std::string as_thing(std::string_view witness) {
    constexpr std::string_view kOthers = "not the owner: ";
    constexpr std::string_view kExec = "exec ";
    if (witness.starts_with(kOthers)) witness.remove_prefix(kOthers.size());
    if (!witness.starts_with(kExec)) return std::string(witness);
    witness.remove_prefix(kExec.size());
    return concat({"x ", witness.substr(0, witness.find(' '))});
}

// Why ANSWER proves nothing about THING under LABEL; empty if it does.
std::string why_not_proved(const Answer& answer, const Thing& thing, std::string_view label) {
    const auto name = apparmor::class_name(thing.mediation_class);
    switch (answer.verdict) {
        case Verdict::unmediated:
            return concat({"the policy of ", quote(label), " does not mediate ", name, " (the parser cannot, or the abi switches it off)"});
        case Verdict::unasked:
            return concat({"this parser has no rule about ", name, " for the features at hand, and the policy of ", quote(label), " has"});
        case Verdict::unproved:
            return concat({"the policy of ", quote(label), " is too large for one question: ", answer.bound});
        case Verdict::complains:
            return concat({quote(label), " complains instead of denying"});
        case Verdict::allowed:
        case Verdict::denied:
        case Verdict::partly:
            return {};
    }
    return {};
}

Outcome not_proved(std::string_view expected, std::string why) { return {false, std::string(expected), "not proved", std::move(why), {}}; }

// A change of profile, any.
constexpr std::string_view kChange = "change_profile";

Result<bool> is_known(apparmor::Policy& policy, std::string_view profile) {
    return profile == apparmor::kUnconfined || TRY(policy.find(profile)) != nullptr;
}

// A profile at the top level to which an exec rule of LABEL leads and which no file defines, so that what is allowed there is not known; empty
// if there is none. A child that is missing is where its parent is: nowhere.
Result<std::string> unknown_target(apparmor::Policy& policy, std::string_view label) {
    for (const auto* profile : TRY(apparmor::confining_profiles(policy, label))) {
        for (const std::string_view target : profile->targets) {
            for (const auto name : apparmor::components(target.substr(target.starts_with('&') ? 1 : 0))) {
                const bool known = TRY(is_known(policy, name)) || TRY(is_known(policy, concat({profile->name, "//", name})));
                if (!known && apparmor::parent_of(name).empty())
                    return concat({"an exec leads to ", quote(name), ", which no file defines"});
            }
        }
    }
    return std::string();
}

// The same of CHANGE, which is kChange.
Result<std::string> unknown_change(const Thing& change, apparmor::Policy& policy, std::string_view label, apparmor::Budget& budget) {
    constexpr std::string_view kTo = " -> ";
    for (const auto& allowance : TRY(apparmor::ask(change, policy, label, budget)).allowed) {
        const auto at = allowance.example.rfind(kTo);
        const auto name = at == std::string::npos ? std::string_view() : std::string_view(allowance.example).substr(at + kTo.size());
        if (!TRY(is_known(policy, name.substr(name.starts_with('&') ? 1 : 0))))
            return concat({quote(allowance.rule), " leads to what no file defines"});
    }
    return std::string();
}

constexpr std::string_view kAllowed = "all of it allowed";
constexpr std::string_view kDenied = "nothing of it allowed";
constexpr std::string_view kWithin = "nothing allowed beyond";

}  // namespace

std::vector<apparmor::Complaint> ProfileAnswers::prepare(std::span<const Case> cases) {
    std::set<std::string> texts;
    for (const auto& one : cases) {
        const auto* wanted = std::get_if<ProfileCase>(&one.what);
        if (wanted == nullptr) continue;
        // Who asks about a label that is not there is told so by the case.
        (void)policy_.policy_of(wanted->label);
        if (wanted->question == Question::within) (void)policy_.policy_of(wanted->thing);
        if (wanted->question != Question::within) texts.insert(thing_of(*wanted));
    }
    texts.emplace(kChange);
    const std::vector<std::string> list(texts.begin(), texts.end());
    auto all = apparmor::compile_things(parser_, list, {}, features_);
    if (all) {
        for (auto& thing : *all) things_.emplace(thing.text, std::move(thing));
        return {};
    }
    std::vector<apparmor::Complaint> complaints;
    for (const auto& one : cases) {
        const auto* wanted = std::get_if<ProfileCase>(&one.what);
        if (wanted == nullptr || wanted->question == Question::within) continue;
        const auto text = thing_of(*wanted);
        if (const auto alone = apparmor::compile_things(parser_, {&text, 1}, {}, features_); !alone)
            complaints.push_back({one.origin, alone.error().message});
    }
    if (complaints.empty()) complaints.push_back({cases.front().origin, all.error().message});
    return complaints;
}

Outcome ProfileAnswers::answer(const ProfileCase& wanted) {
    const auto [ask, expected] = wanted.question == Question::may       ? std::pair(&ProfileAnswers::answer_may, kAllowed)
                                 : wanted.question == Question::may_not ? std::pair(&ProfileAnswers::answer_may_not, kDenied)
                                                                        : std::pair(&ProfileAnswers::answer_within, kWithin);
    auto outcome = (this->*ask)(wanted);
    return outcome ? *std::move(outcome) : untold(std::string(expected), outcome.error());
}

Result<Outcome> ProfileAnswers::answer_may(const ProfileCase& wanted) {
    const auto& thing = things_.at(thing_of(wanted));
    apparmor::Budget budget;
    const auto answer = TRY(apparmor::ask(thing, *TRY(policy_.policy_of(wanted.label)), wanted.label, budget));
    if (answer.verdict == Verdict::allowed) return Outcome{true, {}, {}, {}, {}};
    if (auto why = why_not_proved(answer, thing, wanted.label); !why.empty()) return not_proved(kAllowed, std::move(why));
    const auto witness = shortest(answer.denied);
    auto rules = to_blame(wanted.label, witness, &thing, true);
    std::string why = rules.empty() ? concat({"no rule of ", quote(wanted.label), " allows it"}) : "a rule denies it";
    return Outcome{false, std::string(kAllowed), concat({"denied ", quote(witness)}), std::move(why), std::move(rules)};
}

Result<Outcome> ProfileAnswers::answer_may_not(const ProfileCase& wanted) {
    const auto thing = forbidden(things_.at(thing_of(wanted)));
    const auto* reached = TRY(reachable(wanted.label));
    apparmor::Budget budget;
    std::string unknown;
    for (const auto& [label, capabilities, how] : reached->labels) {
        const bool is_own = &label == &reached->labels.front().label;
        if (wanted.alone && !is_own) break;
        auto& policy = *TRY(policy_.policy_of(wanted.label));
        const auto answer = TRY(apparmor::ask(thing, policy, label, budget));
        if (answer.verdict == Verdict::denied) {
            const auto way = wanted.alone ? std::string() : TRY(unknown_way(policy, label, budget));
            if (!way.empty() && unknown.empty()) unknown = concat({"under ", quote(label), ", ", way});
            continue;
        }
        const std::string where = is_own ? std::string() : concat({"under ", quote(label), ", where processes get by ", how});
        if (auto why = why_not_proved(answer, thing, label); !why.empty())
            return not_proved(kDenied, where.empty() ? std::move(why) : concat({why, ", ", where}));
        const auto witness = shortest(answer.allowed);
        const std::string got = witness.empty() ? "everything allowed" : concat({"allowed ", quote(witness)});
        return Outcome{false, std::string(kDenied), got, where, to_blame(label, witness, &thing, false)};
    }
    if (!unknown.empty()) return not_proved(kDenied, std::move(unknown));
    if (!wanted.alone && !reached->all_listed)
        return not_proved(kDenied, concat({"processes of ", quote(wanted.label), " get to too many labels"}));
    return Outcome{true, {}, {}, {}, {}};
}

Result<Outcome> ProfileAnswers::answer_within(const ProfileCase& wanted) {
    (void)TRY(policy_.policy_of(wanted.thing));
    auto* policy = TRY(policy_.policy_of(wanted.label));  // which has both
    apparmor::Budget budget;
    const auto found = TRY(apparmor::inclusion({policy, wanted.label}, {policy, wanted.thing}, budget, kMostGains));
    if (found.included()) return Outcome{true, {}, {}, {}, {}};
    if (found.gains.empty()) return not_proved(kWithin, join(found.unproved, "; "));
    const auto gain = std::min_element(found.gains.begin(), found.gains.end(), [](const apparmor::Gain& one, const apparmor::Gain& other) {
        return std::pair(one.way.size(), one.allowance.example.size()) < std::pair(other.way.size(), other.allowance.example.size());
    });
    const auto& witness = gain->allowance.example;
    std::string why = gain->way.empty()
                          ? std::string()
                          : concat({"after ", gain->way, " under ", quote(gain->ours), ", and not under ", quote(gain->theirs)});
    return Outcome{false, std::string(kWithin), concat({"allowed ", quote(witness)}), std::move(why),
                   to_blame(gain->ours, witness, nullptr, false)};
}

Result<std::string> ProfileAnswers::unknown_way(apparmor::Policy& policy, const std::string& label, apparmor::Budget& budget) {
    const auto known = unknown_ways_.find(label);
    if (known != unknown_ways_.end()) return known->second;
    auto way = TRY(unknown_target(policy, label));
    if (way.empty()) way = TRY(unknown_change(things_.find(kChange)->second, policy, label, budget));
    return unknown_ways_.emplace(label, std::move(way)).first->second;
}

Result<const apparmor::Reachable*> ProfileAnswers::reachable(const std::string& label) {
    const auto known = reachable_.find(label);
    if (known != reachable_.end()) return &known->second;
    return &reachable_.emplace(label, TRY(policy_.reachable(label))).first->second;
}

// None where the source cannot be read: which rules they are is more than was asked.
const std::vector<apparmor::RuleAlone>& ProfileAnswers::source_rules(const std::string& label) {
    const auto [at, is_new] = source_rules_.try_emplace(label);
    if (!is_new) return at->second;
    const auto policy = policy_.policy_of(label);
    const auto files = policy_.files();
    if (!policy || !files) return at->second;
    std::vector<std::string> sources;
    for (const auto component : apparmor::components(label)) {
        const auto defining = (*files)->defining(apparmor::top_level(component));
        if (defining) sources.insert(sources.end(), defining->begin(), defining->end());
    }
    if (auto rules = rules_of_label(**policy, label, sources, features_)) at->second = *std::move(rules);
    return at->second;
}

// Those rules of LABEL that allow WITNESS, or deny it; where that is nothing that can be asked, those about THING, if there is one.
std::vector<Blamed> ProfileAnswers::to_blame(const std::string& label, const std::string& witness, const Thing* thing, bool denies) {
    const auto& alone = source_rules(label);
    if (alone.empty()) return {};
    const std::vector<std::string> text = {as_thing(witness)};
    const auto compiled = apparmor::compile_things(parser_, text, label, features_);
    if (!compiled && thing == nullptr) return {};
    auto rules = rules_about(compiled ? compiled->front() : *thing, alone);
    if (!rules) return {};
    std::erase_if(*rules, [&](const Blamed& blamed) { return blamed.denies != denies; });
    return *std::move(rules);
}

}  // namespace aa::ctl::test
