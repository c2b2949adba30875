// SPDX-License-Identifier: Apache-2.0
//
// RuncState: what an exec needs of runc's state.json. The file is runc's own, so it is taken at its word; it is read at
// every exec and long, so no more of it is read than must be.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "oci/json/string_map.h"

namespace aa::oci {

struct RuncState {
    std::int64_t init_pid = 0;
    std::int64_t init_start = 0;  // in clock ticks since boot
    bool user_namespace = false;  // the container has one of its own
    StringMap labels;             // split at the first "="; one without is left out
};

// Reads the whole of TEXT, strictly.
Result<RuncState> parse_runc_state(std::string_view text);

// The same from a part of TEXT, where TEXT is such as runc writes it; from the whole of it otherwise.
Result<RuncState> parse_runc_state_quickly(std::string_view text);

}  // namespace aa::oci
