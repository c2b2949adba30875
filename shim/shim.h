// SPDX-License-Identifier: Apache-2.0
//
// The story of aa-shim: read the command line → (not ours? become the runtime now) → judge → rewrite → log → become the runtime.
#pragma once

#include <span>
#include <string_view>

namespace aa::shim {

// Runs one call with ARGUMENTS (argv without argv[0]); PROGRAM is the file name by which aa-shim was called. Returns only
// if the runtime was not reached: the exit code, 255 for exec and 1 otherwise. The error was told by then.
int run(std::span<const char* const> arguments, std::string_view program);

// Tells that there was no memory left for the call with ARGUMENTS, of which run() has thrown (nothing else is thrown there); the exit code as
// above.
int fail_without_memory(std::span<const char* const> arguments) noexcept;

}  // namespace aa::shim
