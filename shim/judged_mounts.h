// SPDX-License-Identifier: Apache-2.0
//
// The places of the host that somebody asked for, from when they were judged to when the runtime has mounted them: who can write in a
// directory on the way can put another place there in between.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "oci/bundle/bundle.h"
#include "shim/decision.h"
#include "shim/host_facts.h"

namespace aa::shim {

// Those of FACTS that CONFIG has the runtime mount, and that no later mount of it covers. REMOVED: which of its mounts are taken away, for each;
// empty: none.
std::vector<JudgedMount> judged_mounts(const oci::Config& config, const HostFacts& facts, const std::vector<bool>& removed);

// MOUNTS as a record has them, and read from there; false if TEXT is none.
std::string to_text(const std::vector<JudgedMount>& mounts);
bool read_judged_mounts(std::string_view text, std::vector<JudgedMount>& mounts);

// An error of kind denied unless each of MOUNTS is where the process PID, which executes no program of its container's yet, has it: a mount
// of its own of the very file or directory that was judged. Of another kind: that could not be looked at.
Result<void> check_mounts(pid_t pid, const std::vector<JudgedMount>& mounts);

}  // namespace aa::shim
