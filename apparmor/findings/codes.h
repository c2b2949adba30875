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
    // AA2xx: names and attachments
    // AA3xx: flags
    // AA4xx: living in a container
    // AA5xx: the catalog against the profiles
    // AA9xx: silences
};

}  // namespace aa::apparmor
