// SPDX-License-Identifier: Apache-2.0
#include "base/hold.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/file.h"
#include "base/text.h"

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

Result<Fd> make_held_file(int directory, const std::string& path, const std::string& beside, std::string_view text) {
    (void)::unlinkat(directory, beside.c_str(), 0);
    Fd file = TRY(open_file(directory, beside, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0644));
    TRY(write_all(file.get(), text).context(quote(beside)));
    TRY(hold_file(file.get(), Hold::alone, beside));
    if (::renameat(directory, beside.c_str(), directory, path.c_str()) != 0) return errno_error("rename", beside, errno);
    return file;
}

bool is_held(int fd) { return lock_in_the_way_of(fd, F_WRLCK) != F_UNLCK; }

bool is_held_alone(int fd) { return lock_in_the_way_of(fd, F_RDLCK) == F_WRLCK; }

}  // namespace aa
