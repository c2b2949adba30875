// SPDX-License-Identifier: Apache-2.0
//
// A program that is run for its result: by its absolute path, with an argument vector and an environment of our own, never
// through a shell, and for a limited time. It may see a directory as its root, which is how the programs of a node are run
// from a container that sees the node's files below /host.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace aa::shim::ctl::node {

struct Command {
    std::vector<std::string> words;        // the first is the program's path, below `root`
    std::string root;                      // empty: ours
    std::vector<std::string> environment;  // besides PATH and LC_ALL
    int seconds = 60;                      // after which it is killed, with what it has started
};

struct Outcome {
    int exit_code = 0;  // 128 + N after signal N
    std::string output;
    std::string errors;

    [[nodiscard]] bool ok() const { return exit_code == 0; }
};

// Runs COMMAND and waits for its end. An error if it cannot be run at all or takes too long; how it ended is for the caller
// to judge.
Result<Outcome> run(const Command& command);

// The last line of what a failed program said, or its exit code if it said nothing.
std::string last_words(const Outcome& outcome);

}  // namespace aa::shim::ctl::node
