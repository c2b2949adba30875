// SPDX-License-Identifier: Apache-2.0
//
// Catalog files: JSON with `//` and `/* */` comments → the typed catalog. Nothing is guessed, and every complaint is made in one go.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/catalog/catalog.h"

namespace aa::apparmor {

// One thing that is wrong, or (a note) that weakens and should be seen.
struct Complaint {
    Origin origin;
    std::string problem;         // "unknown capability 'NET_ADMN', did you mean 'NET_ADMIN'?"
    std::string_view code = {};  // of apparmor/findings/codes.h; empty: that of its list, for mistakes and notes of a catalog

    [[nodiscard]] std::string text() const;  // "FILE:LINE:COLUMN: PROBLEM"
};

struct CatalogSource {
    std::string name;  // for messages
    std::string text;
};

struct CatalogReading {
    Catalog catalog;  // meaningful only without errors
    std::vector<Complaint> errors;
    std::vector<Complaint> notes;  // what weakens, said explicitly in the catalog

    [[nodiscard]] bool ok() const { return errors.empty(); }
};

// Reads the SOURCES (in the order given, which is the order of their names) as one catalog, and checks everything that
// needs neither the kernel nor the profiles: syntax, keys, types, names, references, rules that can never match, rules
// that weaken on facts which the container's creator chooses.
CatalogReading read_catalog(std::span<const CatalogSource> sources);

}  // namespace aa::apparmor
