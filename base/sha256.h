// SPDX-License-Identifier: Apache-2.0
//
// SHA-256 (FIPS 180-4): the name of a content that is kept, as `sha256sum` prints it. For aa-shimctl only.
#pragma once

#include <string>
#include <string_view>

namespace aa {

// The digest of TEXT in 64 hexadecimal digits.
std::string sha256(std::string_view text);

}  // namespace aa
