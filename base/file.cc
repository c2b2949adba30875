// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include "base/ignored_signal.h"
#include "base/text.h"

namespace aa {
namespace {

constexpr std::size_t kMaxMap = 16384;  // 340 lines, the most that the kernel takes

Error not_trusted(std::string_view name, const struct stat& st, bool right_owner) {
    const std::string problem = right_owner ? std::string("can be written by others") : concat({"belongs to uid ", decimal(st.st_uid)});
    return {ErrorKind::config, concat({quote(name), " ", problem, ": make it root's, writable by root alone (chown root, chmod go-w)"})};
}

bool is_ours(const struct stat& st) { return st.st_uid == 0 || st.st_uid == ::geteuid(); }

bool others_can_write(const struct stat& st) { return (st.st_mode & (S_IWGRP | S_IWOTH)) != 0; }

Result<std::size_t> read_some(int fd, char* to, std::size_t size, std::string_view name) {
    while (true) {
        const ssize_t n = ::read(fd, to, size);
        if (n >= 0) return static_cast<std::size_t>(n);
        if (errno != EINTR) return errno_error("read", name, errno);
    }
}

// What comes from FD until its end, at most LIMIT bytes.
Result<std::string> read_up_to(int fd, std::size_t limit, std::string_view name) {
    constexpr std::size_t kFirst = 512;  // most files in /proc
    std::string text;
    std::size_t filled = 0;
    while (filled < limit) {
        if (filled == text.size()) text.resize(std::min(limit, std::max(kFirst, 2 * filled)));
        const auto n = TRY(read_some(fd, text.data() + filled, text.size() - filled, name));
        if (n == 0) break;
        filled += n;
    }
    text.resize(filled);
    return text;
}

// tmpfs and ramfs have no disk behind them.
bool needs_sync(int fd) {
    struct statfs fs {};
    if (::fstatfs(fd, &fs) != 0) return true;
    return fs.f_type != TMPFS_MAGIC && fs.f_type != RAMFS_MAGIC;
}

Result<void> write_pieces(int fd, std::span<const iovec> pieces, std::string_view name) {
    const IgnoredSignal too_long(SIGXFSZ);  // a limit is an error that can be told, and whoever fails clears away what was begun
    std::vector<iovec> rest(pieces.begin(), pieces.end());
    std::size_t at = 0;
    while (at < rest.size()) {
        if (rest[at].iov_len == 0) {
            ++at;
            continue;
        }
        const auto count = std::min<std::size_t>(rest.size() - at, IOV_MAX);
        const ssize_t n = ::writev(fd, &rest[at], static_cast<int>(count));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno_error("write", name, errno);
        auto left = static_cast<std::size_t>(n);
        while (at < rest.size() && left >= rest[at].iov_len) left -= rest[at++].iov_len;
        if (left > 0) {
            rest[at].iov_base = static_cast<char*>(rest[at].iov_base) + left;
            rest[at].iov_len -= left;
        }
    }
    return {};
}

Result<void> fill_temporary(int fd, std::string_view name, std::span<const iovec> pieces, uid_t owner, gid_t group, mode_t mode) {
    TRY(write_pieces(fd, pieces, name));
    // Owner before mode: chown(2) clears set-id bits, and the file is private until its owner is right.
    if (::fchown(fd, owner, group) != 0) return errno_error("set the owner of", name, errno);
    if (::fchmod(fd, mode) != 0) return errno_error("set the mode of", name, errno);
    if (needs_sync(fd) && ::fsync(fd) != 0) return errno_error("flush", name, errno);
    return {};
}

// The next number in TEXT, which is taken off it.
bool take_number(std::string_view& text, unsigned long long& number) {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    const auto word = text.substr(0, text.find(' '));
    text.remove_prefix(word.size());
    return parse_decimal(word, number);
}

// Whether UID is what the kernel shows for an owner outside our user namespace, and the host's root is one of those
// (user_namespaces(7)). What cannot be read tells no.
bool is_unknown_owner(uid_t uid) {
    const auto overflow = read_virtual_file(AT_FDCWD, "/proc/sys/kernel/overflowuid", kMaxMap);
    if (!overflow || decimal(uid) + "\n" != *overflow) return false;
    return namespace_leaves_out_root();
}

}  // namespace

bool in_user_namespace() {
    const auto map = read_virtual_file(AT_FDCWD, "/proc/self/uid_map", kMaxMap);
    if (!map) return false;
    constexpr unsigned long long kAll = 4294967295U;
    auto line = std::string_view(*map).substr(0, map->find('\n'));
    unsigned long long inside = 0;
    unsigned long long outside = 0;
    unsigned long long count = 0;
    const bool read = take_number(line, inside) && take_number(line, outside) && take_number(line, count);
    return !read || inside != 0 || outside != 0 || count != kAll;
}

bool namespace_leaves_out_root() {
    const auto map = read_virtual_file(AT_FDCWD, "/proc/self/uid_map", kMaxMap);
    return map && map_leaves_out_root(*map);
}

bool map_leaves_out_root(std::string_view uid_map) {
    for (auto line : lines(uid_map)) {
        unsigned long long inside = 0;
        unsigned long long outside = 0;
        unsigned long long count = 0;
        if (!take_number(line, inside) || !take_number(line, outside) || !take_number(line, count)) return false;
        if (outside == 0) return false;
    }
    return !uid_map.empty();
}

Result<Fd> open_file(int dir_fd, const std::string& path, int flags, mode_t mode) {
    Fd fd(::openat(dir_fd, path.c_str(), flags | O_CLOEXEC, mode));
    if (!fd.valid()) return errno_error("open", path, errno);
    return fd;
}

Result<Buffer> Buffer::allocate(std::size_t capacity) {
    Buffer buffer;
    // malloc(3) maps what is large and takes a small file from memory that was touched before: no call, no page fault.
    void* memory = std::malloc(capacity + 1);
    if (memory == nullptr)
        return Error{ErrorKind::system, concat({"cannot get ", decimal(static_cast<long long>(capacity)), " bytes of memory"})};
    buffer.data_ = static_cast<char*>(memory);
    buffer.set_size(0);
    return buffer;
}

Buffer::Buffer(Buffer&& other) noexcept : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
}

