// SPDX-License-Identifier: Apache-2.0
//
// The real runtime: which one it is, and becoming it. There is no fork in between: engines tie the runtime's life to
// theirs (PDEATHSIG) and know it by its pid.
#pragma once

#include <span>
#include <string>

#include "base/result.h"
#include "oci/command_line.h"

namespace aa::shim {

struct Runtime {
    std::string path;  // packaged, absolute; also its argv[0] (crun looks at its name)
    oci::RuntimeKind kind = oci::RuntimeKind::runc;
};

// The target of /etc/aa-shim/runtime if that symbolic link exists, else the first packaged runc or crun. Refused: a
// runtime that others could have written, one that is aa-shim itself, a name that tells neither runc nor crun.
Result<Runtime> find_runtime();

// Becomes the runtime with ARGUMENTS (argv without argv[0]); environment, working directory, descriptors and signals stay
// as they are. Returns only if that fails.
Error become_runtime(const Runtime& runtime, std::span<const char* const> arguments);

// A descriptor holding TEXT that the runtime will inherit, with its path: numbered above everything that LINE and the
// environment (LISTEN_FDS) reserve for the container, sealed against change.
Result<std::string> hand_over(std::string_view text, const oci::CommandLine& line);

}  // namespace aa::shim
