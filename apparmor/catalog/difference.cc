// SPDX-License-Identifier: Apache-2.0
#include "apparmor/catalog/difference.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "apparmor/catalog/first_match.h"
#include "apparmor/catalog/match_cover.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

using Is = CatalogChange::Is;
using Kind = CatalogChange::Kind;

constexpr std::size_t kNotRules = 2;

// The rules of CATALOG, and behind them what stands for all containers: `otherwise`, and a pod's sandbox that no rule names.
std::vector<Rule> all_rules(const Catalog& catalog) {
    auto rules = catalog.rules;
    rules.push_back({{}, catalog.otherwise, catalog.otherwise_selectable, catalog.otherwise_weaker, catalog.otherwise_origin});
    rules.push_back({{.sandbox = true}, Pass{}, {}, false, {}});
    return rules;
}

std::string text_of(const Outcome& outcome) {
    if (const auto* use = std::get_if<Use>(&outcome)) return concat({"confinement ", quote(use->confinement)});
    return std::get_if<Reject>(&outcome) != nullptr ? "refused" : "left as its engine made it";
}

// For each of COUNT old rules, whether its place among those that stayed (SAME: where they are now) is another one: those that are not
// part of a longest run in the same order.
std::vector<bool> moved(const std::vector<std::size_t>& same, std::size_t gone) {
    std::vector<std::size_t> length(same.size()), previous(same.size(), same.size());
    std::size_t best = same.size();
    for (std::size_t i = 0; i < same.size(); ++i) {
        if (same[i] == gone) continue;
        length[i] = 1;
        for (std::size_t k = 0; k < i; ++k) {
            if (same[k] < same[i] && length[k] >= length[i]) {
                length[i] = length[k] + 1;
                previous[i] = k;
            }
        }
        if (best == same.size() || length[i] > length[best]) best = i;
    }
    std::vector<bool> result(same.size());
    for (std::size_t i = 0; i < same.size(); ++i) result[i] = same[i] != gone;
    for (; best < same.size(); best = previous[best]) result[best] = false;
    return result;
}

// Adds ONE to CASES; what is the same for several old rules is said once.
void add_case(std::vector<ChangeCase>& cases, ChangeCase one) {
    const auto alike = std::ranges::find_if(cases, [&](const ChangeCase& other) {
        return !one.rule.empty() && !other.rule.empty() && other.before == one.before && other.after == one.after &&
               other.words == one.words;
    });
    if (alike == cases.end()) {
        cases.push_back(std::move(one));
    } else {
        alike->rule += concat({", ", one.rule});
    }
}

class CatalogDifference {
public:
    CatalogDifference(const Catalog& before, const Catalog& after, ProfileComparison& profiles, bool written)
        : before_(before),
          after_(after),
          profiles_(profiles),
          written_(written),
          old_rules_(all_rules(before)),
          rules_(all_rules(after)),
          same_(same_rules()) {}

    Result<std::vector<CatalogChange>> find() {
        compare_catalogs();
        TRY(compare_confinements());
        TRY(compare_rules());
        std::stable_partition(changes_.begin(), changes_.end(), [](const CatalogChange& change) { return change.gains(); });
        return std::move(changes_);
    }

private:
    // ---- names

    [[nodiscard]] std::string name_of(const std::vector<Rule>& rules, std::size_t at) const {
        if (at + kNotRules == rules.size()) return "otherwise";
        return at + 1 == rules.size() ? std::string("a pod's sandbox that no rule names") : to_text(rules[at].match);
    }

    [[nodiscard]] std::string old_rule(std::size_t at) const {
        const auto place = old_rules_[at].origin.text();
        const auto name = name_of(old_rules_, at);
        if (at + kNotRules >= old_rules_.size()) return place.empty() ? name : concat({name, ", ", place});
        return concat({"the rule ", place, " (", name, ")"});
    }

    // For each old rule the one that matches the same; the number of rules if there is none.
    [[nodiscard]] std::vector<std::size_t> same_rules() const {
        std::map<std::string, std::size_t> places;
        for (std::size_t at = 0; at < rules_.size(); ++at) places.emplace(to_text(rules_[at].match), at);
        std::vector<std::size_t> same(old_rules_.size(), rules_.size());
        for (std::size_t at = 0; at < old_rules_.size(); ++at) {
            const auto found = places.find(to_text(old_rules_[at].match));
            if (found == places.end()) continue;
            const auto& match = rules_[found->second].match;  // long patterns are cut in the text
            if (covers(match, old_rules_[at].match) && covers(old_rules_[at].match, match)) same[at] = found->second;
        }
        return same;
    }

