// SPDX-License-Identifier: Apache-2.0
//
// What a program that is started gets, an exec's or a container's first one: it makes the transition that the base profile
// prescribes, as if a process of the container had executed it. Pure, as decision.h.
#pragma once

#include <string>
#include <vector>

#include "apparmor/catalog/catalog.h"
#include "apparmor/current_policy.h"
#include "apparmor/policy/transition.h"
#include "base/result.h"

namespace aa::shim {

// What is started.
struct Program {
    std::string word;         // args[0] as typed
    apparmor::ExecFile file;  // the file that it means in the container
};

// Whether an exec under CONFINEMENT depends on its program: without rules, "base" is all the same to every one.
bool looks_at_program(const apparmor::Confinement& confinement);

// The same where AppArmor is off: only what denies counts there, and that needs no kernel.
bool denies_programs(const apparmor::Confinement& confinement);

// The labels that the exec rules of CONFINEMENT give to commands in a container whose processes start from BASE.
std::vector<std::string> exec_rule_labels(const apparmor::Confinement& confinement, const std::string& base);

// The label for an exec of PROGRAM in a container whose processes start from BASE under CONFINEMENT: its first exec rule
// that matches, else `otherwise`. An error of kind denied is worded so that engines report 126.
Result<std::string> judge_exec(const apparmor::Confinement& confinement, const std::string& base, const Program& program,
                               apparmor::PolicyQuestions& policy, std::vector<std::string>& reasons);

// BASE with the components that OWN, the confinement's choice, put there replaced by PROFILE: what a caller stacked on top stays.
std::string replace_component(const std::string& base, const apparmor::ProfileChoice& own, const std::string& profile);

// The label for an exec of PROGRAM in a container that is learned from, whose processes start from BASE: that one, unless the catalog denies
// it. Other profiles, by exec rules or by transitions, are for when it has been learned what they are to allow.
Result<std::string> judge_learned_exec(const apparmor::Confinement& confinement, const std::string& base, const Program& program,
                                       std::vector<std::string>& reasons);

// What an exec of PROGRAM under CONFINEMENT may be where AppArmor is off: no rule gives it a label then, but what a rule or `otherwise`
// denies is refused as ever. What the profile itself would refuse is not known.
Result<void> judge_exec_without_apparmor(const apparmor::Confinement& confinement, const Program& program,
                                         std::vector<std::string>& reasons);

// What a shell gives for a command that is there and may not be executed (POSIX, Shell Command Language, 2.8.2).
inline constexpr int kMayNotBeExecuted = 126;

// Whether REFUSAL, an error of one of the two above, is to be given as that exit status of the command. What could not be judged never is.
bool is_given_as_status(const apparmor::Confinement& confinement, const Error& refusal);

// The label for the first PROGRAM of such a container when its confinement says "start": "from-profile".
Result<std::string> judge_start(const apparmor::Confinement& confinement, const std::string& base, const Program& program,
                                apparmor::PolicyQuestions& policy, std::vector<std::string>& reasons);

// The same where the engine put an init of its own in front of PROGRAM: the init starts in BASE, and the kernel makes the
// transition when it executes PROGRAM. Refused if that is known to fail: no rule allows it, or it would have to change the
// profile under no-new-privileges.
Result<std::string> judge_start_behind_init(const apparmor::Confinement& confinement, const std::string& base, const Program& program,
                                            bool no_new_privileges, apparmor::PolicyQuestions& policy, std::vector<std::string>& reasons);

}  // namespace aa::shim
