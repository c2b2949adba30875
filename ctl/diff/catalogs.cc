// SPDX-License-Identifier: Apache-2.0
#include "ctl/diff/catalogs.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "apparmor/algebra/spelling.h"
#include "apparmor/kernel/kernel.h"
#include "base/text.h"

namespace aa::ctl {
namespace {

using apparmor::ChangeWords;

// The profiles of two sides, each comparison made once.
class Labels : public apparmor::ProfileComparison {
public:
    Labels(ExplainedPolicy& before, ExplainedPolicy& after) : before_(before), after_(after) {}

    Result<ChangeWords> compare(const std::string& before, const std::string& after) override {
        const auto key = std::pair(before, after);
        const auto known = known_.find(key);
        if (known != known_.end()) return known->second;
        auto words = TRY(compare_anew(before, after));
        return known_.emplace(key, std::move(words)).first->second;
    }

    [[nodiscard]] Unmediated take_unmediated() { return std::move(unmediated_); }

private:
    Result<ChangeWords> compare_anew(const std::string& before, const std::string& after) {
        const auto old = find(before_, before);
        const auto now = find(after_, after);
        if (old && now) return compared({*old, before}, {*now, after});
        const auto& error = old ? now.error() : old.error();
        if (error.kind != ErrorKind::not_found) return error;
        // Another tool's profile, which the catalog only names.
        if (!old && !now && before == after)
            return ChangeWords{{}, {}, {concat({quote(after), " is taken to be the same, for no file here defines it"})}};
        return ChangeWords{
            {concat({"perhaps more under ", quote(after), ": it cannot be compared with ", quote(before), ", as ", error.message})},
            {},
            {}};
    }

    static Result<apparmor::Policy*> find(ExplainedPolicy& side, const std::string& label) {
        auto* policy = TRY(side.policy_of(label));
        TRY(apparmor::confining_profiles(*policy, label));
        return policy;
    }

    Result<ChangeWords> compared(const apparmor::LabelIn& before, const apparmor::LabelIn& after) {
        apparmor::Budget budget;
        const auto gains = TRY(apparmor::inclusion(after, before, budget));
        const auto losses = TRY(apparmor::inclusion(before, after, budget));
        for (const auto& name : gains.unmediated) unmediated_[name].insert(after.label);
        return ChangeWords{lines_of(gains), lines_of(losses), {}};
    }

