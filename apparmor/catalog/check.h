// SPDX-License-Identifier: Apache-2.0
//
// What must hold between the parts of a catalog: every confinement that is named exists, every rule can match, nothing
// gives the one who starts a container less than `otherwise` unless the catalog says so.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "apparmor/catalog/json.h"

namespace aa::apparmor {

// A place where a catalog names a confinement.
struct Reference {
    std::string confinement;
    Origin origin;
};

// What is known of a catalog beyond its value, while it is being checked.
struct CatalogDraft {
    std::vector<Reference> references;  // all of them
    std::set<std::string> unread;       // confinements about which there are complaints already
    bool otherwise_read = false;        // `otherwise` is there, and nothing is wrong with it
};

// Adds to READING what is wrong with its catalog as a whole, and notes about what weakens. What there are complaints about
// already is not judged.
void check_catalog(CatalogReading& reading, const CatalogDraft& draft);

}  // namespace aa::apparmor
