// SPDX-License-Identifier: Apache-2.0
//
// Containers as the runtimes' state tells of them, below the places where the engines have the runtimes keep it: all of them, or one
// that is found by what a person types: an ID or an unambiguous beginning of one, the name that its engine shows, or a state directory.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "oci/state/state.h"
#include "shim/decision.h"

namespace aa::ctl {

struct RunningContainer {
    std::string root;  // the runtime's --root
    std::string id;
    oci::ContainerState state;
};

// A container that was found, running or not; its state, or why that cannot be read.
struct FoundContainer {
    std::string root;
    std::string id;
    Result<oci::ContainerState> state;
};

// All containers below ROOT ("": everywhere the engines put them), in the order of their places.
std::vector<FoundContainer> find_all(const std::string& root);

// Who CONTAINER is, as its engine says now; empty where it does not, or cannot be understood.
shim::Subject subject_of(const RunningContainer& container);

// The container that WORD names, below ROOT ("": everywhere the engines put them). An error of kind not_found: there is none, it
// is not running, or WORD names several.
Result<RunningContainer> find_running(const std::string& word, const std::string& root);

}  // namespace aa::ctl
