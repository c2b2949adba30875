// SPDX-License-Identifier: Apache-2.0
//
// What is risked with a rule that would allow what was denied: one word and a reason, from a table (docs/denials.md). It says what could be
// done with it from a container, not whether that is meant.
#pragma once

#include <cstdint>
#include <string_view>

#include "apparmor/audit/record.h"

namespace aa::apparmor {

enum class Risk : std::uint8_t {
    low,
    medium,
    high,   // a part of the host, or of other containers, can be reached
    never,  // the host is given away
};
std::string_view risk_name(Risk risk);

struct Risked {
    Risk risk = Risk::low;
    std::string_view reason;  // in words
};

// Of what EVENT asks for.
Risked risk_of(const Event& event);

}  // namespace aa::apparmor
