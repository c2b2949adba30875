// SPDX-License-Identifier: Apache-2.0
//
// The bytes that automata tell apart: a walk over all texts needs one of each kind only.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "apparmor/policy/automaton.h"

namespace aa::apparmor {

class Alphabet {
public:
    Alphabet();

    // Bytes that AUTOMATON steps on to different states are of different kinds from now on.
    void split_by(const Automaton& automaton);
    // Each byte of BYTES becomes a kind of its own.
    void split_by(std::string_view bytes);

    // One byte of each kind, those first that are pleasant to read in an example.
    [[nodiscard]] std::vector<std::uint8_t> kinds() const;

private:
    std::array<std::uint16_t, 256> kind_{};
};

}  // namespace aa::apparmor
