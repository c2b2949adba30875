// SPDX-License-Identifier: Apache-2.0
//
// Foreign text on one line, without the quotes of quote() (text.h).
#pragma once

#include <string>
#include <string_view>

namespace aa {

// TEXT safe for a terminal and a log line: control characters, bytes that are not UTF-8 and the characters ALSO are written as \xHH, and
// more than LIMIT bytes are cut with "…".
std::string escape(std::string_view text, std::string_view also, std::size_t limit);

}  // namespace aa
