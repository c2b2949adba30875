// SPDX-License-Identifier: Apache-2.0
#include "shim/exit_status.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <string>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "oci/command_line/runtime_log.h"

namespace aa::shim {
namespace {

// Sends DESCRIPTOR, called NAME, to the socket at PATH, as the runtimes send a terminal (runc docs/terminals.md).
Result<void> send_descriptor(std::string_view path, int descriptor, std::string_view name) {
    const Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!socket.valid()) return errno_error("create", "a socket", errno);
    struct sockaddr_un address {};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return errno_error("connect to", path, ENAMETOOLONG);
    path.copy(address.sun_path, path.size());
    struct sockaddr generic {};
    static_assert(sizeof generic <= sizeof address);
    if (::connect(socket.get(), reinterpret_cast<const struct sockaddr*>(&address), sizeof address) != 0) {
        return errno_error("connect to", path, errno);
    }
    iovec piece{const_cast<char*>(name.data()), name.size()};
    alignas(struct cmsghdr) std::array<char, CMSG_SPACE(sizeof descriptor)> control{};
    struct msghdr message {};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    struct cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof descriptor);
    std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    if (::sendmsg(socket.get(), &message, MSG_NOSIGNAL) < 0) return errno_error("send a terminal to", path, errno);
    return {};
}

// The command's side of a new terminal, whose other side goes to the engine.
Result<Fd> open_terminal(std::string_view console_socket) {
    const Fd engine(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    int locked = 0;
    unsigned number = 0;
    if (!engine.valid() || ::ioctl(engine.get(), TIOCSPTLCK, &locked) != 0 || ::ioctl(engine.get(), TIOCGPTN, &number) != 0) {
        return errno_error("open", "a terminal", errno);
    }
    Fd command(::ioctl(engine.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (!command.valid()) return errno_error("open", "a terminal", errno);
    TRY(send_descriptor(console_socket, engine.get(), concat({"/dev/pts/", decimal(number)})));
    return command;
}

// As the runtimes leave it: the whole number, or no file of this name (runc utils_linux.go, createPidFile).
Result<void> write_pid(std::string_view path, pid_t pid) {
    if (path.empty()) return {};
    const std::size_t name = path.rfind('/') + 1;
    const Fd directory = TRY(open_file(AT_FDCWD, name == 0 ? std::string(".") : std::string(path.substr(0, name)), O_PATH | O_DIRECTORY));
    std::string text = decimal(pid);
    const iovec piece{text.data(), text.size()};
    return replace_file(directory.get(), std::string(path.substr(name)), {&piece, 1}, ::geteuid(), ::getegid(), 0644);
}

// Is the command, once forked: writes LINE to TERMINAL, if there is one, else to standard error, and ends when aa-shim has, which holds
// the other side of GATE: by then the engine can know the process.
[[noreturn]] void be_command(std::string_view line, int terminal, int gate) {
    constexpr int kGate = 3;
    (void)::signal(SIGPIPE, SIG_IGN);
    (void)::setsid();
    (void)!::chdir("/");
    // The engine waits for the end of what it captures of the runtime where the command has a terminal.
    for (int fd = 0; terminal >= 0 && fd < kGate; ++fd) (void)::dup2(terminal, fd);
    (void)::dup2(gate, kGate);
    (void)::syscall(SYS_close_range, kGate + 1U, UINT_MAX, 0U);
    // From here on nothing but read(2), write(2) and exit(2) on what is open. Where the kernel has no seccomp, nothing else is done either.
    (void)::prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
    while (!line.empty()) {
        const ssize_t n = ::write(STDERR_FILENO, line.data(), line.size());
        if (n < 0 && errno != EINTR) break;
        line.remove_prefix(n < 0 ? 0 : static_cast<std::size_t>(n));
    }
    for (char none = 0; ::read(kGate, &none, 1) < 0 && errno == EINTR;) continue;
    while (true) (void)::syscall(SYS_exit, kMayNotBeExecuted);  // _exit(2) is exit_group(2), which is not among them
}

Result<int> end_detached(std::string_view line, const oci::CommandLine& call) {
    const Fd terminal = call.console_socket.empty() ? Fd() : TRY(open_terminal(call.console_socket));
    std::array<int, 2> gate{};
    if (::pipe2(gate.data(), O_CLOEXEC) != 0) return errno_error("create", "a pipe", errno);
    const Fd commands(gate[0]);
    Fd ours(gate[1]);
    const pid_t command = ::fork();
    if (command < 0) return errno_error("create", "a process", errno);
    if (command == 0) {
        ours.reset();
        be_command(line, terminal.get(), commands.get());
    }
    if (auto written = write_pid(call.pid_file, command); !written) {
        (void)::kill(command, SIGKILL);
        (void)::waitpid(command, nullptr, 0);
        return std::move(written).error();
    }
    (void)ours.release();  // closed when this process has ended
    return 0;
}

}  // namespace

Result<int> end_command(std::string_view message, const oci::CommandLine& line) {
    if (!line.pidfd_socket.empty()) {
        return Error{ErrorKind::usage, "--pidfd-socket wants a process of the container, and none was started"};
    }
    const auto text = oci::stderr_line(message);
    if (line.detach) return end_detached(text, line);
    TRY(write_pid(line.pid_file, ::getpid()));
    (void)write_all(STDERR_FILENO, text);  // a command that nobody listens to ends all the same
    return kMayNotBeExecuted;
}

}  // namespace aa::shim
