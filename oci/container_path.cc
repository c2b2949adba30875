// SPDX-License-Identifier: Apache-2.0
#include "oci/container_path.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

#include "base/file.h"
#include "base/text.h"

namespace aa::oci {
namespace {

// What crun searches when the process has no PATH (crun src/libcrun/utils.c); runc then finds nothing.
constexpr std::string_view kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr std::array<std::string_view, 5> kInits{"docker-init", "podman-init", "catatonit", "tini", "dumb-init"};

Result<std::string> path_of_descriptor(int fd) {
    std::array<char, PATH_MAX> target{};
    const std::string link = concat({"/proc/self/fd/", decimal(fd)});
    const ssize_t length = ::readlink(link.c_str(), target.data(), target.size());
    if (length < 0) return errno_error("read", link, errno);
    return std::string(target.data(), static_cast<std::size_t>(length));
}

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::string join(std::string_view directory, std::string_view name) {
    return concat({directory.empty() ? std::string_view("/") : directory, "/", name});
}

Error not_found(std::string_view word) { return {ErrorKind::not_found, concat({"executable file not found in $PATH: ", quote(word)})}; }

}  // namespace

Result<ContainerRoot> ContainerRoot::of_process(pid_t pid) {
    const std::string path = concat({"/proc/", decimal(pid), "/root"});
    // The link itself is the kernel's: it leads to the root of that process in its own mount namespace.
    Fd root = TRY(open_file(AT_FDCWD, path, O_PATH | O_DIRECTORY));
    return ContainerRoot(std::move(root), "");
}

Result<ContainerRoot> ContainerRoot::of_bundle(std::string_view bundle, std::string_view root_path) {
    const bool absolute = root_path.starts_with('/');
    const std::string path = absolute || bundle.empty() ? std::string(root_path) : join(bundle, root_path);
    Fd root = TRY(open_file(AT_FDCWD, path, O_PATH | O_DIRECTORY));
    std::string prefix = TRY(path_of_descriptor(root.get()));
    if (prefix == "/") prefix.clear();
    return ContainerRoot(std::move(root), std::move(prefix));
}

Result<std::string> ContainerRoot::resolve_file(const std::string& path) const {
    struct open_how how {};
    how.flags = O_PATH | O_CLOEXEC;
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    // /proc/PID/root/.. is outside of the container's tree; RESOLVE_IN_ROOT makes the descriptor the root for every step.
    const Fd file(static_cast<int>(::syscall(SYS_openat2, root_.get(), path.c_str(), &how, sizeof how)));
    if (!file.valid()) return errno_error("resolve", path, errno);
    struct stat st {};
    if (::fstat(file.get(), &st) != 0) return errno_error("stat", path, errno);
    if (!S_ISREG(st.st_mode) || (st.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)) == 0) return not_found(path);
    std::string seen = TRY(path_of_descriptor(file.get()));
    const std::string inside = concat({prefix_, "/"});
    if (!seen.starts_with(inside)) return Error{ErrorKind::denied, concat({quote(path), " leads out of the container's root"})};
    return seen.substr(prefix_.size());
}

Result<std::string> ContainerRoot::resolve_program(std::string_view word, const ProcessSpec& spec) const {
    if (word.empty()) return not_found(word);
    if (word.find('/') != std::string_view::npos) {
        return resolve_file(word.starts_with('/') ? std::string(word) : join(spec.cwd, word));
    }
    std::string_view rest = spec.path.empty() ? kDefaultPath : std::string_view(spec.path);
    while (true) {
        const std::size_t colon = rest.find(':');
        const auto directory = rest.substr(0, colon);
        auto found = resolve_file(join(directory.empty() ? std::string_view(spec.cwd) : directory, word));
        if (found || found.error().kind != ErrorKind::not_found) return found;
        if (colon == std::string_view::npos) return not_found(word);
        rest.remove_prefix(colon + 1);
    }
}

std::string_view program_word(const std::vector<std::string>& args) {
    if (args.empty()) return {};
    const bool is_init = std::find(kInits.begin(), kInits.end(), base_name(args[0])) != kInits.end();
    if (is_init && args.size() > 2 && args[1] == "--") return args[2];
    return args[0];
}

}  // namespace aa::oci
