// SPDX-License-Identifier: Apache-2.0
//
// Two catalogs with their profiles: what containers gain and lose when the one takes the place of the other, and which of those that run
// the change reaches.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "apparmor/catalog/difference.h"
#include "base/result.h"
#include "ctl/catalog/comparison.h"
#include "ctl/cli/output.h"
#include "ctl/diff/profiles.h"
#include "ctl/explain/policy.h"
#include "ctl/explain/replay.h"

namespace aa::ctl {

// One of the two.
struct CatalogSide {
    std::unique_ptr<ReplayCatalog> catalog;
    std::unique_ptr<ExplainedPolicy> policy;  // of it
};

// Which they are.
struct CatalogVersions {
    std::string from, to;                                 // files or directories; empty: the catalog in force
    std::vector<std::string> from_profiles, to_profiles;  // files or directories; empty: as the catalogs find them
    std::vector<std::string> logs;                        // of decisions; empty: those that the catalogs name, or the journal
};

// A container that runs and is not the same by both catalogs.
struct ReachedContainer {
    std::string id;
    std::string image;
    std::string before, after;  // what would be decided on it, or by which rule it cannot be told
    bool told = true;
};

struct CatalogChanges {
    std::vector<apparmor::CatalogChange> changes;
    Unmediated unmediated;
    std::vector<ReachedContainer> containers;
    std::vector<std::string> notes;  // what could not be looked at

    [[nodiscard]] bool gains() const;
};

Result<CatalogChanges> catalog_changes(const CatalogVersions& versions);

// Adds to CHANGES the containers that run and on which the catalogs BEFORE and AFTER decide otherwise, or which stay in a confinement that is
// among the changes.
void add_containers(const CatalogSide& before, const CatalogSide& after, const std::vector<std::string>& logs, CatalogChanges& changes);

Json to_json(const CatalogChanges& changes);
std::vector<std::string> lines_of(const CatalogChanges& changes);

}  // namespace aa::ctl
