// SPDX-License-Identifier: Apache-2.0
#include "shim/terminal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/file.h"
#include "base/text.h"

namespace aa::shim {
namespace {

Result<Fd> connect_to(std::string_view path) {
    struct sockaddr_un address {};
    if (path.size() >= sizeof address.sun_path) return errno_error("connect to", path, ENAMETOOLONG);
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, path.size());
    struct sockaddr generic {};
    static_assert(sizeof generic <= sizeof address);
    Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!socket.valid() || ::connect(socket.get(), reinterpret_cast<const struct sockaddr*>(&address), sizeof address) != 0) {
        return errno_error("connect to", path, errno);
    }
    return socket;
}

// Sends DESCRIPTOR with its NAME as the message that it belongs to (unix(7), SCM_RIGHTS).
bool send_descriptor(int socket, int descriptor, std::string_view name) {
    iovec text{const_cast<char*>(name.data()), name.size()};
    alignas(struct cmsghdr) std::array<char, CMSG_SPACE(sizeof descriptor)> control{};
    struct msghdr message {};
    message.msg_iov = &text;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    struct cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof descriptor);
    std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    return ::sendmsg(socket, &message, MSG_NOSIGNAL) >= 0;
}

}  // namespace

Result<Fd> open_terminal(std::string_view console_socket) {
    const Fd socket = TRY(connect_to(console_socket));
    const Fd engine(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    int locked = 0;
    unsigned number = 0;
    if (!engine.valid() || ::ioctl(engine.get(), TIOCSPTLCK, &locked) != 0 || ::ioctl(engine.get(), TIOCGPTN, &number) != 0) {
        return errno_error("open", "a terminal", errno);
    }
    // Not by its name, which another mount namespace's /dev may give to another one.
    Fd command(::ioctl(engine.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (!command.valid()) return errno_error("open", "a terminal", errno);
    if (!send_descriptor(socket.get(), engine.get(), concat({"/dev/pts/", decimal(number)}))) {
        return errno_error("send a terminal to", console_socket, errno);
    }
    return command;
}

}  // namespace aa::shim
