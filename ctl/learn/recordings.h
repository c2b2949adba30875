// SPDX-License-Identifier: Apache-2.0
//
// The recordings of a confinement: where they lie, and several as one, as those of a fleet.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apparmor/learn/recording.h"
#include "base/result.h"

namespace aa::ctl::learned {

// Each a recording as a file has it, or the log of a node's agent (agent_log.h).
struct RecordingFiles {
    std::string recording;            // in place of the host's own; empty: that
    std::vector<std::string> merged;  // of other hosts
};

// The recording of CONFINEMENT, with all that is merged: the same whatever the order. The host's own need not be there if others are.
Result<apparmor::Recording> read_recordings(const std::string& confinement, const RecordingFiles& files);

// Writes RECORDING to PATH, at once and for root alone; "-" is standard output.
Result<void> export_recording(const apparmor::Recording& recording, const std::string& path);

}  // namespace aa::ctl::learned
