// SPDX-License-Identifier: Apache-2.0
//
// A decision on record, judged anew by another catalog: by the code that decides, with the facts that the record has.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "apparmor/catalog/catalog.h"
#include "base/result.h"
#include "ctl/explain/decision_record.h"
#include "ctl/explain/explain.h"
#include "ctl/explain/policy.h"

namespace aa::ctl {

// A catalog as it is written and as it is compiled.
struct ReplayCatalog {
    apparmor::Catalog written;
    OpenCatalog open;
};
Result<ReplayCatalog> read_replay_catalog(const std::vector<std::string>& paths);
// The catalog WRITTEN, compiled.
Result<ReplayCatalog> replay_catalog(apparmor::Catalog written);
// The one in force.
Result<ReplayCatalog> replay_catalog_in_force();

enum class Change : std::uint8_t {
    none,
    changed,      // another confinement, label or ceiling
    now_refused,  // what was allowed
    now_allowed,  // what was refused
    cannot_tell,
    not_judged,  // the record is of no decision of the catalog
};

struct Replayed {
    Change change = Change::not_judged;
    std::string before, after;  // "web: web [KILL]", "refused: MESSAGE"; of cannot_tell, `after` says why
    std::string rule;           // by which it is judged now
    std::string confinement{};  // of a container that would be started, by its name
};

class Replay {
public:
    // Both must outlive it; POLICY is what the profiles of CATALOG are.
    Replay(const ReplayCatalog& catalog, ExplainedPolicy& policy) : catalog_(catalog), policy_(policy) {}

    Replayed judge(const DecisionRecord& record);

    // The places of the rules and exec rules of the catalog that decided nothing so far, and about which nothing could be told.
    [[nodiscard]] std::vector<std::string> unused_rules() const;

private:
    // What the rules say of facts of which some are not known.
    struct Choice {
        std::string rule;
        std::string doubt;  // why it cannot be told; empty: it can
    };
    Result<Choice> choose(const RecordedFacts& recorded, const apparmor::Facts& facts);
    Result<bool> rule_matches(std::size_t rule, const std::set<std::string, std::less<>>& unknown, const apparmor::Facts& facts);
    Result<Replayed> judge_start(const DecisionRecord& record);
    Result<Replayed> judge_exec(const DecisionRecord& record);
    Result<std::string> judge_program(const apparmor::Confinement& confinement, const std::string& base, const DecisionRecord& record);
    Result<std::optional<std::string>> start_label(const apparmor::Confinement& confinement, const std::string& base,
                                                   const RecordedFacts& recorded);

    const ReplayCatalog& catalog_;
    ExplainedPolicy& policy_;
    std::set<std::string, std::less<>> used_;
    std::map<std::pair<std::size_t, std::string>, std::string> single_rules_;  // compiled: a rule without the clauses that are not known
};

}  // namespace aa::ctl
