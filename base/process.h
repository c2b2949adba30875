// SPDX-License-Identifier: Apache-2.0
//
// A program that is run for its result: by its absolute path, with an argument vector and an environment of our own, never
// through a shell. It may see a directory as its root, which is how the programs of a host are run from a container that sees
// that host's files below /host. For aa-shimctl only: aa-shim starts nothing but the runtime that it becomes.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace aa {

struct Command {
    std::vector<std::string> words;             // the first is the program's path, below `root`
    std::string root = {};                      // empty: ours
    std::vector<std::string> environment = {};  // "NAME=VALUE", besides PATH and LC_ALL=C
    int seconds = 60;                           // after which it is killed, with what it has started; 0: it may take its time
    std::string input = {};                     // what it finds on its standard input
};

struct CommandOutcome {
    int exit_code = 0;  // 128 + N after signal N
    std::string output;
    std::string errors;

    [[nodiscard]] bool ok() const { return exit_code == 0; }
};

// Runs COMMAND in our working directory, or in its root, and a session of its own, with its input on its standard input and no
// descriptor of ours, and waits for its end. An error if it cannot be run at all or takes too long; how it ended is for the caller
// to judge.
Result<CommandOutcome> run_command(const Command& command);

// The same, for a program that may print without end: each line of its standard output, without its end, is for TAKE as it comes, which says
// whether it wants more (read_lines()); the program is ended if not. `output` is empty, `seconds` is not looked at.
Result<CommandOutcome> run_for_lines(const Command& command, const std::function<bool(std::string_view)>& take);

// Each line of what FD gives until its end, without its end, for TAKE, which says whether it wants more; false: it did not. What is longer than
// kMaxLine is left out, whole.
inline constexpr std::size_t kMaxLine = std::size_t{1} << 20U;
Result<bool> read_lines(int fd, const std::function<bool(std::string_view)>& take);

// The last line of what a failed program wrote, to standard error or else to standard output, which is where the reason is; its
// exit code if it wrote nothing.
std::string last_words(const CommandOutcome& outcome);

}  // namespace aa