Buffer::~Buffer() { std::free(data_); }

Result<Buffer> read_file(int fd, std::size_t limit, std::string_view name) {
    struct stat st {};
    if (::fstat(fd, &st) != 0) return errno_error("stat", name, errno);
    if (!S_ISREG(st.st_mode)) return Error{ErrorKind::config, concat({quote(name), " is not a regular file"})};
    const auto size = static_cast<std::size_t>(st.st_size);
    if (size > limit) {
        return Error{ErrorKind::config, concat({quote(name), " is ", decimal(st.st_size), " bytes long, more than the ",
                                                decimal(static_cast<long long>(limit)), " that are allowed"})};
    }
    auto buffer = TRY(Buffer::allocate(size));
    std::size_t filled = 0;
    // pread from 0: the descriptor may have been read before.
    while (filled < size) {
        const ssize_t n = ::pread(fd, buffer.data() + filled, size - filled, static_cast<off_t>(filled));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno_error("read", name, errno);
        // Half of it would be a file that nobody has written.
        if (n == 0) return Error{ErrorKind::system, concat({quote(name), " became shorter while it was read"})};
        filled += static_cast<std::size_t>(n);
    }
    buffer.set_size(filled);
    return buffer;
}

bool is_pipe(int fd) {
    struct stat st {};
    return ::fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
}

Result<std::string> read_pipe(int fd, std::size_t limit, std::string_view name) {
    auto text = TRY(read_up_to(fd, limit + 1, name));
    if (text.size() <= limit) return text;
    return Error{ErrorKind::config,
                 concat({quote(name), " gives more than the ", decimal(static_cast<long long>(limit)), " bytes that are allowed"})};
}

