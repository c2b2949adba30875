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
    FindingCode{"AA201", Severity::warning, "profile called after a path"},
    FindingCode{"AA202", Severity::warning, "profile of containers that attaches"},
    FindingCode{"AA203", Severity::error, "name that means unconfined"},
    FindingCode{"AA204", Severity::warning, "name with a variable"},
    FindingCode{"AA205", Severity::warning, "name that two files define"},
    FindingCode{"AA206", Severity::warning, "rules without a profile"},
    FindingCode{"AA207", Severity::note, "policy that cannot be evaluated"},
    FindingCode{"AA208", Severity::error, "file without a profile"},
    // AA3xx: flags
    FindingCode{"AA301", Severity::warning, "files from outside have no name"},
    FindingCode{"AA302", Severity::warning, "replaced files have no name"},
    FindingCode{"AA303", Severity::warning, "profile that enforces nothing"},
    FindingCode{"AA304", Severity::warning, "child that enforces under a parent that complains"},
    FindingCode{"AA305", Severity::note, "no feature abi"},
    FindingCode{"AA306", Severity::warning, "rule that the abi leaves out"},
    // AA4xx: living in a container
    FindingCode{"AA401", Severity::warning, "signals that do not arrive"},
    FindingCode{"AA402", Severity::note, "processes that cannot be looked at"},
    FindingCode{"AA403", Severity::warning, "child without a program loader"},
    FindingCode{"AA404", Severity::warning, "no C library"},
    FindingCode{"AA405", Severity::note, "no cache of libraries"},
    FindingCode{"AA406", Severity::warning, "programs that a denial hides"},
    FindingCode{"AA407", Severity::warning, "files of the C library that a denial hides"},
    FindingCode{"AA408", Severity::warning, "no /dev/null"},
    FindingCode{"AA409", Severity::note, "files of /proc that everybody reads"},
    FindingCode{"AA410", Severity::warning, "start from a profile that starts nothing"},
    FindingCode{"AA411", Severity::warning, "transition that no-new-privileges forbids"},
    FindingCode{"AA412", Severity::warning, "exec rule that leads nowhere"},
    FindingCode{"AA413", Severity::warning, "path of the host"},
    FindingCode{"AA414", Severity::warning, "script that cannot be read"},
    FindingCode{"AA415", Severity::note, "terminal that cannot be opened"},
    FindingCode{"AA416", Severity::warning, "way of a process to a profile that allows more"},
    FindingCode{"AA417", Severity::note, "program that runs under a profile that allows more"},
    FindingCode{"AA418", Severity::note, "connections without datagrams"},
    // AA5xx: the catalog against the profiles
    FindingCode{"AA500", Severity::error, "mistake in a catalog"},
    FindingCode{"AA501", Severity::note, "what a catalog allows"},
    FindingCode{"AA502", Severity::error, "profile that nothing defines"},
    FindingCode{"AA504", Severity::warning, "profile that is made to complain"},
    FindingCode{"AA505", Severity::error, "profile that no file defines"},
    FindingCode{"AA506", Severity::note, "capability that the ceiling takes away"},
    FindingCode{"AA507", Severity::note, "ceiling that no profile fills"},
    FindingCode{"AA508", Severity::warning, "choice of a profile that allows more"},
    FindingCode{"AA509", Severity::note, "exec rule with a profile that allows more"},
    // AA9xx: silences
    FindingCode{"AA901", Severity::warning, "silence without a reason"},
    FindingCode{"AA902", Severity::warning, "silence that silences nothing"},
    FindingCode{"AA903", Severity::warning, "silence of what cannot be silenced"},
};

}  // namespace aa::apparmor
