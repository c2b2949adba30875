// SPDX-License-Identifier: Apache-2.0
#include "base/rewrite_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"

namespace aa {

namespace {

// The extended attributes of FROM, access control lists and labels among them, for TO as well (xattr(7)).
Result<void> copy_attributes(int from, int to, const std::string& path) {
    std::string names(XATTR_LIST_MAX, '\0');
    const ssize_t length = ::flistxattr(from, names.data(), names.size());
    if (length < 0 && errno == ENOTSUP) return {};
    if (length < 0) return errno_error("list the attributes of", path, errno);
    names.resize(static_cast<std::size_t>(length));
    std::string value(XATTR_SIZE_MAX, '\0');
    for (std::size_t at = 0; at < names.size(); at = names.find('\0', at) + 1) {
        const char* name = names.c_str() + at;
        const ssize_t size = ::fgetxattr(from, name, value.data(), value.size());
        if (size < 0) return errno_error("read an attribute of", path, errno);
        if (::fsetxattr(to, name, value.data(), static_cast<std::size_t>(size), 0) != 0)
            return errno_error("keep the attributes of", path, errno);
    }
    return {};
}

Result<void> require_plain(int dir_fd, const std::string& name, const std::string& path) {
    struct stat st {};
    if (::fstatat(dir_fd, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) return errno_error("look at", path, errno);
    if (S_ISLNK(st.st_mode)) {
        std::array<char, PATH_MAX> target{};
        const ssize_t length = ::readlinkat(dir_fd, name.c_str(), target.data(), target.size());
        if (length < 0) return errno_error("read", path, errno);
        return Error{ErrorKind::config, concat({quote(path), " is a symlink to ", quote({target.data(), static_cast<std::size_t>(length)}),
                                                ", and is not followed: name the file itself"})};
    }
    if (st.st_nlink > 1)
        return Error{ErrorKind::config,
                     concat({quote(path), " has other names, which would keep the old text: remove those, or edit it in place"})};
    return {};
}

// TEXT in TO, which gets all that FROM has besides.
Result<void> fill(int from, int to, std::string_view text, const std::string& path) {
    struct stat st {};
    if (::fstat(from, &st) != 0) return errno_error("stat", path, errno);
    TRY(write_all(to, text).context(path));
    if (::fchown(to, st.st_uid, st.st_gid) != 0) return errno_error("keep the owner of", path, errno);
    TRY(copy_attributes(from, to, path));
    // Last: another owner, or an access control list, changes it.
    if (::fchmod(to, st.st_mode & 07777U) != 0) return errno_error("keep the mode of", path, errno);
    if (::fsync(to) != 0) return errno_error("write", path, errno);
    return {};
}

}  // namespace

Result<void> rewrite_file(const std::string& path, std::string_view old_text, std::string_view new_text) {
    const std::size_t slash = path.rfind('/');
    const auto name = path.substr(slash == std::string::npos ? 0 : slash + 1);
    const Fd directory = TRY(open_file(AT_FDCWD, slash == std::string::npos ? "." : path.substr(0, slash + 1), O_RDONLY | O_DIRECTORY));
    TRY(require_plain(directory.get(), name, path));
    const Fd file = TRY(open_file(directory.get(), name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
    const auto now = read_file(file.get(), old_text.size(), path);
    if (!now || now->text() != old_text) return Error{ErrorKind::config, concat({quote(path), " was changed in the meantime: try again"})};
    const auto temporary = concat({".", name, ".aa-shim.", decimal(::getpid())});
    const Fd copy = TRY(open_file(directory.get(), temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
    auto written = fill(file.get(), copy.get(), new_text, path);
    if (written && ::renameat(directory.get(), temporary.c_str(), directory.get(), name.c_str()) != 0)
        written = errno_error("replace", path, errno);
    if (!written) (void)::unlinkat(directory.get(), temporary.c_str(), 0);
    return written;
}

}  // namespace aa
