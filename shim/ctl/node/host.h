// SPDX-License-Identifier: Apache-2.0
//
// The node as the agent sees it: a directory that is its root. What is written there is written beside its place and
// renamed, so that no program and no reader ever finds a half of it, whenever the agent is killed.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "shim/ctl/command.h"
#include "shim/ctl/node/process.h"

namespace aa::shim::ctl::node {

// Where the programs stand on a node.
inline constexpr std::string_view kPrograms = "/opt/aa-shim/bin";
inline constexpr std::string_view kShim = "/opt/aa-shim/bin/aa-shim";
inline constexpr std::string_view kCtl = "/opt/aa-shim/bin/aa-shimctl";

class Host {
public:
    // ROOT is where the node's root directory is seen, "/host" in a container; without a slash at its end.
    explicit Host(std::string root) : root_(std::move(root)) {}

    [[nodiscard]] const std::string& root() const { return root_; }

    // Where we see the node's PATH.
    [[nodiscard]] std::string path(std::string_view path) const { return root_ + std::string(path); }
    [[nodiscard]] bool exists(std::string_view path) const;

    // Makes the directory PATH of the node and those above it that are missing: root's, mode 0755.
    [[nodiscard]] Result<void> make_directory(std::string_view path) const;

    // Writes the node's file PATH, replacing an old one at once. Its directory exists.
    [[nodiscard]] Result<void> write(std::string_view path, std::string_view text, mode_t mode = 0644) const;

    // The node's symbolic link PATH leads to TARGET, at once; whether that needed a change.
    [[nodiscard]] Result<bool> link(std::string_view path, const std::string& target) const;

    // Removes the node's file PATH; one that is missing is fine.
    [[nodiscard]] Result<void> remove(std::string_view path) const;

    // The node's file PATH, at most LIMIT bytes.
    [[nodiscard]] Result<std::string> read(std::string_view path, std::size_t limit = 1UL << 20U) const;

    // Runs the node's own program with the node's root as its root.
    [[nodiscard]] Result<Outcome> run(std::vector<std::string> words, int seconds = 60) const;

private:
    std::string root_;
};

// Runs `aa-shimctl --json ARGUMENTS` as COMMAND describes it otherwise; its document. An error if it printed none.
Result<Json> run_ctl(Command command);

// "…/error/message" of a document of ours, or "".
std::string error_message(const Json& document);

}  // namespace aa::shim::ctl::node
