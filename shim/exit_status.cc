// SPDX-License-Identifier: Apache-2.0
#include "shim/exit_status.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <string>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "oci/command_line/runtime_log.h"
#include "shim/exec_decision.h"
#include "shim/terminal.h"

namespace aa::shim {
namespace {

constexpr int kFirstFree = 3;  // behind the standard three

// As the runtimes leave it: the whole number, or no file of this name (runc utils_linux.go, createPidFile).
Result<void> write_pid(std::string_view path, pid_t pid) {
    if (path.empty()) return {};
    const std::size_t name = path.rfind('/') + 1;
    const Fd directory = TRY(open_file(AT_FDCWD, name == 0 ? std::string(".") : std::string(path.substr(0, name)), O_PATH | O_DIRECTORY));
    std::string text = decimal(pid);
    const iovec piece{text.data(), text.size()};
    return replace_file(directory.get(), std::string(path.substr(name)), {&piece, 1}, ::geteuid(), ::getegid(), 0644);
}

// Leaves nothing open but the standard three, all of them TERMINAL if there is one, and GATE, whose number is returned. The engine waits for
// the end of what it captures of the runtime where the command has a terminal.
int hold_only(int gate, int terminal) {
    const int held = ::fcntl(gate, F_DUPFD, kFirstFree);
    for (int fd = 0; terminal >= 0 && fd < kFirstFree; ++fd) (void)::dup2(terminal, fd);
    (void)::syscall(SYS_close_range, static_cast<unsigned>(kFirstFree), static_cast<unsigned>(held) - 1U, 0U);
    (void)::syscall(SYS_close_range, static_cast<unsigned>(held) + 1U, UINT_MAX, 0U);
    return held;
}

void write_out(std::string_view text) {
    while (!text.empty()) {
        const ssize_t n = ::write(STDERR_FILENO, text.data(), text.size());
        if (n < 0 && errno != EINTR) break;
        text.remove_prefix(n < 0 ? 0 : static_cast<std::size_t>(n));
    }
}

// Is the command, once forked: writes LINE and ends. It begins when aa-shim has ended, which holds the other side of GATE: by then the engine
// can know the process.
[[noreturn]] void be_command(std::string_view line, int terminal, int gate) {
    (void)::signal(SIGPIPE, SIG_IGN);
    (void)::setsid();
    (void)!::chdir("/");
    const int held = hold_only(gate, terminal);
    // From here on nothing but read(2), write(2) and exit(2). Where the kernel has no seccomp, nothing else is done either.
    (void)::prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
    for (char none = 0; ::read(held, &none, 1) < 0 && errno == EINTR;) continue;
    write_out(line);
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
