// SPDX-License-Identifier: Apache-2.0
//
// What a survey of this host tells: how each container stands to what was decided on it, and whether all is well.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ctl/catalog/in_force.h"
#include "ctl/twin/twin.h"
#include "shim/decision.h"

namespace aa::ctl::status {

// How a container stands.
enum class Standing : std::uint8_t {
    as_decided,
    created,     // as decided, as far as can be told: its program has not been started
    passed,      // the catalog leaves it as its engine made it
    deviates,    // a process of it is not as decided
    bypassed,    // it was not started by aa-shim
    forged,      // nor was it, by a record that aa-shim did not make
    elsewhere,   // nor was it meant to be: a pod of another class, where aa-shim is not the default
    agent,       // the agent of this node, which brings aa-shim and so cannot come by it
    unreadable,  // its state, its record or its processes
};

// All of them.
inline constexpr std::array kStandings{Standing::as_decided, Standing::created,   Standing::passed, Standing::deviates,  Standing::bypassed,
                                       Standing::forged,     Standing::elsewhere, Standing::agent,  Standing::unreadable};

// STANDING in one word without a space: what `status` shows, and its JSON and the metrics have.
const char* name_of(Standing standing);

struct ProcessReport {
    pid_t pid = 0;
    std::string command;                   // its own name for itself
    std::string label;                     // empty: AppArmor is off
    std::optional<std::string> deviation;  // what is not as decided
};

struct ContainerReport {
    std::string root;  // the runtime's --root
    std::string id;
    pid_t init = 0;  // its first process; 0: that cannot be read
    Standing standing = Standing::as_decided;
    std::string problem;  // why it is unreadable
    shim::Subject subject;
    std::optional<shim::Decision> decision;
    std::vector<ProcessReport> processes;
};

struct Survey {
    std::optional<std::string> apparmor_off;  // why
    std::optional<CatalogInForce> catalog;
    std::string no_catalog;             // why there is none
    std::vector<std::string> unloaded;  // "profile 'NAME' of confinement 'NAME'" that the kernel does not hold
    std::vector<std::string> revealed;  // profiles whose deny rules tell what they deny (`denials --reveal`)
    std::vector<Twin> twins;            // under which containers are learned from, or were
    std::vector<ContainerReport> containers;
    bool require_all = false;              // a container that did not come to aa-shim is a fault wherever it was meant to go
    std::vector<ProcessReport> strangers;  // first processes of PID namespaces that are no known container's

    // Whether all is as the operator decided.
    [[nodiscard]] bool ok() const;
};

}  // namespace aa::ctl::status