    // ---- the catalog as a whole

    void compare_catalogs() {
        ChangeWords words;
        const auto bounds_only = [](const Catalog& catalog) { return catalog.without_apparmor == WithoutAppArmor::capabilities_only; };
        const std::string start = "start on a host without AppArmor (\"withoutAppArmor\")";
        if (bounds_only(after_) && !bounds_only(before_)) words.gains.push_back(start);
        if (bounds_only(before_) && !bounds_only(after_)) words.losses.push_back(start);
        if (before_.decision_log != after_.decision_log) {
            words.notes.push_back(after_.decision_log.empty() ? std::string("decisions are written to no file any more (\"decisionLog\")")
                                                              : concat({"decisions are written to ", quote(after_.decision_log)}));
        }
        const std::string begin = "begin an exec before it is compared with the decision (\"compareExecs\")";
        if (after_.compare_execs > before_.compare_execs) words.gains.push_back(begin);
        if (after_.compare_execs < before_.compare_execs) words.losses.push_back(begin);
        if (before_.log_exec_processes != after_.log_exec_processes) {
            words.notes.push_back(concat(
                {"which process an exec becomes is logged", after_.log_exec_processes ? "" : " no more", " (\"logExecProcesses\")"}));
        }
        if (words.any()) changes_.push_back({Kind::catalog, "", "", Is::changed, {{"", "", "", std::move(words)}}, {}});
    }

    // ---- confinements

    // What CONFINEMENT is chosen by.
    [[nodiscard]] std::vector<std::string> choosing(std::string_view confinement) const {
        std::vector<std::string> result;
        for (const auto& rule : rules_) {
            const auto* use = std::get_if<Use>(&rule.outcome);
            if ((use != nullptr && use->confinement == confinement) ||
                std::ranges::find(rule.selectable, confinement) != rule.selectable.end())
                result.push_back(rule.origin.text());
        }
        return result;
    }

    Result<const ChangeWords*> compared(const std::string& before, const std::string& after) {
        const auto known = compared_.find({before, after});
        if (known != compared_.end()) return &known->second;
        const auto* old = before_.find(before);
        const auto* now = after_.find(after);
        if (old == nullptr || now == nullptr) {
            const auto& missing = old == nullptr ? before : after;
            return Error{ErrorKind::config, concat({"a rule names the confinement ", quote(missing), ", which there is not"})};
        }
        return &compared_.emplace(std::pair(before, after), TRY(compare(*old, *now, profiles_))).first->second;
    }

    Result<void> compare_confinements() {
        for (const auto& confinement : after_.confinements) {
            CatalogChange change{Kind::confinement, confinement.name, confinement.origin.text(), Is::added, {}, choosing(confinement.name)};
            if (before_.find(confinement.name) != nullptr) {
                const auto& words = *TRY(compared(confinement.name, confinement.name));
                if (!words.any()) continue;
                change.is = Is::changed;
                change.cases.push_back({"", "", "", words});
            }
            changes_.push_back(std::move(change));
        }
        for (const auto& confinement : before_.confinements) {
            if (after_.find(confinement.name) == nullptr)
                changes_.push_back({Kind::confinement, confinement.name, confinement.origin.text(), Is::removed, {}, {}});
        }
        return {};
    }

    // ---- rules

    Result<ChangeWords> compare_outcomes(const Outcome& before, const Outcome& after) {
        const auto* old = std::get_if<Use>(&before);
        const auto* now = std::get_if<Use>(&after);
        ChangeWords words;
        // Of the same name: that is the confinement's own change.
        if (old != nullptr && now != nullptr) {
            if (old->confinement != now->confinement) words = *TRY(compared(old->confinement, now->confinement));
            return words;
        }
        const bool refused = std::get_if<Reject>(&after) != nullptr;
        const bool was_refused = std::get_if<Reject>(&before) != nullptr;
        if (was_refused && !refused) words.gains.emplace_back("start");
        if (refused && !was_refused) words.losses.emplace_back("start");
        if (refused || was_refused) return words;
        if (old != nullptr && now == nullptr) words.gains.emplace_back("be as its engine makes it");
        if (now != nullptr && old == nullptr) {
            words.losses.emplace_back("be as its engine makes it");
            const auto* confinement = after_.find(now->confinement);
            if (confinement != nullptr && confinement->combine != Combine::stack)
                words.gains.emplace_back("leave the profile that its engine gives it (which is not known here)");
        }
        return words;
    }

