// SPDX-License-Identifier: Apache-2.0
#include "apparmor/catalog/check.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "apparmor/catalog/engine_facts.h"
#include "apparmor/catalog/gain.h"
#include "apparmor/catalog/match_cover.h"
#include "apparmor/catalog/pattern.h"
#include "apparmor/catalog/rule_index.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

class Checker {
public:
    Checker(CatalogReading& reading, const CatalogDraft& draft) : reading_(reading), catalog_(reading.catalog), draft_(draft) {}

    void check() {
        for (const auto& reference : draft_.references) check_reference(reference);
        for (const auto& rule : catalog_.rules) check_clauses(rule);
        check_reachable();
        for (const auto& confinement : catalog_.confinements) check_confinement(confinement);
        for (const auto& rule : catalog_.rules) check_rule(rule);
        if (draft_.otherwise_read) check_otherwise();
    }

private:
    void complain(const Origin& origin, std::string problem) { reading_.errors.push_back({origin, std::move(problem)}); }
    void note(const Origin& origin, std::string problem) { reading_.notes.push_back({origin, std::move(problem)}); }

    // -- names

    void check_reference(const Reference& reference) {
        if (catalog_.find(reference.confinement) != nullptr) return;
        std::vector<std::string_view> names;
        for (const auto& confinement : catalog_.confinements) names.push_back(confinement.name);
        const auto near = closest(reference.confinement, names);
        complain(reference.origin, concat({"there is no confinement ", quote(reference.confinement),
                                           near.empty() ? std::string() : concat({", did you mean ", quote(near), "?"})}));
    }

    // -- rules that can never match

    void check_clauses(const Rule& rule) {
        const auto* engine = rule.match.engine ? &*rule.match.engine : nullptr;
        auto why = why_no_engine(engine);
        if (why.empty()) why = why_not_told(engine, facts_of(rule.match));
        if (why.empty()) why = why_no_such_fact(rule.match);
        if (!why.empty()) complain(rule.origin, concat({"this rule can never match: ", why}));
    }

    static std::string why_no_engine(const std::string* pattern) {
        if (pattern == nullptr) return {};
        std::vector<std::string_view> names;
        for (const auto& engine : engines_and_facts()) {
            if (matches(*pattern, engine.engine)) return {};
            names.push_back(engine.engine);
        }
        const auto near = closest(*pattern, names);
        return concat({"no engine is called ", quote(*pattern),
                       near.empty() ? std::string(": known are 'docker', 'cri-containerd', 'cri-o', 'podman', 'nerdctl', 'other'")
                                    : concat({", did you mean ", quote(near), "?"})});
    }

    void check_reachable() {
        const auto keys = file_rules(catalog_.rules);
        std::map<IndexKey, std::vector<std::size_t>> filed;
        std::vector<std::size_t> always;
        for (std::size_t i = 0; i < catalog_.rules.size(); ++i) {
            const auto earlier = find_cover(catalog_.rules[i], filed, always);
            if (earlier != nullptr) {
                complain(catalog_.rules[i].origin,
                         concat({"this rule can never match: the one at ", earlier->origin.text(), " matches whatever it would"}));
            } else if (keys[i]) {
                filed[*keys[i]].push_back(i);
            } else {
                always.push_back(i);
            }
        }
    }

    // The rule, of those filed, that matches whatever RULE matches; null if there is none.
    const Rule* find_cover(const Rule& rule, const std::map<IndexKey, std::vector<std::size_t>>& filed,
                           const std::vector<std::size_t>& always) const {
        const auto cover_among = [&](const std::vector<std::size_t>& numbers) -> const Rule* {
            const auto covering = [&](std::size_t i) { return covers(catalog_.rules[i].match, rule.match); };
            const auto found = std::ranges::find_if(numbers, covering);
            return found == numbers.end() ? nullptr : &catalog_.rules[*found];
        };
        if (const auto* found = cover_among(always)) return found;
        for (const auto& key : index_keys(rule.match)) {
            // What covers a clause is filed under a beginning of its literal.
            for (std::size_t length = 1; length <= key.text.size(); ++length) {
                const auto at = filed.find({key.trie, key.text.substr(0, length)});
                const auto* found = at == filed.end() ? nullptr : cover_among(at->second);
                if (found != nullptr) return found;
            }
        }
        return nullptr;
    }

    // -- what weakens

    void check_confinement(const Confinement& confinement) {
        const std::string what = concat({"confinement ", quote(confinement.name)});
        if (std::get_if<Unconfined>(&confinement.profile) != nullptr)
            note(confinement.origin, what + " puts no AppArmor profile on its processes (\"unconfined\")");
        if (std::get_if<AllCapabilities>(&confinement.ceiling) != nullptr)
            note(confinement.origin, what + " takes no capability away (\"allCapabilities\")");
        if (confinement.exec_unconfined)
            note(confinement.origin,
                 what + " lets a command leave AppArmor where the profile has a rule for it (\"unconfined\" under \"exec\")");
        if (!draft_.unread.contains(confinement.name)) note_what_callers_bring(confinement, what);
        const auto& rules = confinement.exec_rules;
        for (std::size_t i = 0; i < rules.size(); ++i) {
            for (std::size_t earlier = 0; earlier < i; ++earlier) {
                if (!pattern_covers(rules[earlier].command, rules[i].command)) continue;
                complain(rules[i].origin, concat({"this exec rule can never match: the one at ", rules[earlier].origin.text(),
                                                  " matches whatever it would"}));
                break;
            }
        }
    }

