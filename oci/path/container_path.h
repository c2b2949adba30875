// SPDX-License-Identifier: Apache-2.0
//
// ContainerRoot: paths inside a container: which file a command word means there, and by what path AppArmor will see it. What lies in
// the container is hostile: nothing here leaves its root, opens a device or a FIFO, or blocks, for files are only ever
// opened with O_PATH. (A file system in user space may still let a lookup wait, as it would the runtime's.)
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/capability_set.h"
#include "base/fd.h"
#include "base/result.h"
#include "oci/bundle/id_map.h"
#include "oci/bundle/process_spec.h"
#include "oci/path/budget.h"
#include "oci/path/mount_tree.h"
#include "oci/path/permission.h"
#include "oci/path/program.h"
#include "oci/path/search.h"
#include "oci/path/walk.h"

namespace aa::oci {

// Who resolves paths in a running container. The answers are the same; the kernel's openat2(2) takes fewer calls.
enum class Resolver { kernel, walk };

class ContainerRoot {
public:
    // The root of the mount namespace of the running process PID, which is where an exec begins: a container's init that has
    // changed its own root does not change that. MAPS is how users are numbered in the user namespace that an exec will be in.
    static Result<ContainerRoot> of_process(pid_t pid, IdMaps maps = {}, Resolver resolver = Resolver::kernel);

    // The root filesystem ROOT_PATH of a bundle at BUNDLE with the MOUNTS that the runtime will make in it, which must outlive
    // this. MAPS is how the container will number users. Mounts that hooks make, or that cover masked paths, are not known.
    static Result<ContainerRoot> of_bundle(std::string_view bundle, std::string_view root_path, const std::vector<Mount>& mounts,
                                           IdMaps maps = {});
    static Result<ContainerRoot> of_bundle(std::string_view bundle, std::string_view root_path, std::vector<Mount>&& mounts,
                                           IdMaps maps = {}) = delete;

    // That root filesystem before any mount is made in it.
    static Result<ContainerRoot> of_bundle(std::string_view bundle, std::string_view root_path);

    // The file that the runtime will execute when it is to start WORD with SPEC's PATH, cwd and user, bounded by CEILING. A word
    // with a slash is taken as it is. Otherwise PATH is searched as the runtimes do: what is no regular file, has no execute bit,
    // lies on a file system mounted noexec, or is out of the user's reach, is passed over; where runc and crun would execute
    // different files, it cannot be told. Kind not_found: there is no such file for sure; denied: it is no program, for sure; limit: it
    // would take too much work (budget.h); any other error: it cannot be told.
    [[nodiscard]] Result<ProgramFile> find_program(std::string_view word, const ProcessSpec& spec,
                                                   CapabilitySet ceiling = CapabilitySet::all()) const;

    // The host's number for the container's user UID; an error if it has no such user.
    [[nodiscard]] Result<uid_t> host_uid(uid_t uid) const { return maps_.host_uid(uid); }

    // An error unless a process of the container may have its working directory at CWD: one that leads into a /proc, by whatever way,
    // may lie outside of the container (CVE-2024-21626). A directory that does not exist yet is made by the runtime, or not found.
    [[nodiscard]] Result<void> check_working_directory(std::string_view cwd) const;

    // The path of that file.
    [[nodiscard]] Result<std::string> resolve_program(std::string_view word, const ProcessSpec& spec) const;

private:
    ContainerRoot(Fd root, pid_t pid, Resolver resolver) : root_(std::move(root)), pid_(pid), resolver_(resolver) {}

    [[nodiscard]] Result<ProgramFile> find_file(const std::string& path) const;
    [[nodiscard]] Result<ProgramFile> walk_to(const std::string& path, const Subject* subject) const;
    [[nodiscard]] Result<ProgramFile> opened(Fd file, const std::string& path) const;
    [[nodiscard]] Result<ProgramFile> search(std::string_view word, const ProcessSpec& spec, const Subject& subject) const;
    [[nodiscard]] Result<ProgramFile> search_on(std::optional<std::string> candidate, Candidates& candidates, const Subject& subject) const;
    [[nodiscard]] Result<std::optional<ProgramFile>> try_candidate(const std::string& candidate, const Subject& subject) const;
    [[nodiscard]] Result<bool> may_start(const ProgramFile& program, const std::string& path, const Subject& subject) const;

    Fd root_;
    pid_t pid_;  // 0: of a bundle
    Resolver resolver_;
    MountTree tree_;
    IdMaps maps_;
    mutable Budget budget_;  // for everything that is looked for in it
};

}  // namespace aa::oci
