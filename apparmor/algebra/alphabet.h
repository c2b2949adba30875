// SPDX-License-Identifier: Apache-2.0
//
// The bytes that automata tell apart: a walk over all texts needs one of each kind only.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "apparmor/policy/automaton.h"

namespace aa::apparmor {

class Alphabet {
public:
    Alphabet();

    // Bytes that AUTOMATON steps on to different states are of different kinds from now on, and hardly any others.
    void split_by(const Automaton& automaton);
    // Each byte of BYTES becomes a kind of its own.
    void split_by(std::string_view bytes);

    // One byte of each kind, those first that are pleasant to read in an example.
    [[nodiscard]] std::vector<std::uint8_t> kinds() const;

private:
    // Each byte of BYTES is of another kind than all others from now on.
    void tell_apart(std::span<const std::uint8_t> bytes);

    std::array<std::uint8_t, 256> kind_{};   // a kind is called by the first byte of it
    std::array<std::uint16_t, 256> size_{};  // how many bytes are of a kind
};

}  // namespace aa::apparmor
