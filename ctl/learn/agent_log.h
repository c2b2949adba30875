// SPDX-License-Identifier: Apache-2.0
//
// Recordings in the log of the agent of a Kubernetes node: each line of a recording is an object of JSON there, with the node, the confinement
// and the time beside it. A recording is written anew as it grows, whole each time, so of each node the last one counts; lines may stand among
// others, and have something in front of them, as the time or the pod (kubectl logs --timestamps, --prefix).
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/learn/recording.h"
#include "base/result.h"

namespace aa::ctl::learned {

// RECORDING, as a file has it, of CONFINEMENT on NODE, as it was AT so many seconds after the epoch: the lines of the log.
std::vector<std::string> log_lines(std::string_view node, std::string_view confinement, long long at, std::string_view recording);

// Whether TEXT is such a log.
bool is_agent_log(std::string_view text);

// What several logs have of one confinement, whatever their order, and though they have the same twice.
class AgentLogs {
public:
    explicit AgentLogs(std::string confinement) : confinement_(std::move(confinement)) {}

    // Takes the log TEXT, which messages call FILE. An error if it has nothing of the confinement, or a line that no agent writes.
    Result<void> add(std::string_view text, const std::string& file);

    // The last one of each node; an error if it is not whole.
    [[nodiscard]] Result<std::vector<apparmor::Recording>> recordings() const;

private:
    struct Last {
        std::string at;
        std::size_t lines = 0;
        std::map<std::size_t, std::string> seen;
    };
    bool take(std::string_view line, bool& is_meant);

    std::string confinement_;
    std::map<std::string, Last> by_node_;
};

}  // namespace aa::ctl::learned
