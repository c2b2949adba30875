// SPDX-License-Identifier: Apache-2.0
//
// An engine's own program, run to read a configuration: in the host's root, with an argument vector and an environment of our
// own, never through a shell, and not for longer than two minutes.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "shim/ctl/install/host.h"

namespace aa::shim::ctl::install {

struct ToolRun {
    int exit_code = 0;  // 128 + N after signal N
    std::string output;
    std::string errors;

    [[nodiscard]] bool ok() const { return exit_code == 0; }
    // The last line that it wrote to standard error, which is where the reason is.
    [[nodiscard]] std::string reason() const;
};

// The first of PATHS that is a program on HOST; nothing if none is.
std::optional<std::string> find_tool(const Host& host, std::span<const std::string_view> paths);

// Runs the program at PATH of HOST with ARGUMENTS and waits. An error only if it could not be run, or did not end.
Result<ToolRun> run_tool(const Host& host, const std::string& path, const std::vector<std::string>& arguments);

}  // namespace aa::shim::ctl::install
