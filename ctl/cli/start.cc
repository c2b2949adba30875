// SPDX-License-Identifier: Apache-2.0
#include "ctl/cli/start.h"

#include <fcntl.h>

#include <cstdio>

namespace aa::ctl {

// Descriptors 0 to 2 are always open, so that no file of ours is taken for one of them. A host without /dev/null (a chroot) is no
// obstacle as long as they are.
bool open_standard_descriptors() {
    for (int fd = 0; fd <= 2; ++fd) {
        if (::fcntl(fd, F_GETFD) >= 0) continue;
        if (::open("/dev/null", O_RDWR) == fd) continue;  // the lowest one that is free
        (void)std::fprintf(stderr, "aa-shimctl: there is no /dev/null to open in place of descriptor %d, which is closed: mount a /dev\n",
                           fd);
        return false;
    }
    return true;
}

}  // namespace aa::ctl
