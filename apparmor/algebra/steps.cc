// SPDX-License-Identifier: Apache-2.0
#include "apparmor/algebra/steps.h"

#include <cstdint>

namespace aa::apparmor {

namespace {

// Of a base: its flags left out (apparmor/policy/automaton.h).
constexpr std::uint32_t kBaseMask = 0x00FFFFFF;

std::size_t column_of(const Automaton::Tables& tables, unsigned byte) {
    return tables.classes.empty() ? byte : (tables.classes[byte / 8U] >> (8U * (byte % 8U))) & 0xFFU;
}

}  // namespace

// Those with an edge of their own, in the state or in one that it is encoded by: all others lead where the last default does.
const Bytes& Steps::OfAutomaton::unusual(StateId state) {
    auto& known = unusual_[state];
    if (known) return *known;
    known.emplace();
    const auto& tables = automaton_.tables();
    for (std::size_t left = automaton_.size(); left > 0; --left) {
        const std::uint64_t word = tables.states[state];
        const auto base = static_cast<std::uint32_t>(word >> 32U) & kBaseMask;
        for (unsigned byte = 0; byte < known->size(); ++byte) {
            if ((tables.edges[base + column_of(tables, byte)] >> 32U) == state) known->set(byte);
        }
        if (!automaton_.is_differential(state)) break;
        state = static_cast<StateId>(word);
    }
    return *known;
}

}  // namespace aa::apparmor
