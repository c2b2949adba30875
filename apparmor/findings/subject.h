// SPDX-License-Identifier: Apache-2.0
//
// A profile that containers run under, as the checks look at it: what the kernel would have of it, what its author wrote, and all
// others that its rules may lead to. For aa-shimctl only.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "apparmor/findings/finding.h"
#include "apparmor/findings/source_file.h"
#include "apparmor/policy/policy.h"

namespace aa::apparmor {

struct Subject {
    Policy& policy;
    const Profile& profile;
    const SourceProfile* source = nullptr;  // nullptr: it is not in the files that are looked at
    Origin origin{};                        // its header; without one what leads to it
    const Catalog* catalog = nullptr;       // nullptr: profiles are checked alone

    // Whether it forbids anything.
    [[nodiscard]] bool enforces() const { return profile.mode == Mode::enforce || profile.mode == Mode::kill; }
};

// Each adds to FINDINGS what it knows of SUBJECT.
using Findings = std::vector<Finding>;

void find_flags(const Subject& subject, Findings& findings);       // AA301 to AA304: flags and modes
void find_deaf(const Subject& subject, Findings& findings);        // AA401, AA402: signals, ptrace
void find_unreadable(const Subject& subject, Findings& findings);  // AA403 to AA405, AA408, AA409, AA415: what every program needs
void find_unnamed(const Subject& subject, Findings& findings);     // AA418: sockets that names are resolved by
void find_hidden(const Subject& subject, Findings& findings);      // AA406, AA407, AA413, AA414: by the rules as they are written
void find_lost_execs(const Subject& subject, Findings& findings);  // AA412: exec rules that lead nowhere

// AA416, AA417: where processes of a profile get to what allows more than it does. USED are the profiles that are looked at, each with its
// place, and ALL those at hand: which others of the host attach to what they execute is not asked.
using Places = std::map<std::string, Origin, std::less<>>;
void find_wider_moves(const std::vector<const Profile*>& all, const Places& used, Findings& findings);

// AA411: what the kernel refuses processes of SUBJECT that have no-new-privileges; to be said at ORIGIN.
void find_forbidden_execs(const Subject& subject, const Origin& origin, Findings& findings);

// AA201, AA202, AA204: what PROFILE of FILE is called, as containers see it.
void find_names(const SourceFile& file, const SourceProfile& profile, Findings& findings);
// AA203, AA205, AA206: of all files together, whomever the profiles are for.
void find_clashes(const std::vector<SourceFile>& files, Findings& findings);
// AA305, AA306: what the feature abi of FILE means for PROFILE.
void find_abi(const SourceFile& file, const SourceProfile& profile, Findings& findings);

// Whether RULE is about PATH; one with variables is about none.
bool is_about(const FileRule& rule, std::string_view path);

}  // namespace aa::apparmor
