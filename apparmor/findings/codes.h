// SPDX-License-Identifier: Apache-2.0
//
// The table of finding codes; docs/findings.md has a paragraph for each.
#pragma once

#include <array>

#include "apparmor/findings/finding.h"

namespace aa::apparmor {

inline constexpr std::array kFindingCodes = {
    // AA1xx: syntax
    FindingCode{"AA100", Severity::error, "apparmor_parser does not take it"},
    FindingCode{"AA101", Severity::error, "exec qualifier in a deny rule"},
    FindingCode{"AA102", Severity::error, "brace that is missing, or one too many"},
    FindingCode{"AA103", Severity::error, "flags that are not written flags=(…)"},
    FindingCode{"AA104", Severity::error, "flag that does not exist, or contradicts another"},
    FindingCode{"AA105", Severity::error, "include of a path that <…> does not mean"},
    FindingCode{"AA106", Severity::error, "include of a file that does not exist"},
    FindingCode{"AA107", Severity::error, "variable that is not declared"},
    FindingCode{"AA108", Severity::error, "port or address in a network rule"},
    FindingCode{"AA109", Severity::error, "rule for everything that AppArmor does not have"},
    FindingCode{"AA110", Severity::error, "comma that is missing"},
    FindingCode{"AA111", Severity::error, "comma too many"},
    FindingCode{"AA112", Severity::error, "keyword that AppArmor does not have"},
    FindingCode{"AA113", Severity::error, "capability that does not exist"},
    FindingCode{"AA114", Severity::error, "mode that does not exist, or is missing"},
    FindingCode{"AA115", Severity::error, "x without a way to execute"},
    FindingCode{"AA116", Severity::error, "modes that exclude each other"},
    FindingCode{"AA117", Severity::error, "path that is executed in two ways"},
    FindingCode{"AA118", Severity::error, "more than 12 named transitions"},
    FindingCode{"AA119", Severity::error, "quote or bracket without its other half"},
    FindingCode{"AA120", Severity::error, "network family or kind that does not exist"},
    FindingCode{"AA121", Severity::error, "path that does not begin with a slash"},
    FindingCode{"AA122", Severity::error, "header without a proper name"},
    FindingCode{"AA123", Severity::error, "comment of another language"},
    FindingCode{"AA124", Severity::error, "path with a space"},
    FindingCode{"AA125", Severity::error, "access or signal that does not exist"},
    FindingCode{"AA126", Severity::error, "variable that is declared twice, or not before it is extended"},
    FindingCode{"AA127", Severity::error, "two profiles of one name"},
    FindingCode{"AA128", Severity::error, "character that profiles do not have"},
    FindingCode{"AA129", Severity::error, "rule that is newer than the parser"},
    FindingCode{"AA130", Severity::error, "included file that the parser does not take"},
    FindingCode{"AA131", Severity::error, "change_profile without its arrow"},
    FindingCode{"AA132", Severity::error, "owner in a rule about no file"},
    FindingCode{"AA140", Severity::note, "comment that looks like an include"},
    FindingCode{"AA141", Severity::warning, "child of a child"},
    FindingCode{"AA142", Severity::note, "flag that says nothing"},
    FindingCode{"AA143", Severity::note, "capital letters in a mode"},
    FindingCode{"AA144", Severity::warning, "variable of a shell in a path"},
    FindingCode{"AA190", Severity::error, "search for faults that was ended"},
    // AA2xx: names and attachments
    // AA3xx: flags
    // AA4xx: living in a container
    // AA5xx: the catalog against the profiles
    // AA9xx: silences
};

}  // namespace aa::apparmor
