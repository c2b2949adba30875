// SPDX-License-Identifier: Apache-2.0
//
// The policy that a question is about: the one that the kernel has loaded, or what profile files define, sources or compiled ones.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "apparmor/kernel/kernel.h"
#include "apparmor/policy/policy.h"
#include "apparmor/source/profile_source.h"
#include "base/result.h"
#include "ctl/cli/command.h"

namespace aa::ctl {

struct OpenedPolicy {
    std::unique_ptr<apparmor::Policy> policy;
    std::string features;             // what its profiles were compiled for, as Parser::compile() takes it
    std::vector<std::string> files;   // its sources; of the kernel's policy none are known
    std::vector<std::string> broken;  // what is wrong with files that are not among its policy, each with its name
    std::string includes;             // where these find what they include, before /etc/apparmor.d; empty: nowhere else
};

// That of PATHS, which are files or directories of them; without any the kernel's, which root alone can read. All profiles of files are
// compiled at once, and none may be defined twice. Of several files those that are broken are left out, and named; if all are, it is an error.
Result<OpenedPolicy> open_policy(const std::vector<std::string>& paths, const apparmor::Kernel& kernel);

// Tells what is broken in OPENED, unless it is told in a document; whether anything is.
bool complain_of_broken(const Context& context, const std::vector<std::string>& broken);

// The rules of PROFILE in FILE, a source of OPENED, and in what that includes.
Result<apparmor::ProfileText> read_text(const OpenedPolicy& opened, const std::string& file, const std::string& profile,
                                        apparmor::WantedRules wanted = apparmor::WantedRules::exec);

}  // namespace aa::ctl