Result<Buffer> read_file_at(int dir_fd, const std::string& path, std::size_t limit) {
    const Fd fd = TRY(open_file(dir_fd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
    return read_file(fd.get(), limit, path);
}

Result<std::vector<std::string>> directory_names(Fd fd, std::string_view path) {
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(::fdopendir(fd.get()), ::closedir);
    if (!directory) return errno_error("list", path, errno);
    (void)fd.release();
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* const entry = ::readdir(directory.get())) {
        const std::string_view name = entry->d_name;
        if (name != "." && name != "..") names.emplace_back(name);
        errno = 0;
    }
    if (errno != 0) return errno_error("list", path, errno);
    std::sort(names.begin(), names.end());
    return names;
}

Result<std::string> read_virtual_file(int dir_fd, const std::string& path, std::size_t limit) {
    const Fd fd = TRY(open_file(dir_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY));
    return read_up_to(fd.get(), limit, path);
}

bool is_trusted(const struct stat& st) { return is_ours(st) && !others_can_write(st); }

Result<void> require_trusted(int fd, std::string_view name) {
    struct stat st {};
    if (::fstat(fd, &st) != 0) return errno_error("stat", name, errno);
    if (!is_trusted(st)) return not_trusted(name, st, is_ours(st));
    return {};
}

bool is_operators(const struct stat& st) { return (is_ours(st) || is_unknown_owner(st.st_uid)) && !others_can_write(st); }

Result<void> require_operators(int fd, std::string_view name) {
    struct stat st {};
    if (::fstat(fd, &st) != 0) return errno_error("stat", name, errno);
    if (!is_operators(st)) return not_trusted(name, st, is_ours(st) || is_unknown_owner(st.st_uid));
    return {};
}

namespace {

// The path beneath a copy-up, for what is NAME in DIRECTORY (opened as AT), with REST behind it; empty: it is none. rootlesskit's
// --copy-up=/etc --copy-up=/run puts an empty file system over these and in it links ".ro123456/NAME" to what they hold
// (pkg/copyup/tmpfssymlink). Only in a user namespace without the host's root: there the mounts are its user's in any case.
std::string beneath_copy_up(const Fd& at, const std::string& name, std::string_view directory, std::string_view rest) {
    std::array<char, PATH_MAX> target{};
    struct stat st {};
    const ssize_t length = ::readlinkat(at.get(), name.c_str(), target.data(), target.size());
    if (length <= 0 || ::fstatat(at.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0 || !is_ours(st)) return {};
    if (directory != "/run/" && directory != "/etc/") return {};
    std::string_view link(target.data(), static_cast<std::size_t>(length));
    if (link.starts_with(directory)) link.remove_prefix(directory.size());
    const bool is_copied = link.starts_with(".ro") && link.substr(std::min(link.find('/'), link.size())) == "/" + name;
    return is_copied && namespace_leaves_out_root() ? concat({directory, link, rest}) : std::string();
}

// Why PATH could not be opened (ERROR_NUMBER), at its component NAME in AT, with which it begins as BEGUN.
Error why_not_opened(const Fd& at, const std::string& name, std::string_view begun, std::string_view path, int error_number) {
    struct stat st {};
    const bool is_link = ::fstatat(at.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
    if (!is_link) return errno_error("open", path, error_number);
    return {ErrorKind::config,
            concat({quote(begun), " is a symbolic link, which is not followed: ", quote(path), " must lie where only root can put it"})};
}

// Whether ST is the file system that is put over DIRECTORY. Anybody may add to it, as its mode is 1777; but what is ours there, nobody else
// takes away (inode(7), the sticky bit), and whatever is opened in it is asked for its owner.
bool is_copy_up(const struct stat& st, std::string_view directory) {
    const bool has_place = directory == "/run" || directory == "/etc";
    return has_place && is_ours(st) && (st.st_mode & S_ISVTX) != 0 && namespace_leaves_out_root();
}

// An error unless nobody but the operator, or we, could have put there what a path finds in DIRECTORY, opened as AT.
Result<void> require_way(const Fd& at, std::string_view directory) {
    auto trusted = require_operators(at.get(), directory);
    struct stat st {};
    if (!trusted && ::fstat(at.get(), &st) == 0 && is_copy_up(st, directory)) return {};
    return trusted;
}

}  // namespace

Result<Fd> open_trusted_path(const std::string& path, int flags, Owner owner) {
    if (path.empty() || path[0] != '/') return Error{ErrorKind::config, concat({quote(path), " is not an absolute path"})};
    Fd at = TRY(open_file(AT_FDCWD, "/", O_PATH | O_DIRECTORY));
    std::size_t begin = 1;
    while (true) {
        TRY(require_way(at, begin <= 1 ? std::string_view("/") : std::string_view(path).substr(0, begin - 1)));
        const std::size_t slash = path.find('/', begin);
        const std::string name = path.substr(begin, slash == std::string::npos ? slash : slash - begin);
        if (name.empty() || name == "." || name == "..") {
            return Error{ErrorKind::config, concat({quote(path), " is not a clean path (no empty, '.' or '..' component is allowed)"})};
        }
        const bool last = slash == std::string::npos;
        const int how = last ? flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY : O_PATH | O_DIRECTORY | O_NOFOLLOW;
        Fd next(::openat(at.get(), name.c_str(), how | O_CLOEXEC));
        if (!next.valid()) {
            const int problem = errno;
            const auto beneath = beneath_copy_up(at, name, path.substr(0, begin), last ? std::string() : path.substr(slash));
            if (!beneath.empty()) return open_trusted_path(beneath, flags, owner);
            return why_not_opened(at, name, std::string_view(path).substr(0, slash), path, problem);
        }
        if (last) {
            TRY(owner == Owner::ours ? require_trusted(next.get(), path) : require_operators(next.get(), path));
            return next;
        }
        at = std::move(next);
        begin = slash + 1;
    }
}

namespace {

// Has PUBLISH give NAME to a temporary file beside it that holds PIECES; it returns false, with errno, if it cannot.
template <class Publish>
Result<void> by_temporary(int dir_fd, const std::string& name, std::span<const iovec> pieces, uid_t owner, gid_t group, mode_t mode,
                          Publish&& publish) {
    // A name of this process alone: two runtimes that work on one bundle never rename each other's half-written file.
    const std::string temporary = concat({".", name, ".aa-shim.", decimal(::getpid())});
    if (::unlinkat(dir_fd, temporary.c_str(), 0) != 0 && errno != ENOENT) return errno_error("remove", temporary, errno);
    const Fd fd = TRY(open_file(dir_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
    auto written = fill_temporary(fd.get(), temporary, pieces, owner, group, mode);
    if (written && !publish(temporary.c_str())) written = errno_error("replace", name, errno);
    if (!written) (void)::unlinkat(dir_fd, temporary.c_str(), 0);
    return written;
}

}  // namespace

Result<void> replace_file(int dir_fd, const std::string& name, std::span<const iovec> pieces, uid_t owner, gid_t group, mode_t mode) {
    return by_temporary(dir_fd, name, pieces, owner, group, mode,
                        [&](const char* temporary) { return ::renameat(dir_fd, temporary, dir_fd, name.c_str()) == 0; });
}

Result<void> make_file(int dir_fd, const std::string& name, std::span<const iovec> pieces, mode_t mode) {
    return by_temporary(dir_fd, name, pieces, ::geteuid(), ::getegid(), mode, [&](const char* temporary) {
        if (::linkat(dir_fd, temporary, dir_fd, name.c_str(), 0) != 0 && errno != EEXIST) return false;
        return ::unlinkat(dir_fd, temporary, 0) == 0;
    });
}

Result<void> make_directory(const std::string& path, mode_t mode) {
    if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) return errno_error("make the directory", path, errno);
    return {};
}

Result<void> write_all(int fd, std::string_view text) {
    const iovec piece{const_cast<char*>(text.data()), text.size()};
    return write_pieces(fd, {&piece, 1}, "file");
}

Result<std::string> path_of_descriptor(int fd) {
    constexpr std::size_t kUsual = 256;
    const std::string link = concat({"/proc/self/fd/", decimal(fd)});
    std::string target(kUsual, '\0');
    while (true) {
        const ssize_t length = ::readlink(link.c_str(), target.data(), target.size());
        if (length < 0) return errno_error("read", link, errno);
        // One that fills the buffer may have been cut off.
        const bool whole = static_cast<std::size_t>(length) < target.size() || target.size() >= PATH_MAX;
        target.resize(whole ? static_cast<std::size_t>(length) : PATH_MAX);
        if (whole) return target;
    }
}

}  // namespace aa
