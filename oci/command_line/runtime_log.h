// SPDX-License-Identifier: Apache-2.0
//
// Telling an error the way the runtimes do, so that engines show it to the person who typed the command: one line in the
// --log file in the format asked for, and the bare message on stderr. Nothing ever goes to stdout.
#pragma once

#include <string>
#include <string_view>

#include "oci/command_line/command_line.h"

namespace aa::oci {

// The most that is ever written to stderr, the newline included: conmon reads an error with one read(2) of this size
// (conmon src/conmon.c).
inline constexpr std::size_t kMaxStderrBytes = 8191;

// The line for MESSAGE at the time NOW (seconds since the epoch, UTC): FORMAT "json" as logrus' JSON formatter and crun
// write it, anything else as logrus' text formatter does. Valid UTF-8 without control characters whatever MESSAGE
// holds. Ends with a newline.
std::string log_line(std::string_view message, std::string_view format, long long now);

// MESSAGE and a newline, cut with "…" at a character's end where it would exceed kMaxStderrBytes.
std::string stderr_line(std::string_view message);

// The file that the --log value LOG names: crun's "file:" prefix taken off; empty where no file is meant (no --log,
// crun's "journald:" and "syslog:").
std::string_view log_file(std::string_view log);

// Appends MESSAGE to the --log of LINE with one write(2), and prints it to stderr with another. Failures are ignored: the
// exit code still says that something is wrong.
void report_error(std::string_view message, const CommandLine& line) noexcept;

}  // namespace aa::oci
