// SPDX-License-Identifier: Apache-2.0
#include "apparmor/policy/steps.h"

#include <cstddef>
#include <cstdint>

namespace aa::apparmor {

// Those with an edge of their own, in the state or in one that it is encoded by: all others lead where the last default does.
const Bytes& Steps::OfAutomaton::unusual(StateId state) {
    auto& known = unusual_[state];
    if (known) return *known;
    known.emplace();
    for (std::size_t left = automaton_.size(); left > 0; --left) {
        for (unsigned byte = 0; byte < known->size(); ++byte) {
            if (automaton_.has_edge(state, static_cast<std::uint8_t>(byte))) known->set(byte);
        }
        if (!automaton_.is_differential(state)) break;
        state = automaton_.default_of(state);
    }
    return *known;
}

}  // namespace aa::apparmor
