// SPDX-License-Identifier: Apache-2.0
//
// Mending a file by the edits that its findings bring: nothing else in it changes, it is never worse off than before, and what a profile that
// loads already allows does not become more.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/findings/finding.h"
#include "apparmor/source/parser_process.h"
#include "base/result.h"

namespace aa::apparmor {

// TEXT with the edits of those FINDINGS that have some, each finding's all or none. One that touches what an earlier one changes is left
// for another time.
std::string apply_fixes(std::string_view text, std::span<const Finding> findings);

struct Fixed {
    std::string text;
    std::vector<Finding> left;  // what it does not mend
};

using Examine = std::function<Result<std::vector<Finding>>(const std::string& text)>;

// Whether a text may replace another; an error says why it may not.
using MayReplace = std::function<Result<void>(const std::string& old_text, const std::string& new_text)>;

// TEXT, the contents of FILE, mended until EXAMINE finds nothing more that brings edits. An error, and nothing is mended, if it would
// have more errors than before, or if MAY_REPLACE says so.
Result<Fixed> fix_text(const std::string& file, const std::string& text, const Examine& examine, const MayReplace& may_replace);

// The MayReplace of profiles: what PARSER compiles for FEATURES, if it compiles, compiles to the same bytes; so no fix widens it.
MayReplace same_policy(const Parser& parser, const std::string& features);

}  // namespace aa::apparmor
