// SPDX-License-Identifier: Apache-2.0
//
// ProgramFile: the file that a container's command will execute, found but not opened: an O_PATH descriptor never reads,
// never blocks, and tells owner and extended attributes.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "oci/bundle/mount.h"

namespace aa::oci {

struct ProgramFile {
    std::string path;  // as AppArmor sees it: from the root of the container's mount namespace, no symlink in it
    Fd file;           // O_PATH
    struct stat stat {};
    const Mount* mount = nullptr;  // before the mounts are made: the bind mount that the file will lie in
    std::string host_path;         // of the file in that mount's source; empty without one
    bool is_mountpoint = false;    // the mount is of this file alone

    // The owner of the file, as the host numbers users.
    [[nodiscard]] uid_t owner() const { return stat.st_uid; }
};

// The `#!` line of PROGRAM without the two characters and the end of the line; empty if it is no script. For messages: the
// kernel and AppArmor look at the script's own path first. Waits for nobody, reads at most the kernel's 256 bytes (binfmt_script).
Result<std::string> script_line(const ProgramFile& program);

// Where a host has its programs, and nothing that a container could have been given to write (hier(7)).
inline constexpr std::array<std::string_view, 4> kProgramFolders{"/usr/", "/bin/", "/sbin/", "/snap/"};

// Whether the host's file PATH, a path without links, is an init that engines put into containers: it has an init's name and lies in one of
// FOLDERS.
bool is_init_file(std::string_view path, std::span<const std::string_view> folders = kProgramFolders);

// Whether PROGRAM, found for the first word of a container's command, is an init that the engine put in front: bind-mounted at one of the
// places where engines mount theirs, from a file of the host that has an init's name, lies in one of FOLDERS, links followed, and is
// root's and nobody else's to write. The place alone proves nothing: anybody may have a file mounted there.
bool is_engine_init(const ProgramFile& program, std::span<const std::string_view> folders = kProgramFolders);

// The word of ARGS that names the program which is really meant: what stands behind an init (tini, docker-init,
// podman-init, catatonit, dumb-init), env, or `sh -c` with a plain first word, and behind those again. For explanations and for
// the fact `entrypoint`; the program that is started first, and that the policy is asked about, is args[0].
std::string_view described_program(const std::vector<std::string>& args);

// The same, but looking behind inits alone.
std::string_view program_word(const std::vector<std::string>& args);

}  // namespace aa::oci
