// SPDX-License-Identifier: Apache-2.0
//
// The automata of compiled policy, as they stand in the kernel's binary form (security/apparmor/match.c), made into
// Automaton. All that the kernel verifies when it loads one is verified here; memory is a small multiple of the bytes read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "apparmor/policy/automaton.h"
#include "apparmor/policy/cursor.h"
#include "base/result.h"

namespace aa::apparmor {

// An automaton whose accepting values have not been decoded yet.
struct RawAutomaton {
    std::vector<std::uint64_t> states;  // as in Automaton::Tables, as are `edges` and `classes`
    std::vector<std::uint64_t> edges;
    std::vector<std::uint64_t> classes;
    std::vector<std::uint32_t> accept;
    std::vector<std::uint32_t> accept2;  // empty if it has none
};

// The automaton in BYTES, which stand at POSITION of what CURSOR reads. WANTS_ACCEPT2: one without second accepting values
// is refused.
Result<RawAutomaton> read_automaton(std::string_view bytes, std::size_t position, const PolicyCursor& cursor, bool wants_accept2);

}  // namespace aa::apparmor