    void note_what_callers_bring(const Confinement& confinement, const std::string& what) {
        for (const auto& [key, value] : confinement.runtime_annotations) {
            note(confinement.origin, concat({what, " lets whoever starts a container steer the runtime by the annotation ", quote(key),
                                             value ? concat({" with the value ", quote(*value)}) : std::string(" with any value"),
                                             " (\"runtimeAnnotations\")"}));
        }
        note_unbounded(confinement, what);
        if (confinement.host.namespaces && (*confinement.host.namespaces & bit(HostNamespace::user)) == 0)
            note(confinement.origin,
                 what + " refuses each container without a user namespace of its own (\"hostNamespaces\" without \"user\")");
        if (confinement.host.protected_paths)
            note(confinement.origin,
                 what + " lets a container have the host's paths that are aa-shim's own or the runtime's (\"hostPaths\", \"weaker\")");
        if (confinement.restore == Restore::allow)
            note(confinement.origin,
                 what +
                     " lets containers be restored: what they have comes from a checkpoint, and those that differ are ended (\"restore\")");
    }

    // What a request for more than usual, such as a privileged one, gets of the host in CONFINEMENT.
    void note_unbounded(const Confinement& confinement, const std::string& what) {
        const auto& host = confinement.host;
        std::vector<std::string> brings;
        if (!host.paths) brings.emplace_back("paths of the host (no \"hostPaths\")");
        if (!host.devices) brings.emplace_back("devices (no \"devices\")");
        if (!host.namespaces) brings.emplace_back("namespaces of the host (no \"hostNamespaces\")");
        if (!host.keep_masked) brings.emplace_back("unmasked /proc and /sys (no \"keepMasked\")");
        if (!brings.empty()) note(confinement.origin, concat({what, " lets a request bring ", join(brings, ", ")}));
    }

    // What a container may do with OUTCOME that it may not do with `otherwise`; empty if nothing.
    [[nodiscard]] std::string gain_over_otherwise(const Outcome& outcome) const {
        if (!draft_.otherwise_read || std::get_if<Pass>(&catalog_.otherwise) != nullptr) return {};
        if (std::get_if<Reject>(&outcome) != nullptr) return {};
        if (std::get_if<Pass>(&outcome) != nullptr) return "start as its engine made it";
        const auto* otherwise = std::get_if<Use>(&catalog_.otherwise);
        if (otherwise == nullptr) return "start";
        const auto& name = std::get_if<Use>(&outcome)->confinement;
        if (draft_.unread.contains(name) || draft_.unread.contains(otherwise->confinement)) return {};
        const auto* a = catalog_.find(name);
        const auto* b = catalog_.find(otherwise->confinement);
        return a != nullptr && b != nullptr ? gain(*a, *b) : std::string();
    }

    // The first gain over `otherwise` among OUTCOME and the confinements that one may ask for.
    [[nodiscard]] std::string first_gain(const Outcome& outcome, const std::vector<std::string>& selectable) const {
        auto found = gain_over_otherwise(outcome);
        for (const auto& name : selectable) {
            if (!found.empty()) break;
            found = gain_over_otherwise(Use{name});
            if (!found.empty()) found += concat({" (if it asks for ", quote(name), ")"});
        }
        return found;
    }

    void check_rule(const Rule& rule) {
        const auto gained = first_gain(rule.outcome, rule.selectable);
        const bool by_creator = is_creators_choice(rule.match);
        if (std::get_if<Pass>(&rule.outcome) != nullptr)
            note(rule.origin,
                 "this rule leaves containers as their engine made them, annotations that steer the runtime included (\"pass\")");
        if (rule.weaker && gained.empty() && draft_.otherwise_read) {
            complain(rule.origin, "this rule says \"weaker\", but allows nothing that \"otherwise\" does not: take \"weaker\" away");
        } else if (rule.weaker && by_creator) {
            note(rule.origin,
                 concat({"whoever starts a container can make this rule match, and it lets the container ", gained, " (\"weaker\")"}));
        } else if (by_creator && !gained.empty()) {
            complain(
                rule.origin,
                concat({"whoever starts a container chooses all that this rule looks at, and unlike \"otherwise\" it lets the container ",
                        gained, ": match on \"engine\", \"handler\" or \"namespace\" too, or say \"weaker\": true"}));
        }
    }

    void check_otherwise() {
        const auto& origin = catalog_.otherwise_origin;
        const bool uses = std::get_if<Use>(&catalog_.otherwise) != nullptr;
        if (std::get_if<Pass>(&catalog_.otherwise) != nullptr) {
            note(origin,
                 "containers that no rule matches are left as their engine made them, annotations that steer the runtime included "
                 "(\"otherwise\": \"pass\")");
        }
        const auto gained = uses ? first_gain(catalog_.otherwise, catalog_.otherwise_selectable) : std::string();
        if (catalog_.otherwise_weaker && gained.empty()) {
            complain(origin, "\"otherwise\" says \"weaker\", but nothing that it lists as \"selectable\" is: take \"weaker\" away");
        } else if (catalog_.otherwise_weaker) {
            note(origin, concat({"\"selectable\" lets any container ", gained, " (\"weaker\")"}));
        } else if (!gained.empty()) {
            complain(origin, concat({"\"selectable\" would let any container ", gained, ": take that out, or say \"weaker\": true"}));
        }
    }

    CatalogReading& reading_;
    const Catalog& catalog_;
    const CatalogDraft& draft_;
};

}  // namespace

void check_catalog(CatalogReading& reading, const CatalogDraft& draft) { Checker(reading, draft).check(); }

}  // namespace aa::apparmor
