// SPDX-License-Identifier: Apache-2.0
#include "shim/runtime.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <optional>
#include <vector>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"

namespace aa::shim {
namespace {

Error no_runtime() {
    return {ErrorKind::not_found,
            concat({"there is no runtime: install runc or crun, or make '", kRuntimeChoice, "' a symbolic link to the one to use"})};
}

// The operator's choice; nothing if there is none.
Result<std::optional<std::string>> chosen_runtime() {
    std::array<char, PATH_MAX> target{};
    const ssize_t length = ::readlink(kRuntimeChoice, target.data(), target.size());
    if (length < 0 && (errno == ENOENT || errno == ENOTDIR)) return std::optional<std::string>();
    if (length < 0) return errno_error("read the symbolic link", kRuntimeChoice, errno);
    std::string path(target.data(), static_cast<std::size_t>(length));
    if (!path.starts_with('/')) {
        return Error{ErrorKind::config, concat({"'", kRuntimeChoice, "' leads to ", quote(path), ", which is not an absolute path"})};
    }
    return std::optional(std::move(path));
}

std::string packaged_runtime() {
    for (const char* path : kPackagedRuntimes) {
        if (::access(path, X_OK) == 0) return path;
    }
    return {};
}

bool is_this_program(const struct stat& runtime) {
    struct stat self {};
    return ::stat("/proc/self/exe", &self) == 0 && self.st_dev == runtime.st_dev && self.st_ino == runtime.st_ino;
}

// The file that PATH leads to, symbolic links resolved (merged /usr, alternatives): it is this path that is judged, and
// this path that is executed.
Result<std::string> resolve_runtime(const std::string& path) {
    std::array<char, PATH_MAX> resolved{};
    if (::realpath(path.c_str(), resolved.data()) == nullptr) return errno_error("use the runtime", path, errno);
    return std::string(resolved.data());
}

// The path to execute for PATH. One that the walk can follow has no symbolic link in it, and is its own.
Result<std::string> checked_runtime(const std::string& path) {
    std::string resolved = path;
    auto file = open_trusted_path(path, O_PATH);
    struct stat runtime {};
    if (!file || ::fstat(file->get(), &runtime) != 0 || !S_ISREG(runtime.st_mode)) {
        resolved = TRY(resolve_runtime(path));
        file = TRY(open_trusted_path(resolved, O_PATH).context("the runtime"));
        if (::fstat(file->get(), &runtime) != 0) return errno_error("use the runtime", resolved, errno);
    }
    if (!S_ISREG(runtime.st_mode)) return Error{ErrorKind::config, concat({"the runtime ", quote(resolved), " is not a file"})};
    if (is_this_program(runtime)) {
        return Error{ErrorKind::config,
                     concat({"the runtime ", quote(resolved), " is aa-shim itself: let '", kRuntimeChoice, "' lead to the real one"})};
    }
    return resolved;
}

// The number of descriptors from 3 on that systemd's socket activation passes (sd_listen_fds(3)).
unsigned long long listen_fds() {
    const char* text = ::getenv("LISTEN_FDS");
    unsigned long long count = 0;
    if (text == nullptr || !parse_decimal(text, count)) return 0;
    return count;
}

}  // namespace

Result<oci::RuntimeKind> runtime_kind(std::string_view path) {
    const auto name = path.substr(path.rfind('/') + 1);
    if (name.starts_with("crun")) return oci::RuntimeKind::crun;
    if (name.starts_with("runc")) return oci::RuntimeKind::runc;
    return Error{ErrorKind::config, concat({"the runtime ", quote(path),
                                            " is neither runc nor crun by its name: aa-shim would have to "
                                            "guess how it reads its arguments"})};
}

Result<Runtime> find_runtime() {
    const auto chosen = TRY(chosen_runtime());
    const std::string path = chosen ? *chosen : packaged_runtime();
    if (path.empty()) return no_runtime();
    const auto kind = TRY(runtime_kind(path));
    return Runtime{TRY(checked_runtime(path)), kind};
}

Error become_runtime(const Runtime& runtime, std::span<const char* const> arguments) {
    std::vector<char*> argv;
    argv.reserve(arguments.size() + 2);
    argv.push_back(const_cast<char*>(runtime.path.c_str()));
    for (const char* argument : arguments) argv.push_back(const_cast<char*>(argument));
    argv.push_back(nullptr);
    ::execv(runtime.path.c_str(), argv.data());
    return errno_error("become the runtime", runtime.path, errno);
}

Result<std::string> read_document(std::string_view path) {
    constexpr std::size_t kMaxBytes = std::size_t{16} << 20;
    const Fd fd = TRY(open_file(AT_FDCWD, std::string(path), O_RDONLY | O_NOCTTY));
    if (is_pipe(fd.get())) return read_pipe(fd.get(), kMaxBytes, path);
    return std::string(TRY(read_file(fd.get(), kMaxBytes, path)).text());
}

Result<std::string> hand_over(std::string_view text, const oci::CommandLine& line) {
    const Fd memory(::memfd_create("document", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!memory.valid()) return errno_error("create", "a memory file for the runtime", errno);
    TRY(write_all(memory.get(), text).context("the memory file for the runtime"));
    constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
    if (::fcntl(memory.get(), F_ADD_SEALS, kSeals) != 0) return errno_error("seal", "the memory file for the runtime", errno);
    // --preserve-fds and LISTEN_FDS hand 3 … 2+N to the container; the number must lie above, and the copy must survive exec.
    const unsigned long long lowest = 3 + line.preserve_fds + listen_fds();
    if (lowest > INT_MAX) return Error{ErrorKind::usage, "--preserve-fds and LISTEN_FDS leave no descriptor number free"};
    const int copy = ::fcntl(memory.get(), F_DUPFD, static_cast<int>(lowest));
    if (copy < 0) return errno_error("duplicate", "the memory file for the runtime", errno);
    return concat({"/proc/self/fd/", decimal(copy)});
}

}  // namespace aa::shim
