// SPDX-License-Identifier: Apache-2.0
//
// The agent on a Kubernetes node. One round looks at everything that the node needs and repairs what is missing, in an order
// in which a kill between two steps leaves nothing that the next round does not find:
//
//   aa-shimctl → catalog checked, delivered, loaded → aa-shim and its handlers → engine configured → a runtime found → engine restarted
//   → label
//
// The engine never names a program that is not there, and never aa-shim before a catalog is in force; aa-shim is replaced
// only after its own aa-shimctl has put the catalog in force in the form that it reads.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "ctl/host/host.h"
#include "ctl/node/cluster.h"
#include "ctl/node/delivery.h"
#include "ctl/node/engine.h"
#include "ctl/node/learnings.h"
#include "ctl/node/programs.h"

namespace aa::ctl::node {

struct Settings {
    std::string name;  // of the node, in the cluster; empty: nothing is told to anybody
    std::string catalog = "/catalog";
    std::string shim = "/usr/bin/aa-shim";
    std::string kubectl = "/usr/bin/kubectl";
    EngineSettings engine;
    bool restart_engine = false;
    bool learn = false;    // from what is marked
    std::string metrics;   // a file on the node, for a collector of Prometheus; empty: none
    bool prepare = false;  // the root is a tree that no kernel runs on: put files there, load and start nothing
};

class Agent {
public:
    Agent(Settings settings, Host host);

    // One round, told to the cluster if there is something new to tell, and written to the node (status.h). If another one FOLLOWS,
    // what is marked is learned from meanwhile.
    Condition round(bool follows);

    // Ends what is learned; to be called when no more rounds follow.
    void end_learning() { learnings_.end(); }

    // The node without aa-shim; an error says what still stands in the way, and so do the cluster's annotation and the node's status.
    Result<void> remove();
    // After that: says in the node's status that all is done; takes that away, too.
    void stay_removed() const;
    void leave() const;

private:
    using Clock = std::chrono::steady_clock;

    struct InForce {
        std::string hash;
        std::string refused;  // why the delivery of today is not it; empty: it is
    };
    // A delivery that was refused, to be looked at again when it changes, or after a minute: the node may have changed.
    struct Refusal {
        std::string hash;
        std::string reason;
        Clock::time_point at;
    };

    Result<Condition> settle();
    void add_learning(Condition& condition, bool follows);
    Result<InForce> bring_catalog(bool new_program);
    Result<void> check(const Delivery& delivery);
    Result<void> bring_engine();
    Result<void> take_away();
    void write_metrics() const;
    [[nodiscard]] Condition not_ready(const std::string& reason) const;
    void tell(const Condition& condition);
    void note(const Condition& condition) const;
    Result<void> tell_cluster(const Condition& condition);
    Result<void> lock();

    Settings settings_;
    Host host_;
    Cluster cluster_;
    Programs programs_;
    Learnings learnings_;
    Fd lock_;
    std::optional<Refusal> refusal_;
    std::string in_force_;  // the hash of the catalog in force, as this round has found it
    std::optional<Condition> told_;
    Clock::time_point told_at_;
    std::string logged_;
};

}  // namespace aa::ctl::node
