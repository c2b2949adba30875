// SPDX-License-Identifier: Apache-2.0
#include "oci/path/program.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/file.h"
#include "base/text.h"

namespace aa::oci {
namespace {

// Where engines mount their init: dockerd (daemon/oci_linux.go), Podman (libpod, since 2.0 and before) and nerdctl.
constexpr std::array<std::string_view, 4> kEngineInits{"/sbin/docker-init", "/run/podman-init", "/dev/init", "/sbin/tini"};

// What they mount there: tini as docker-init, tini-static, catatonit (dockerd --init-path; containers.conf(5), init_path).
constexpr std::array<std::string_view, 5> kInitNames{"docker-init", "tini", "tini-static", "catatonit", "podman-init"};

constexpr std::size_t kScriptLine = 256;  // linux/binfmts.h, BINPRM_BUF_SIZE

}  // namespace

Result<std::string> script_line(const ProgramFile& program) {
    if (!S_ISREG(program.stat.st_mode))
        return Error{ErrorKind::bug, concat({quote(program.path), " is no regular file, and was to be read"})};
    const std::string link = concat({"/proc/self/fd/", decimal(program.file.get())});
    // The descriptor's own file, whatever stands at its path now. O_NONBLOCK: nor wait for one who holds a lease on it.
    const Fd file(::open(link.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (!file.valid()) return errno_error("read", program.path, errno);
    std::array<char, kScriptLine> buffer{};
    const ssize_t n = ::pread(file.get(), buffer.data(), buffer.size(), 0);
    if (n < 0) return errno_error("read", program.path, errno);
    std::string_view line(buffer.data(), static_cast<std::size_t>(n));
    if (!line.starts_with("#!")) return std::string();
    line = line.substr(2, line.find('\n') - 2);
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    return std::string(line.substr(0, line.find_last_not_of(" \t\r") + 1));
}

bool is_init_file(std::string_view path, std::span<const std::string_view> folders) {
    const auto name = path.substr(path.rfind('/') + 1);
    return std::find(kInitNames.begin(), kInitNames.end(), name) != kInitNames.end() &&
           std::any_of(folders.begin(), folders.end(), [&](std::string_view folder) { return path.starts_with(folder); });
}

bool is_engine_init(const ProgramFile& program, std::span<const std::string_view> folders) {
    const auto known = [&program](std::string_view place) { return program.mount != nullptr && program.mount->destination == place; };
    const bool mounted = program.is_mountpoint && std::any_of(kEngineInits.begin(), kEngineInits.end(), known);
    if (!mounted || !S_ISREG(program.stat.st_mode) || !is_trusted(program.stat)) return false;
    // In our own namespace, where a mount's source still is what it is on the host.
    const auto path = path_of_descriptor(program.file.get());
    return path && is_init_file(*path, folders);
}

}  // namespace aa::oci
