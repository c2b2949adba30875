// SPDX-License-Identifier: Apache-2.0
//
// The runtime that aa-shim becomes, and the one that an engine uses without it: install makes them the same program, or refuses. A
// container never changes its runtime silently, and none is promised to start that has none.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "ctl/install/document/wanted.h"
#include "ctl/install/plan/plan.h"

namespace aa::ctl::install {

// A runtime as an engine's configuration tells it.
struct UsualRuntime {
    std::string name;                     // what the engine calls it
    std::vector<std::string> candidates;  // where its program may be: the first that is there is it
    std::string other_shim;               // the shim that runs it in place of a program ("io.containerd.kata.v2"), or what else it is
    std::string place;                    // "FILE:LINE:COLUMN" of what says so; empty: nothing does
};

// Wants /etc/aa-shim/runtime to lead to what USUAL is, unless aa-shim becomes that anyway. Refused: a host without a runtime; one that
// others could write; USUAL being neither runc nor crun, or not the one that aa-shim is for another engine, unless it is to be replaced.
// TAKEN are runtimes of other names whose containers get aa-shim (--mandatory). Returns what aa-shim becomes.
Result<std::string> want_runtime(Draft& draft, const Wanted& wanted, const UsualRuntime& usual,
                                 const std::vector<UsualRuntime>& taken = {});

// NAME in each of DIRECTORIES; NAME itself if it is a path.
std::vector<std::string> places_of(const std::string& name, const std::vector<std::string>& directories);

}  // namespace aa::ctl::install
