// SPDX-License-Identifier: Apache-2.0
//
// Files: reading with a limit, judging who could have written one, and replacing one completely or not at all.
// This is the only place where errno of a file call becomes an Error.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace aa {

// The text for ERROR_NUMBER (an errno value), chosen so that it holds none of the phrases by which dockerd and Podman
// map a message to exit codes 126 and 127 ("permission denied", "no such file or directory", "not a directory", "is a
// directory", "operation not permitted"; moby daemon/errors.go, podman libpod/oci_util.go).
std::string_view errno_text(int error_number);

// "WHAT 'PATH': TEXT" as an Error of kind not_found (ENOENT, ENOTDIR) or system.
Error errno_error(std::string_view what, std::string_view path, int error_number);

// Opens PATH (relative to the directory DIR_FD, or AT_FDCWD) with FLAGS | O_CLOEXEC.
Result<Fd> open_file(int dir_fd, const std::string& path, int flags, mode_t mode = 0);

// What a file's bytes are read into: memory of exactly the size asked for, not set to zero first, and there is no second copy.
// `text()` is followed by one NUL byte that is not part of it.
class Buffer {
public:
    Buffer() = default;
    static Result<Buffer> allocate(std::size_t capacity);
    Buffer(Buffer&& other) noexcept;
    Buffer& operator=(Buffer&& other) noexcept;
    ~Buffer();

    [[nodiscard]] std::string_view text() const { return {data_, size_}; }
    [[nodiscard]] char* data() { return data_; }
    // SIZE is at most the capacity asked for.
    void set_size(std::size_t size) {
        size_ = size;
        data_[size] = '\0';
    }

private:
    char* data_ = nullptr;
    std::size_t size_ = 0;
};

// The bytes of the open regular file FD from its beginning; an error if it is not a regular file, or longer than LIMIT, or has fewer bytes than it
// is said to have.
// NAME is what messages call it.
Result<Buffer> read_file(int fd, std::size_t limit, std::string_view name);

// The same where FD may be a pipe as well, of which all is read that comes until its end.
Result<Buffer> read_file_or_pipe(int fd, std::size_t limit, std::string_view name);

// Whether FD is a pipe, or a FIFO; and all that comes from one until its end, an error if that is longer than LIMIT.
bool is_pipe(int fd);
Result<std::string> read_pipe(int fd, std::size_t limit, std::string_view name);

// Opens PATH below DIR_FD without following a final symlink, and reads it. O_NONBLOCK: a FIFO never blocks us.
Result<Buffer> read_file_at(int dir_fd, const std::string& path, std::size_t limit);

// The names in the directory FD but for "." and "..", in order. PATH is what messages call it.
Result<std::vector<std::string>> directory_names(Fd fd, std::string_view path);

// At most LIMIT bytes of a file in /proc or /sys, whose size stat(2) does not tell.
Result<std::string> read_virtual_file(int dir_fd, const std::string& path, std::size_t limit);

// An error unless the file behind FD belongs to root (or, for a rootless engine, to us) and nobody else can write it.
// NAME is what the message calls it.
Result<void> require_trusted(int fd, std::string_view name);

// The same judgement on a stat(2) result.
bool is_trusted(const struct stat& st);

// The same for a place that only the host's root can fill, such as /run or /etc. In a user namespace that leaves the host's uid 0
// out, which is where a rootless engine calls us, the kernel shows its files as the overflow uid's; there, and only there, that
// owner is believed as well. It stands for every other unknown user, too: so this is for the places named by us or the
// operator, never for one that a container's side could choose (docs/threat-model.md).
Result<void> require_operators(int fd, std::string_view name);
bool is_operators(const struct stat& st);

// Whether our user namespace is another than the first one, whose map, and only that, is the identity over all of 32 bits (as runc tells it,
// libcontainer/userns). What cannot be read tells no.
bool in_user_namespace();

// Whether our user namespace has no number for the host's root, as a rootless engine's has none. What cannot be read tells no.
bool namespace_leaves_out_root();

// Whether UID_MAP, the text of a /proc/PID/uid_map, gives no number to the uid 0 outside; false if it cannot be understood.
bool map_leaves_out_root(std::string_view uid_map);

enum class Owner {
    ours,       // is_trusted()
    operators,  // is_operators()
};

// Opens the absolute PATH one component at a time without following any symlink, requiring that nobody but root (or us) could
// have put the file there: each directory on the way passes is_operators(), and the file itself what OWNER says.
Result<Fd> open_trusted_path(const std::string& path, int flags, Owner owner = Owner::operators);

// Makes the directory PATH with MODE, which our umask may restrict; what is there already stays as it is.
Result<void> make_directory(const std::string& path, mode_t mode);

// Replaces the file NAME in the directory DIR_FD by the concatenation of PIECES: written to a temporary file beside it
// with OWNER, GROUP and MODE, flushed to the disk where there is one, renamed. After a failure or a crash at any point
// the file is the old one or the complete new one; a failure leaves no temporary file.
Result<void> replace_file(int dir_fd, const std::string& name, std::span<const iovec> pieces, uid_t owner, gid_t group, mode_t mode);

// Makes the file NAME in the directory DIR_FD of PIECES with MODE, ours, unless there is one already, which stays as it is. As with
// replace_file() it is complete or not there; of several that make it at once, one does.
Result<void> make_file(int dir_fd, const std::string& name, std::span<const iovec> pieces, mode_t mode);

// Writes all of TEXT to FD.
Result<void> write_all(int fd, std::string_view text);

// The path of the file behind FD as the kernel has it: from the root of its mount namespace, no symlink in it, " (deleted)" behind it
// if it has none any more (proc(5), /proc/PID/fd). What lies in another mount namespace has a path of that one.
Result<std::string> path_of_descriptor(int fd);

}  // namespace aa
