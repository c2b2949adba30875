// SPDX-License-Identifier: Apache-2.0
//
// Comments by which the author of a file takes a finding out of it, with the reason: `# aa-shim: ignore AA401 because …` in a profile,
// `// aa-shim: ignore …` in a catalog. Such a comment means its own line, or, where it stands alone, the next line that is not a
// comment. For aa-shimctl only.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/findings/finding.h"

namespace aa::apparmor {

// A file that was looked at.
struct SourceText {
    std::string file;
    std::string text;
};

enum class Coverage : bool {
    some,  // not every check was made: what a comment silences may be found another time
    all,
};

// FINDINGS without those that comments of FILES silence, and with what is wrong with the comments themselves: no reason, no such
// code, one that no comment can silence, nothing there to silence.
std::vector<Finding> without_silenced(std::vector<Finding> findings, std::span<const SourceText> files, Coverage coverage);

// Whether comments can silence CODE: no error, which would still be one when the file is loaded, and nothing about comments.
bool can_be_silenced(std::string_view code);

}  // namespace aa::apparmor
