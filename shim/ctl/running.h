// SPDX-License-Identifier: Apache-2.0
//
// Running containers, found by what a person types: an ID or an unambiguous beginning of one, the name that its engine
// shows, or a state directory, below the places where the engines have the runtimes keep their state.
#pragma once

#include <string>

#include "base/result.h"
#include "oci/state.h"

namespace aa::shim::ctl {

struct RunningContainer {
    std::string root;  // the runtime's --root
    std::string id;
    oci::ContainerState state;
};

// The container that WORD names, below ROOT ("": everywhere the engines put them). An error of kind not_found: there is none, it
// is not running, or WORD names several.
Result<RunningContainer> find_running(const std::string& word, const std::string& root);

}  // namespace aa::shim::ctl
