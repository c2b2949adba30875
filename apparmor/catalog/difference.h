// SPDX-License-Identifier: Apache-2.0
//
// What the containers of a catalog gain and lose when another one takes its place: for each confinement that both have, and for whatever
// a rule decided on before and another one, or the same, decides on afterwards.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/catalog/catalog.h"
#include "base/result.h"

namespace aa::apparmor {

// Gains and losses in words that follow "a container may"; notes are neither.
struct ChangeWords {
    std::vector<std::string> gains, losses, notes;

    [[nodiscard]] bool any() const { return !gains.empty() || !losses.empty() || !notes.empty(); }
    friend bool operator==(const ChangeWords&, const ChangeWords&) = default;
};

// What profiles say, which a catalog only names.
class ProfileComparison {
public:
    ProfileComparison() = default;
    ProfileComparison(const ProfileComparison&) = delete;
    ProfileComparison& operator=(const ProfileComparison&) = delete;
    virtual ~ProfileComparison() = default;

    // What processes under the label AFTER of the new policy gain and lose against those under BEFORE of the old one. What cannot be told
    // is a gain.
    virtual Result<ChangeWords> compare(const std::string& before, const std::string& after) = 0;
};

// Containers on which the same was decided, before and afterwards.
struct ChangeCase {
    std::string rule;           // that decided before, if it is not the same one: "rule FILE:L:C (image 'x')"
    std::string before, after;  // "confinement 'web'", "refused", "left as its engine made it"
    ChangeWords words;
};

struct CatalogChange {
    enum class Kind : std::uint8_t { confinement, rule, catalog };
    enum class Is : std::uint8_t { added, removed, moved, changed };

    Kind kind = Kind::catalog;
    std::string name;  // the confinement's; of a rule what it matches: "image 'nginx*'", "otherwise"
    std::string at;    // "FILE:LINE:COLUMN"
    Is is = Is::changed;
    std::vector<ChangeCase> cases;
    std::vector<std::string> rules;  // of a confinement: the rules that choose it, or let containers ask for it

    [[nodiscard]] bool gains() const;
};

// The changes, those with gains first. "weaker" is compared where both have it from their files (WRITTEN).
Result<std::vector<CatalogChange>> difference(const Catalog& before, const Catalog& after, ProfileComparison& profiles, bool written);

// What a container of the confinement BEFORE gains and loses in AFTER.
Result<ChangeWords> compare(const Confinement& before, const Confinement& after, ProfileComparison& profiles);

}  // namespace aa::apparmor
