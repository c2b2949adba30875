// SPDX-License-Identifier: Apache-2.0
//
// What the cluster is told about the node: one label, by which pods are placed, and two annotations for people. All of it
// is changed in one request, by kubectl with the pod's own service account (kubeconfig.h): no TLS and no HTTP of our own.
#pragma once

#include <string>
#include <utility>

#include "base/result.h"

namespace aa::ctl::node {

// The state of a node, and what people read about it.
struct Condition {
    bool ready = false;    // programs, catalog in force and engine are in order: pods may come
    bool current = false;  // ready, and the catalog in force is the one that was delivered last
    std::string status;    // one line
    std::string catalog;   // the hash of the catalog in force; empty: none is

    bool operator==(const Condition&) const = default;
};

class Cluster {
public:
    // KUBECTL is a program's path; NODE is the node's name there. Without a NODE nothing is told to anybody.
    Cluster(std::string kubectl, std::string node) : kubectl_(std::move(kubectl)), node_(std::move(node)) {}

    // Label aa-shim/ready=true (none if it is not), annotations aa-shim/status and aa-shim/catalog.
    [[nodiscard]] Result<void> tell(const Condition& condition) const;

    // None of the three.
    [[nodiscard]] Result<void> forget() const;

private:
    [[nodiscard]] Result<void> patch(const std::string& document) const;

    std::string kubectl_;
    std::string node_;
};

}  // namespace aa::ctl::node
