// SPDX-License-Identifier: Apache-2.0
//
// The syntax of a profile file: all that apparmor_parser would refuse, in one run, with the cause and the cure beside the parser's own words.
// The parser stops at the first fault; so it is asked again about a copy in which that is mended or taken out, until nothing is left.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apparmor/findings/finding.h"
#include "apparmor/source/parser_process.h"
#include "base/result.h"

namespace aa::apparmor {

// The faults of TEXT, the contents of FILE, compiled for FEATURES (as Parser::compile takes them); and what the parser takes although it is
// not what it looks like (slips.h). No finding of severity error: the parser takes TEXT. By their places. An error only if the parser
// cannot be run.
Result<std::vector<Finding>> syntax_findings(const Parser& parser, const std::string& file, std::string_view text,
                                             const std::string& features);

}  // namespace aa::apparmor
