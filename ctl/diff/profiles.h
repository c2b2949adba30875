// SPDX-License-Identifier: Apache-2.0
//
// What profiles gain and lose from one version to another, and how gains are told: for profiles by themselves, and for those that
// catalogs name.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/algebra/inclusion.h"
#include "apparmor/policy/policy.h"
#include "base/result.h"
#include "ctl/cli/output.h"

namespace aa::ctl {

struct ProfileChange {
    std::string profile;
    bool added = false;
    bool removed = false;
    apparmor::Inclusion gains;  // if it is in both
    apparmor::Inclusion losses;

    [[nodiscard]] bool any() const { return added || removed || !gains.included() || !losses.included(); }
    [[nodiscard]] bool widens() const { return added || !gains.included(); }
};

// Classes of rules that neither of two versions mediates, and the profiles of which that is so.
using Unmediated = std::map<std::string, std::set<std::string>>;

struct ProfileChanges {
    std::vector<ProfileChange> changes;
    Unmediated unmediated;
    std::vector<std::string> broken;  // files that were not compared, and why
};

struct ProfileVersions {
    std::string from;                   // a file or directory
    std::string to;                     // empty: `from` is the new one, and the old one is in force
    std::vector<std::string> profiles;  // of these only, if there are any
};
Result<ProfileChanges> profile_changes(const ProfileVersions& versions);

// The gains as lines: "r /srv/**, in part  (as r /srv/a)  after exec /bin/sh".
std::vector<std::string> lines_of(const apparmor::Inclusion& inclusion);

// What is said of UNMEDIATED, a line each; without any, nothing.
std::vector<std::string> lines_of(const Unmediated& unmediated);

Json to_json(const ProfileChanges& changes);
std::vector<std::string> lines_of(const ProfileChanges& changes);

}  // namespace aa::ctl
