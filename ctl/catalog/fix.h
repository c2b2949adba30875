// SPDX-License-Identifier: Apache-2.0
//
// aa-shimctl check --fix: shows what the findings about profile files would change, asks, and changes it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "apparmor/findings/fix.h"
#include "ctl/cli/command.h"

namespace aa::ctl {

struct FixOptions {
    bool fix = false;
    bool yes = false;  // do not ask
};

// The findings in the text of a file.
using ExamineFile = std::function<Result<std::vector<apparmor::Finding>>(const std::string& file, const std::string& text)>;

// Shows the changes to FILES as a unified diff on standard output and makes them, if OPTIONS or a person at the terminal say so; what is
// left is printed as `check` does. kWrong unless everything is mended. Nothing is written unless every file can be mended as far as its
// findings go, and stays as good as it was by MAY_REPLACE.
int fix_files(const Context& context, const FixOptions& options, const std::vector<std::string>& files, const ExamineFile& examine,
              const apparmor::MayReplace& may_replace);

}  // namespace aa::ctl