    // What a container gains that may ask for confinements: of each that the old rule did not let it ask for what it allows beyond what the
    // old one chose.
    Result<void> compare_requests(const Rule& before, const Rule& after, ChangeWords& words) {
        const auto is_in = [](const std::string& name, const Rule& rule) {
            return std::ranges::find(rule.selectable, name) != rule.selectable.end();
        };
        for (const auto& name : after.selectable) {
            if (is_in(name, before)) continue;
            const auto more = TRY(compare_outcomes(before.outcome, Use{name}));
            const auto request = concat({"ask for the confinement ", quote(name)});
            if (more.gains.empty()) {
                words.notes.push_back(concat({"may ", request, ", which allows nothing more"}));
            } else {
                words.gains.push_back(concat({request, ", and then ", more.gains.front(), more.gains.size() > 1 ? ", and more" : ""}));
            }
        }
        for (const auto& name : before.selectable) {
            if (!is_in(name, after)) words.losses.push_back(concat({"ask for the confinement ", quote(name)}));
        }
        return {};
    }

    Result<ChangeCase> compare_rules(std::size_t before, std::size_t after) {
        const auto& old = old_rules_[before];
        const auto& now = rules_[after];
        ChangeCase result{same_[before] == after ? "" : old_rule(before), text_of(old.outcome), text_of(now.outcome), {}};
        result.words = TRY(compare_outcomes(old.outcome, now.outcome));
        TRY(compare_requests(old, now, result.words));
        if (same_[before] != after) return result;
        const auto* reject = std::get_if<Reject>(&old.outcome);
        const auto* now_reject = std::get_if<Reject>(&now.outcome);
        if (reject != nullptr && now_reject != nullptr && reject->message != now_reject->message)
            result.words.notes.push_back(concat({"is refused with the words ", quote(now_reject->message)}));
        if (written_ && old.weaker != now.weaker)
            result.words.notes.emplace_back(now.weaker ? "says \"weaker\"" : "does not say \"weaker\" any more");
        return result;
    }

    Result<void> compare_rules() {
        const FirstMatchLists lists{
            old_rules_.size(),
            rules_.size(),
            [this](std::size_t before) { return same_[before]; },
            [this](std::size_t before, std::size_t after) { return covers(old_rules_[before].match, rules_[after].match); },
            [this](std::size_t before, std::size_t after) { return covers(rules_[after].match, old_rules_[before].match); },
            [this](std::size_t before, std::size_t after) { return may_both_match(old_rules_[before].match, rules_[after].match); }};
        std::map<std::size_t, std::vector<ChangeCase>> cases;
        for (const auto& [before, after] : meetings(lists)) {
            auto found = TRY(compare_rules(before, after));
            if (found.words.any() || (found.rule.empty() && found.before != found.after)) add_case(cases[after], std::move(found));
        }
        const auto is_moved = moved(same_, rules_.size());
        std::vector<Is> is(rules_.size(), Is::added);
        for (std::size_t at = 0; at < same_.size(); ++at) {
            if (same_[at] < rules_.size()) is[same_[at]] = is_moved[at] ? Is::moved : Is::changed;
        }
        std::fill(is.end() - kNotRules, is.end(), Is::changed);
        for (std::size_t at = 0; at < rules_.size(); ++at) {
            if (is[at] == Is::changed && !cases.contains(at)) continue;
            changes_.push_back({Kind::rule, name_of(rules_, at), rules_[at].origin.text(), is[at], std::move(cases[at]), {}});
        }
        for (std::size_t at = 0; at < same_.size(); ++at) {
            if (same_[at] == rules_.size() && at + kNotRules < same_.size())
                changes_.push_back({Kind::rule, name_of(old_rules_, at), old_rules_[at].origin.text(), Is::removed, {}, {}});
        }
        return {};
    }

    const Catalog& before_;
    const Catalog& after_;
    ProfileComparison& profiles_;
    bool written_;
    std::vector<Rule> old_rules_, rules_;
    std::vector<std::size_t> same_;
    std::map<std::pair<std::string, std::string>, ChangeWords> compared_;
    std::vector<CatalogChange> changes_;
};

}  // namespace

bool CatalogChange::gains() const {
    return std::ranges::any_of(cases, [](const ChangeCase& one) { return !one.words.gains.empty(); });
}

Result<std::vector<CatalogChange>> difference(const Catalog& before, const Catalog& after, ProfileComparison& profiles, bool written) {
    return CatalogDifference(before, after, profiles, written).find();
}

}  // namespace aa::apparmor
