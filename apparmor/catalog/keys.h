// SPDX-License-Identifier: Apache-2.0
//
// The keys and words of a catalog's text (docs/catalog.md).
#pragma once

#include <array>
#include <string_view>

#include "apparmor/catalog/catalog.h"
#include "apparmor/catalog/values.h"

namespace aa::apparmor {

inline constexpr std::array<std::string_view, 10> kCatalogKeys{
    "confinements",     "rules",       "otherwise",        "withoutAppArmor", "profileDirs",
    "externalProfiles", "decisionLog", "logExecProcesses", "compareExecs",    "$schema"};
inline constexpr std::array<std::string_view, 7> kSettings{"otherwise",   "withoutAppArmor",  "profileDirs", "externalProfiles",
                                                           "decisionLog", "logExecProcesses", "compareExecs"};
inline constexpr std::array<std::string_view, 15> kConfinementKeys{
    "apparmor", "unconfined",         "capabilities", "allCapabilities", "noNewPrivileges", "denySyscalls", "exec",      "start",
    "restore",  "runtimeAnnotations", "hostPaths",    "devices",         "hostNamespaces",  "keepMasked",   "refuseExec"};
inline constexpr std::array<std::string_view, 2> kProfileKeys{"profile", "combine"};
inline constexpr std::array<std::string_view, 3> kExecKeys{"rules", "otherwise", "unconfined"};
inline constexpr std::array<std::string_view, 3> kExecRuleKeys{"command", "apparmor", "deny"};
inline constexpr std::array<std::string_view, 6> kRuleKeys{"match", "use", "reject", "pass", "selectable", "weaker"};
inline constexpr std::array<std::string_view, 5> kOtherwiseKeys{"use", "reject", "pass", "selectable", "weaker"};
inline constexpr std::array<std::string_view, 2> kHostPathsKeys{"paths", "weaker"};

inline constexpr std::array<Word<Combine>, 3> kCombines{
    {{"tighten", Combine::tighten}, {"stack", Combine::stack}, {"replace", Combine::replace}}};
inline constexpr std::array<Word<ExecOtherwise>, 3> kExecOtherwises{
    {{"transition", ExecOtherwise::transition}, {"base", ExecOtherwise::base}, {"deny", ExecOtherwise::deny}}};
inline constexpr std::array<Word<Start>, 2> kStarts{{{"in-profile", Start::in_profile}, {"from-profile", Start::from_profile}}};
inline constexpr std::array<Word<Restore>, 2> kRestores{{{"refuse", Restore::refuse}, {"allow", Restore::allow}}};
inline constexpr std::array<Word<RefuseExec>, 2> kRefuseExecs{{{"error", RefuseExec::error}, {"exit-status", RefuseExec::exit_status}}};
inline constexpr std::array<Word<WithoutAppArmor>, 2> kWithout{
    {{"refuse", WithoutAppArmor::refuse}, {"capabilities-only", WithoutAppArmor::capabilities_only}}};
inline constexpr std::array<Word<CompareExecs>, 2> kCompareExecs{{{"before", CompareExecs::before}, {"after", CompareExecs::after}}};

}  // namespace aa::apparmor
