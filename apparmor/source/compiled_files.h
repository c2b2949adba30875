// SPDX-License-Identifier: Apache-2.0
//
// Many files of profiles, compiled at once. For aa-shimctl only.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "apparmor/policy/policy.h"
#include "apparmor/source/parser_process.h"
#include "base/result.h"

namespace aa::apparmor {

// Those of FILES whose policy PARSER does not know yet.
std::vector<std::string> unknown_files(const Parser& parser, const std::vector<std::string>& files, const std::string& features);

// What the parser made of files, by their paths. Not among them: what it did not take, or keeps for nobody, as files that the operator forces to
// complain.
using Policies = std::map<std::string, std::string>;
struct Compilation {
    Policies policies;
    bool ok = true;  // it took all of them
};

// Compiles FILES in as few runs as their names allow, with a directory for the parser in DIRECTORY (empty: where temporary files are). PARSER
// knows from then on what came out.
Result<Compilation> compile_together(const Parser& parser, const std::vector<std::string>& files, const std::string& features,
                                     const std::string& directory = {});

// Leaves POLICIES in DIRECTORY, and finds that of FILE there.
Result<void> leave_policies(const Policies& policies, const std::string& directory);
std::optional<std::string> left_policy(const std::string& file, const std::string& directory);

// What compile_files() says of each of FILES by itself, in their order; the parser is run once for all that it takes and does not
// know yet, and uses all processors.
std::vector<Result<std::vector<Profile>>> compile_each(const Parser& parser, const std::vector<std::string>& files,
                                                       const std::string& features);

}  // namespace aa::apparmor
