// SPDX-License-Identifier: Apache-2.0
//
// The explanation of an exec as a value: every step from the word that was typed to the label. explain_exec.cc makes it,
// exec_explanation.cc prints it.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "apparmor/catalog/catalog.h"
#include "apparmor/policy/transition.h"
#include "base/result.h"
#include "ctl/cli/output.h"
#include "ctl/explain/policy.h"

namespace aa::ctl {

// A file that the word could have meant, and what was found there.
struct PathCandidate {
    std::string path;
    std::string found;  // its path without symlinks; or why it is passed over
    bool taken = false;
};

// The file that is executed, as far as more than its path is known.
struct ExplainedFile {
    std::string path;
    std::string script;  // its #! line
    std::string meant;   // the word that is really meant, behind an init, env or a shell
    std::optional<uid_t> owner;
    std::optional<uid_t> process_uid;  // of the host, as the owner
    std::string process_user;          // as the container numbers it
    bool owned = false;
};

struct ExplainedStep {
    apparmor::ExecStep step;
    SourceRules rules;
};

struct ExecExplanation {
    std::string container, root;  // empty: a profile and a path were given
    pid_t init = 0;
    std::string decision;  // of the container
    std::string word;
    std::vector<PathCandidate> candidates;
    std::optional<ExplainedFile> file;
    std::optional<apparmor::Confinement> confinement;
    std::size_t tried_rules = 0;             // exec rules that were tried
    std::optional<std::size_t> chosen_rule;  // the one of them that matches
    std::optional<std::string> base;
    std::string policy;  // where the answers come from
    std::vector<ExplainedStep> steps;
    std::optional<apparmor::ExecOutcome> outcome;
    bool no_new_privileges = false;
    bool is_learned = false;  // the container is learned from, now
    std::vector<std::string> reasons, notes;
    std::optional<std::string> label;  // of the process; empty if refused, or if there is no AppArmor
    std::optional<Error> refusal;
    bool as_exit_status = false;  // the refusal is given as the exit status of the command
};

void print_text(const ExecExplanation& explanation);
Json to_json(const ExecExplanation& explanation);

// The exit code: kOk if it is allowed.
int exit_code(const ExecExplanation& explanation);

}  // namespace aa::ctl