    ExplainedPolicy& before_;
    ExplainedPolicy& after_;
    std::map<std::pair<std::string, std::string>, ChangeWords> known_;
    Unmediated unmediated_;
};

// A host on which no catalog is in force: nothing is started.
apparmor::Catalog no_catalog() {
    apparmor::Catalog catalog;
    catalog.otherwise = apparmor::Reject{"no catalog is in force"};
    return catalog;
}

Result<std::unique_ptr<ReplayCatalog>> open_catalog_at(const std::string& path, CatalogChanges& changes) {
    if (!path.empty()) return std::make_unique<ReplayCatalog>(TRY(read_replay_catalog({path})));
    auto in_force = replay_catalog_in_force();
    if (in_force) return std::make_unique<ReplayCatalog>(*std::move(in_force));
    if (in_force.error().kind != ErrorKind::not_found) return std::move(in_force).error();
    changes.notes.emplace_back("no catalog is in force: nothing can be started yet");
    return std::make_unique<ReplayCatalog>(TRY(replay_catalog(no_catalog())));
}

Result<CatalogSide> open_side(const std::string& path, const std::vector<std::string>& profiles, CatalogChanges& changes) {
    CatalogSide side{TRY(open_catalog_at(path, changes)), nullptr};
    side.policy = std::make_unique<ExplainedPolicy>(&side.catalog->open);
    TRY(side.policy->use(profiles));
    if (side.catalog->open.in_force() && profiles.empty() && !side.policy->is_the_kernels())
        changes.notes.emplace_back(
            "AppArmor is off: no profile is in force, and those of the old catalog are looked for in this host's files");
    return side;
}

// The catalog of SIDE with the ceilings that profiles tell, as they are now: what cannot be evaluated stays open.
apparmor::Catalog with_ceilings(const CatalogSide& side) {
    auto catalog = side.catalog->written;
    for (auto& confinement : catalog.confinements) {
        const auto* open = std::get_if<apparmor::FromProfile>(&confinement.ceiling);
        const auto* label = std::get_if<std::string>(&confinement.profile);
        if (open == nullptr || label == nullptr) continue;
        const auto ceiling = side.policy->ceiling(*label, open->evaluated);
        if (ceiling) confinement.ceiling = *ceiling;
    }
    return catalog;
}

// ---- as text

std::string title_of(const apparmor::CatalogChange& change) {
    using Is = apparmor::CatalogChange::Is;
    using Kind = apparmor::CatalogChange::Kind;
    std::string title = change.kind == Kind::catalog       ? std::string("the catalog")
                        : change.kind == Kind::confinement ? concat({"confinement ", quote(change.name)})
                                                           : change.name;
    if (!change.at.empty()) title += concat({" (", change.at, ")"});
    title += change.is == Is::added ? ": is new" : change.is == Is::removed ? ": is gone" : change.is == Is::moved ? ": is moved" : ":";
    return title;
}

std::string case_line(const apparmor::ChangeCase& one) {
    std::string line = one.before == one.after ? one.after : concat({one.before, " -> ", one.after});
    if (!one.rule.empty()) line += concat({", of what was decided by ", one.rule});
    return line;
}

void add_words(std::vector<std::string>& lines, std::string_view sign, const std::vector<std::string>& words) {
    for (const auto& word : words) lines.push_back(concat({"  ", sign, " ", word}));
}

void add_change(std::vector<std::string>& lines, const apparmor::CatalogChange& change) {
    lines.push_back(title_of(change));
    for (const auto& one : change.cases) {
        if (!one.after.empty()) lines.push_back(concat({"  ", case_line(one)}));
        add_words(lines, "+", one.words.gains);
        add_words(lines, "-", one.words.losses);
        add_words(lines, "=", one.words.notes);
    }
    if (!change.rules.empty() && !change.cases.empty()) lines.push_back(concat({"  of the rules ", join(change.rules, ", ")}));
}

std::string container_line(const ReachedContainer& container) {
    const auto name =
        concat({"container ", quote(container.id), container.image.empty() ? "" : concat({", image ", quote(container.image)})});
    if (!container.told) return concat({name, ": cannot be told: ", container.after});
    if (container.before == container.after) return concat({name, ": stays ", container.after, ", which changes"});
    return concat({name, ": ", container.before, " -> ", container.after});
}

// ---- as JSON

constexpr std::array kKinds{"confinement", "rule", "catalog"};
constexpr std::array kIs{"added", "removed", "moved", "changed"};

Json to_json(const apparmor::CatalogChange& change) {
    Json cases = Json::array();
    for (const auto& one : change.cases) {
        cases.push_back({{"decidedBy", one.rule},
                         {"before", one.before},
                         {"after", one.after},
                         {"gains", one.words.gains},
                         {"losses", one.words.losses},
                         {"notes", one.words.notes}});
    }
    return {{"what", kKinds.at(static_cast<std::size_t>(change.kind))}, {"name", change.name},       {"at", change.at},
            {"is", kIs.at(static_cast<std::size_t>(change.is))},        {"cases", std::move(cases)}, {"rules", change.rules}};
}

}  // namespace

bool CatalogChanges::gains() const { return std::ranges::any_of(changes, &apparmor::CatalogChange::gains); }

Result<CatalogChanges> catalog_changes(const CatalogVersions& versions) {
    CatalogChanges result;
    const auto before = TRY(open_side(versions.from, versions.from_profiles, result));
    const auto after = TRY(open_side(versions.to, versions.to_profiles, result));
    Labels labels(*before.policy, *after.policy);
    result.changes = TRY(apparmor::difference(with_ceilings(before), with_ceilings(after), labels, !versions.from.empty()));
    result.unmediated = labels.take_unmediated();
    if (!result.changes.empty()) add_containers(before, after, versions.logs, result);
    return result;
}

std::vector<std::string> lines_of(const CatalogChanges& changes) {
    std::vector<std::string> lines;
    for (const auto& change : changes.changes) add_change(lines, change);
    if (changes.changes.empty()) lines.emplace_back("Nothing is gained or lost.");
    if (!changes.containers.empty()) lines.emplace_back("Of the containers that run, when they are started anew:");
    for (const auto& container : changes.containers) lines.push_back(concat({"  ", container_line(container)}));
    for (auto& line : lines_of(changes.unmediated)) lines.push_back(std::move(line));
    for (const auto& note : changes.notes) lines.push_back(concat({"note: ", note}));
    for (auto& line : lines) line = apparmor::shown(line);
    return lines;
}

Json to_json(const CatalogChanges& changes) {
    Json list = Json::array();
    for (const auto& change : changes.changes) list.push_back(to_json(change));
    Json containers = Json::array();
    for (const auto& one : changes.containers) {
        containers.push_back({{"id", one.id}, {"image", one.image}, {"before", one.before}, {"after", one.after}, {"told", one.told}});
    }
    return {{"ok", !changes.gains()},
            {"changes", std::move(list)},
            {"containers", std::move(containers)},
            {"unmediated", changes.unmediated},
            {"notes", changes.notes}};
}

Result<Comparison> compare_with_in_force(const std::string& directory) {
    const auto changes = TRY(catalog_changes({"", directory, {}, {}, {}}));
    return Comparison{changes.gains(), to_json(changes), lines_of(changes), {}};
}

}  // namespace aa::ctl
