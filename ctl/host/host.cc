// SPDX-License-Identifier: Apache-2.0
#include "ctl/host/host.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

#include "base/file.h"
#include "base/text.h"

namespace aa::ctl {

namespace {

// Removes NAME in the directory PARENT and everything below it, going into no symbolic link.
Result<void> remove_below(int parent, const std::string& name, const std::string& place) {
    if (::unlinkat(parent, name.c_str(), 0) == 0 || errno == ENOENT) return {};
    if (errno != EISDIR && errno != EPERM) return errno_error("remove", place, errno);
    Fd directory = TRY(open_file(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    const Fd below = TRY(open_file(directory.get(), ".", O_PATH | O_DIRECTORY));
    for (const auto& entry : TRY(directory_names(std::move(directory), place))) {
        TRY(remove_below(below.get(), entry, concat({place, "/", entry})));
    }
    if (::unlinkat(parent, name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) return errno_error("remove", place, errno);
    return {};
}

// Where FD was opened, symbolic links resolved (proc(5), /proc/PID/fd).
Result<std::string> path_of(const Fd& fd) {
    const auto link = concat({"/proc/self/fd/", decimal(fd.get())});
    std::array<char, PATH_MAX> target{};
    const ssize_t length = ::readlink(link.c_str(), target.data(), target.size());
    if (length <= 0) return errno_error("read the symbolic link", link, errno);
    return std::string(target.data(), static_cast<std::size_t>(length));
}

std::string without_slash(const std::string& path) { return path.substr(std::min<std::size_t>(path.find_first_not_of('/'), path.size())); }

}  // namespace

Result<Host> Host::open(const std::string& root) {
    Host host;
    host.fd_ = TRY(open_file(AT_FDCWD, root, O_RDONLY | O_DIRECTORY));
    host.root_ = root;
    while (host.root_.ends_with('/')) host.root_.pop_back();
    return host;
}

std::string Host::place(std::string_view path) const { return concat({root_, path}); }

// openat2(2) with RESOLVE_IN_ROOT: "..", and absolute links on the way, stay below the root.
Result<Fd> Host::open_below(const std::string& path, int flags, mode_t mode) const {
    struct open_how how {};
    const int harmless = (flags & O_PATH) != 0 ? O_CLOEXEC : O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    how.flags = static_cast<decltype(how.flags)>(flags | harmless);
    how.mode = mode;
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    const std::string relative = without_slash(path);
    const long fd = ::syscall(SYS_openat2, fd_.get(), relative.empty() ? "." : relative.c_str(), &how, sizeof how);
    if (fd < 0) return errno_error("open", place(path), errno);
    return Fd(static_cast<int>(fd));
}

Result<Host::Entry> Host::entry(const std::string& path) const {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos || slash + 1 == path.size()) {
        return Error{ErrorKind::bug, concat({quote(path), " does not name a file"})};
    }
    return Entry{TRY(open_below(path.substr(0, slash), O_RDONLY | O_DIRECTORY)), path.substr(slash + 1)};
}

Result<std::optional<Host::Entry>> Host::entry_if_any(const std::string& path) const {
    auto at = entry(path);
    if (!at && at.error().kind == ErrorKind::not_found) return std::optional<Entry>();
    if (!at) return std::move(at).error();
    struct stat st {};
    if (::fstatat(at->directory.get(), at->name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0) return std::optional(std::move(*at));
    if (errno == ENOENT) return std::optional<Entry>();
    return errno_error("stat", place(path), errno);
}

Result<std::optional<HostFile>> Host::read(const std::string& path, std::size_t limit) const {
    auto found = open_below(path, O_RDONLY | O_NOFOLLOW);
    if (!found) {
        if (found.error().kind == ErrorKind::not_found) return std::optional<HostFile>();
        const auto link = read_link(path);
        if (link && *link) {
            return Error{ErrorKind::config, concat({quote(place(path)), " is a symbolic link to ", quote(**link),
                                                    ": who maintains that file must be known before it is changed; replace the "
                                                    "link by a file, or make the change by hand (docs/install.md)"})};
        }
        return std::move(found).error();
    }
    const auto text = TRY(read_file(found->get(), limit, place(path)));
    struct stat st {};
    if (::fstat(found->get(), &st) != 0) return errno_error("stat", place(path), errno);
    return std::optional(HostFile{std::string(text.text()), st.st_uid, st.st_gid, st.st_mode & 07777});
}

Result<std::optional<std::string>> Host::read_link(const std::string& path) const {
    const auto at = TRY(entry_if_any(path));
    if (!at) return std::optional<std::string>();
    std::array<char, PATH_MAX> target{};
    const ssize_t length = ::readlinkat(at->directory.get(), at->name.c_str(), target.data(), target.size());
    if (length < 0 && errno == ENOENT) return std::optional<std::string>();
    if (length < 0 && errno == EINVAL) {
        return Error{ErrorKind::config, concat({quote(place(path)), " is there and is no symbolic link: it is not ours"})};
    }
    if (length < 0) return errno_error("read the symbolic link", place(path), errno);
    return std::optional(std::string(target.data(), static_cast<std::size_t>(length)));
}

Result<std::vector<std::string>> Host::list(const std::string& path) const {
    auto fd = open_below(path, O_RDONLY | O_DIRECTORY);
    if (!fd && fd.error().kind == ErrorKind::not_found) return std::vector<std::string>();
    if (!fd) return std::move(fd).error();
    return directory_names(std::move(*fd), place(path));
}

std::optional<struct stat> Host::status(const std::string& path) const {
    const auto at = entry(path);
    struct stat st {};
    if (!at || ::fstatat(at->directory.get(), at->name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) return std::nullopt;
    return st;
}

bool Host::exists(const std::string& path) const { return status(path).has_value(); }

bool Host::is_directory(const std::string& path) const { return open_below(path, O_PATH | O_DIRECTORY).has_value(); }

bool Host::is_program(const std::string& path) const {
    const auto fd = open_below(path, O_PATH);
    struct stat st {};
    return fd && ::fstat(fd->get(), &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111) != 0;
}

Result<void> Host::require_trusted_program(const std::string& path) const {
    const Fd program = TRY(open_below(path, O_PATH));
    const auto root = TRY(path_of(fd_));
    auto real = TRY(path_of(program));
    if (!is_program(path)) return Error{ErrorKind::config, concat({quote(place(path)), " is no program"})};
    // Below the root "/" all of it is the path on the host.
    real.erase(0, root == "/" ? 0 : root.size());
    for (std::string at = real; !at.empty(); at = at.substr(0, at.rfind('/'))) {
        const Fd fd = TRY(open_below(at, O_PATH | O_NOFOLLOW));
        TRY(require_operators(fd.get(), place(at)));
    }
    return {};
}

bool Host::is_same_file(const std::string& one, const std::string& other) const {
    const auto first = open_below(one, O_PATH);
    const auto second = open_below(other, O_PATH);
    struct stat a {};
    struct stat b {};
    return first && second && ::fstat(first->get(), &a) == 0 && ::fstat(second->get(), &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

Result<void> Host::require_writable(const std::string& path) const {
    std::string directory = path.substr(0, path.rfind('/'));
    while (!directory.empty() && !is_directory(directory)) directory = directory.substr(0, directory.rfind('/'));
    const Fd fd = TRY(open_below(directory, O_RDONLY | O_DIRECTORY));
    if (::faccessat(fd.get(), ".", W_OK, AT_EACCESS) != 0)
        return errno_error("write to", place(directory.empty() ? "/" : directory), errno);
    return {};
}

Result<void> Host::remove_half_written(const std::string& path) const {
    const auto directory = path.substr(0, path.rfind('/'));
    const auto prefix = concat({".", path.substr(directory.size() + 1), ".aa-shim."});
    for (const auto& name : TRY(list(directory))) {
        if (name.starts_with(prefix)) TRY(remove(concat({directory, "/", name})));
    }
    return {};
}

Result<void> Host::write(const std::string& path, const HostFile& file) const {
    const auto at = TRY(entry(path));
    TRY(remove_half_written(path));
    const iovec piece{const_cast<char*>(file.text.data()), file.text.size()};
    return replace_file(at.directory.get(), at.name, {&piece, 1}, file.owner, file.group, file.mode).context(quote(place(path)));
}

Result<void> Host::make_directory(const std::string& path, mode_t mode) const {
    const auto at = TRY(entry(path));
    if (::mkdirat(at.directory.get(), at.name.c_str(), mode) != 0) return errno_error("make the directory", place(path), errno);
    if (::fchmodat(at.directory.get(), at.name.c_str(), mode, 0) != 0) {
        const int error = errno;
        (void)::unlinkat(at.directory.get(), at.name.c_str(), AT_REMOVEDIR);
        return errno_error("set the mode of", place(path), error);
    }
    return {};
}

Result<void> Host::make_directories(const std::string& path) const {
    for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
        const auto directory = path.substr(0, slash);
        auto made = is_directory(directory) ? Result<void>() : make_directory(directory, 0755);
        // Whoever else makes it now is welcome to.
        if (!made && !is_directory(directory)) return made;
        if (slash == std::string::npos) return {};
    }
}

Result<void> Host::make_link(const std::string& path, const std::string& target) const {
    const auto at = TRY(entry(path));
    if (::symlinkat(target.c_str(), at.directory.get(), at.name.c_str()) != 0) {
        return errno_error("make the symbolic link", place(path), errno);
    }
    return {};
}

Result<bool> Host::replace_link(const std::string& path, const std::string& target) const {
    if (const auto now = read_link(path); now && *now == target) return false;
    const auto at = TRY(entry(path));
    TRY(remove_half_written(path));
    const std::string temporary = concat({".", at.name, ".aa-shim.", decimal(::getpid())});
    if (::symlinkat(target.c_str(), at.directory.get(), temporary.c_str()) != 0) {
        return errno_error("make the symbolic link", place(path), errno);
    }
    if (::renameat(at.directory.get(), temporary.c_str(), at.directory.get(), at.name.c_str()) != 0) {
        const int problem = errno;
        (void)::unlinkat(at.directory.get(), temporary.c_str(), 0);
        return errno_error("replace", place(path), problem);
    }
    return true;
}

Result<void> Host::move(const std::string& from, const std::string& to, Move how) const {
    const auto source = TRY(entry(from));
    const auto target = TRY(entry(to));
    const unsigned flags = how == Move::exchange ? RENAME_EXCHANGE : RENAME_NOREPLACE;
    if (::renameat2(source.directory.get(), source.name.c_str(), target.directory.get(), target.name.c_str(), flags) != 0) {
        return errno_error(concat({"move ", quote(place(from)), " to"}), place(to), errno);
    }
    return {};
}

Result<void> Host::remove(const std::string& path) const {
    const auto at = TRY(entry_if_any(path));
    if (!at) return {};
    if (::unlinkat(at->directory.get(), at->name.c_str(), 0) != 0 && errno != ENOENT) return errno_error("remove", place(path), errno);
    return {};
}

Result<void> Host::remove_empty_directory(const std::string& path) const {
    const auto at = TRY(entry_if_any(path));
    if (!at) return {};
    if (::unlinkat(at->directory.get(), at->name.c_str(), AT_REMOVEDIR) == 0) return {};
    if (errno == ENOENT || errno == ENOTEMPTY || errno == EEXIST) return {};
    return errno_error("remove the directory", place(path), errno);
}

Result<void> Host::remove_tree(const std::string& path) const {
    const auto at = TRY(entry_if_any(path));
    if (!at) return {};
    return remove_below(at->directory.get(), at->name, place(path));
}

std::optional<std::string> Host::find_program(std::span<const std::string_view> paths) const {
    for (const auto path : paths) {
        if (is_program(std::string(path))) return std::string(path);
    }
    return std::nullopt;
}

Result<CommandOutcome> Host::run(std::vector<std::string> words, int seconds, std::vector<std::string> environment) const {
    environment.emplace_back("HOME=/");  // no user's own settings
    return run_command({std::move(words), root_, std::move(environment), seconds});
}

Result<Fd> Host::lock() const {
    Fd fd = TRY(open_below("/", O_RDONLY | O_DIRECTORY));
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
    if (errno == EWOULDBLOCK) return Error{ErrorKind::system, "another aa-shimctl install or uninstall is at work on this host"};
    return errno_error("lock", place("/"), errno);
}

}  // namespace aa::ctl
