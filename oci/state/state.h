// SPDX-License-Identifier: Apache-2.0
//
// Where a runtime keeps what it knows of a container, and what an exec needs of it. The state directory is named by the
// engine; what lies in it counts only when root (or, for a rootless engine, we) alone could have written it.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/result.h"
#include "oci/command_line/command_line.h"
#include "oci/json/string_map.h"

namespace aa::oci {

struct ContainerState {
    pid_t init_pid = 0;  // 0: stopped
    std::string bundle;  // absolute
    StringMap annotations;
    bool user_namespace = false;  // it has one of its own, which an exec joins

    // The value of the annotation KEY; empty if it is not there.
    [[nodiscard]] std::string_view annotation(std::string_view key) const;
};

// The runtime's state directory: the --root of LINE, or what KIND takes when there is none (runc
// rootless_linux.go: $XDG_RUNTIME_DIR only when not root; crun: whenever that is set). Absolute.
Result<std::string> state_root(const CommandLine& line, RuntimeKind kind);

// Reads the state of container ID below ROOT: runc's state.json, crun's status and copy of config.json. The init
// process is checked against its recorded start time (/proc/PID/stat field 22); one that is gone, dead or another gives
// init_pid 0. ROOT, the container's directory in it and the files must be root's and nobody else's to write. An ID that
// a runtime would refuse (runc: [A-Za-z0-9_+.-]) is an error, so that it never names a path.
Result<ContainerState> read_container_state(const std::string& root, std::string_view id, RuntimeKind kind);

// Whether the container ID below ROOT was created and its program has not been started yet: the runtime waits at a FIFO in its state
// directory (runc libcontainer, execFifoFilename; crun container.c, exec_fifo).
bool waits_for_start(const std::string& root, std::string_view id);

// Whether ID is one that the runtimes accept (runc libcontainer/factory_linux.go, validateID).
bool is_valid_id(std::string_view id);

}  // namespace aa::oci
