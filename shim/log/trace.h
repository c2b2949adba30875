// SPDX-License-Identifier: Apache-2.0
//
// What is known of a call when it ends, in whichever way: for the log, the counters and the error text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "shim/log/subject.h"

namespace aa::shim {

// Why something was refused, as it is counted and as the log's field `reason` names it; the order is that of the counters.
enum class Refusal : std::uint8_t {
    policy,   // the catalog, or a profile's rules, say no
    catalog,  // there is no compiled catalog, or none that can be used
    profile,  // a profile of the label is not loaded
    config,   // a bundle, a process spec or the command line cannot be understood or trusted
    system,   // the host: AppArmor is off, a container that does not run, a call that the kernel refused
};

// "policy", "catalog", "profile", "config", "system".
std::string_view refusal_name(Refusal refusal);

// A container that stays as its engine made it.
enum class Passed : std::uint8_t { no, sandbox, container };

using Fields = std::vector<std::pair<std::string_view, std::string>>;

struct Trace {
    // What an error is about, as far as its kind does not tell.
    enum class Step : std::uint8_t { other, opens_catalog, asks_for_profile };

    std::string id;            // of the decision
    std::string decision_log;  // the catalog's JSON-lines file; empty: none
    bool logs_exec_processes = false;
    bool compares_execs_after = false;  // they have begun
    Fields fields;
    Step step = Step::other;
    Passed passed = Passed::no;
    bool as_exit_status = false;  // the refusal of an exec is given as the exit status of its command
};

// Why the call of TRACE was refused that ended with an error of KIND.
Refusal refusal_of(const Trace& trace, ErrorKind kind);

// Whether FIELDS has NAME.
bool has_field(const Fields& fields, std::string_view name);

// Adds to FIELDS what is known of SUBJECT and missing there.
void trace_subject(const Subject& subject, Fields& fields);

}  // namespace aa::shim
