// SPDX-License-Identifier: Apache-2.0
//
// Time as log lines write it.
#pragma once

#include <optional>
#include <string>

namespace aa {

// SECONDS since the epoch as "2026-11-22T19:30:00Z" (RFC 3339, UTC). No time zone database is read.
std::string rfc3339(long long seconds);

// The same back; nothing if TEXT is not written so.
std::optional<long long> read_rfc3339(const std::string& text);

}  // namespace aa
