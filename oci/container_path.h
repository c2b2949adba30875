// SPDX-License-Identifier: Apache-2.0
//
// Paths inside a container: which file a command word means there, and by what path AppArmor will see it (the path of the
// opened file from the root of the container's mount namespace, symlinks resolved). What lies in the container is hostile:
// nothing here leaves its root, opens a device or a FIFO, or blocks, for files are only ever opened with O_PATH.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "oci/process_spec.h"

namespace aa::oci {

class ContainerRoot {
public:
    // The root directory of the running process PID.
    static Result<ContainerRoot> of_process(pid_t pid);

    // The root filesystem ROOT_PATH of a bundle at BUNDLE, before the mounts of config.json are made.
    static Result<ContainerRoot> of_bundle(std::string_view bundle, std::string_view root_path);

    // The path of the file that WORD names for a process with SPEC's PATH and cwd: looked up as execvp(3) and Go's LookPath do
    // (a word with a slash is taken as it is). Kind not_found: there is no such executable file. Any other error: it cannot be told
    // (a magic link, an escape, a path that is no text).
    [[nodiscard]] Result<std::string> resolve_program(std::string_view word, const ProcessSpec& spec) const;

private:
    ContainerRoot(Fd root, std::string prefix) : root_(std::move(root)), prefix_(std::move(prefix)) {}
    [[nodiscard]] Result<std::string> resolve_file(const std::string& path) const;

    Fd root_;
    std::string prefix_;  // of paths below the root as /proc/self/fd shows them
};

// The program that a container is about: args[0], or what follows `--` when args[0] is an init that an engine or image put
// in front (docker-init, podman-init, catatonit, tini, dumb-init). Empty if there are no args.
std::string_view program_word(const std::vector<std::string>& args);

}  // namespace aa::oci
