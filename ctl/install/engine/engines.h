// SPDX-License-Identifier: Apache-2.0
//
// The engines: where each keeps its configuration, and what it takes for aa-shim to be known to it. A judge looks, and says what
// it wants in a Draft; nothing is changed here.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ctl/install/document/wanted.h"
#include "ctl/install/plan/plan.h"
#include "ctl/install/plan/units.h"

namespace aa::ctl::install {

// How long an engine's own program may take to tell what it makes of its configuration.
inline constexpr int kToolSeconds = 120;

// A comparison of the configuration as the engine's own program reads it before and after.
struct Validation {
    std::function<Result<void>()> after;  // an error if more than ours has changed
    std::string note;                     // what was, or could not be, validated
};

struct Engine {
    std::string_view name;
    // Wants what WANTED takes.
    Result<void> (*want)(Draft& draft, const Wanted& wanted);
    // Asks for the base of every file in which there could be something of ours, should the record be lost.
    Result<void> (*forget)(Draft& draft);
    // Reads the configuration as it is now. With ANY_STATE a configuration that the engine refuses is no error.
    Result<Validation> (*validation)(const Host& host, bool any_state);
};

// All of them; "kubernetes" is none: it is one of these on each node (kubernetes.h).
const std::vector<const Engine*>& engines();
const Engine* find_engine(std::string_view name);

extern const Engine kDocker;
extern const Engine kContainerd;
extern const Engine kCrio;
extern const Engine kPodman;
extern const Engine kK3s;
extern const Engine kRke2;
extern const Engine kK0s;
extern const Engine kMicrok8s;  // refuses, with the way to do it by hand

// Wants the links aa-shim-NAME; those by which `runc` and `crun` are aa-shim in an engine's PATH.
void want_links(Draft& draft, const Wanted& wanted);
void want_engine_links(Draft& draft, const Wanted& wanted);

// Whether the engine's program NAME is on the host: where its UNIT says, or in the PATH of one; and the error if it is not.
bool has_program(const Host& host, const Unit& unit, const std::string& name);
Error no_engine(const Host& host, const Unit& unit, std::string_view name);
// An error unless the engine is there: its program NAME, or else its configuration SIGN, which may be of a program in a place of its own;
// then a note.
Result<void> require_engine(Draft& draft, const Unit& unit, const std::string& name, const std::string& sign);

// An error if aa-shim is not on the host.
Result<void> require_shim(const Host& host, const Wanted& wanted);

}  // namespace aa::ctl::install
