// SPDX-License-Identifier: Apache-2.0
//
// The real runtime: which one it is, and becoming it. There is no fork in between: engines tie the runtime's life to
// theirs (PDEATHSIG) and know it by its pid.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "oci/command_line/command_line.h"

namespace aa::shim {

// The operator's choice, a symbolic link; and where runtimes are looked for where there is none, as Debian, Fedora, SUSE and Docker's
// own packages place them.
inline constexpr const char* kRuntimeChoice = "/etc/aa-shim/runtime";
inline constexpr std::array<const char*, 4> kPackagedRuntimes{"/usr/sbin/runc", "/usr/bin/runc", "/usr/bin/crun", "/usr/sbin/crun"};

struct Runtime {
    std::string path;  // packaged, absolute; also its argv[0] (crun looks at its name)
    oci::RuntimeKind kind = oci::RuntimeKind::runc;
};

// How the program at PATH reads its command line, by its name: an error if that tells neither runc nor crun.
Result<oci::RuntimeKind> runtime_kind(std::string_view path);

// The target of the operator's choice if there is one, else the first packaged runc or crun. Refused: a runtime that others
// could have written, one that is aa-shim itself, a name that tells neither runc nor crun.
Result<Runtime> find_runtime();

// Becomes the runtime with ARGUMENTS (argv without argv[0]); environment, working directory, descriptors and signals stay
// as they are. Returns only if that fails.
Error become_runtime(const Runtime& runtime, std::span<const char* const> arguments);

// The document at PATH that an engine has made for the runtime: a file, or a pipe (`<(…)`, /dev/stdin), of which there is only this one
// reading; at most 16 MiB. A FIFO waits for its writer, as in the runtimes.
Result<std::string> read_document(std::string_view path);

// A descriptor holding TEXT that the runtime will inherit, with its path: numbered above everything that LINE and the
// environment (LISTEN_FDS) reserve for the container, sealed against change.
Result<std::string> hand_over(std::string_view text, const oci::CommandLine& line);

}  // namespace aa::shim
