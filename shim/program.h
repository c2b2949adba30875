// SPDX-License-Identifier: Apache-2.0
//
// The program that a process spec starts: which file its first word means in the container, and whose that file is. What
// judging (exec_decision.h) needs to know of the world.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/capability_set.h"
#include "base/result.h"
#include "oci/bundle/bundle.h"
#include "oci/bundle/process_spec.h"
#include "shim/exec_decision.h"

namespace aa::shim {

// That of a process of SPEC, its capabilities cut to CEILING, in the running container whose first process is INIT.
Result<Program> find_program(pid_t init, const oci::ProcessSpec& spec, CapabilitySet ceiling);

// The first program of a container that is about to be created from CONFIG in the bundle directory BUNDLE.
struct FirstProgram {
    Program program;
    bool behind_init = false;  // the engine put an init of its own in front of it
};
Result<FirstProgram> find_first_program(std::string_view bundle, const oci::Config& config, CapabilitySet ceiling);

}  // namespace aa::shim
