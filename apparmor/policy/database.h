// SPDX-License-Identifier: Apache-2.0
//
// An automaton of compiled policy with what goes with it: its permission table, or the permissions in its accepting values,
// and the targets that they name. Both generations of the format become one Automaton here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "apparmor/policy/automaton.h"
#include "apparmor/policy/automaton_reader.h"
#include "apparmor/policy/cursor.h"
#include "base/result.h"

namespace aa::apparmor {

// What the kernel calls a policydb, as read.
struct PolicyDatabase {
    RawAutomaton raw;                // without states: there is none
    std::size_t position = 0;        // of its bytes, for messages
    bool has_table = false;          // its states are indices into `table`
    bool owner_pairs = false;        // its second accepting values have flags
    std::vector<Permissions> table;  // what it says of each entry
    StateId start = kStartState;     // of all classes but files
    StateId files_start = kStartState;
    std::vector<std::string> targets;

    [[nodiscard]] bool empty() const { return raw.states.empty(); }
};

// Reads what stands at CURSOR of a policydb: nothing, or an automaton with its parts.
Result<PolicyDatabase> read_database(PolicyCursor& cursor);

// What inline accepting values mean: without a permission table a state's value has them itself.
enum class InlineForm : std::uint8_t {
    files,       // two halves, of the owner and of others, with exec targets
    attachment,  // the lowest bit: it attaches
    general,     // permissions as the kernel numbers them, of the owner and of others the same
};

// The automaton of DATABASE with its permissions decoded; DATABASE is used up but for its targets and starts.
Result<Automaton> make_automaton(PolicyDatabase& database, InlineForm form, const PolicyCursor& cursor);

}  // namespace aa::apparmor
