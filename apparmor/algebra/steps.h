// SPDX-License-Identifier: Apache-2.0
//
// Which bytes a state of an automaton tells apart: most lead where the usual one does, and a walk need take only one of those.
#pragma once

#include <bitset>
#include <map>
#include <optional>
#include <vector>

#include "apparmor/policy/automaton.h"

namespace aa::apparmor {

using Bytes = std::bitset<256>;

class Steps {
public:
    // By states of an automaton: the bytes that may lead elsewhere than all others do. Worked out when a state is first asked about.
    class OfAutomaton {
    public:
        explicit OfAutomaton(const Automaton& automaton) : automaton_(automaton), unusual_(automaton.size()) {}
        const Bytes& unusual(StateId state);

    private:
        const Automaton& automaton_;
        std::vector<std::optional<Bytes>> unusual_;
    };

    // AUTOMATON must outlive it.
    OfAutomaton& of(const Automaton& automaton) { return known_.try_emplace(&automaton, automaton).first->second; }

private:
    std::map<const Automaton*, OfAutomaton> known_;
};

}  // namespace aa::apparmor
