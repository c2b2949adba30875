// SPDX-License-Identifier: Apache-2.0
#include "base/hold.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.h"

namespace aa {
namespace {

// What kind of lock of others keeps FD from one of TYPE.
short lock_in_the_way_of(int fd, short type) {
    struct flock lock {};
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    return ::fcntl(fd, F_OFD_GETLK, &lock) == 0 ? lock.l_type : static_cast<short>(F_UNLCK);
}

}  // namespace

Result<void> hold_file(int fd, Hold hold, std::string_view name) {
    struct flock lock {};
    lock.l_type = hold == Hold::alone ? F_WRLCK : F_RDLCK;
    lock.l_whence = SEEK_SET;
    if (::fcntl(fd, F_OFD_SETLK, &lock) != 0) return errno_error("lock", name, errno);
    return {};
}

bool is_held(int fd) { return lock_in_the_way_of(fd, F_WRLCK) != F_UNLCK; }

bool is_held_alone(int fd) { return lock_in_the_way_of(fd, F_RDLCK) == F_WRLCK; }

}  // namespace aa
