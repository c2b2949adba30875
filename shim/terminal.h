// SPDX-License-Identifier: Apache-2.0
//
// A terminal for a command, one side of which goes to the engine as the runtimes send it (--console-socket; runc docs/terminals.md).
#pragma once

#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace aa::shim {

// The command's side of a new terminal, whose other side was sent to CONSOLE_SOCKET.
Result<Fd> open_terminal(std::string_view console_socket);

}  // namespace aa::shim
