// SPDX-License-Identifier: Apache-2.0
#include "shim/background.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>

#include "base/fd.h"

namespace aa::shim {
namespace {

constexpr int kCaller = 0;  // the descriptor by which the caller is told

// The engine waits for the end of the pipes that it handed to the runtime, and the caller's directory may be unmounted meanwhile.
void leave_everything(int caller) {
    (void)::dup2(caller, kCaller);
    (void)::syscall(SYS_close_range, kCaller + 1U, UINT_MAX, 0U);
    (void)!::chdir("/");
    (void)::setsid();
    (void)::signal(SIGPIPE, SIG_IGN);  // who was to be told may be gone
    sigset_t none;
    ::sigemptyset(&none);
    (void)::sigprocmask(SIG_SETMASK, &none, nullptr);
}

void tell_caller() {
    const char word = 1;
    (void)!::write(kCaller, &word, 1);
    (void)::close(kCaller);
}

// Whether the other end of the pipe FD says the word before all have closed it.
bool is_told(int fd) {
    char word = 0;
    ssize_t n = 0;
    do {
        n = ::read(fd, &word, 1);
    } while (n < 0 && errno == EINTR);
    return n == 1;
}

}  // namespace

Result<void> in_background(const std::function<void(const std::function<void()>& ready)>& work) {
    const Error failed{ErrorKind::system,
                       "no process could be left behind to watch it: see to it that processes, memory and descriptors are not used up"};
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return failed;
    const Fd end(ends[0]);
    Fd caller(ends[1]);
    const pid_t child = ::fork();
    if (child == 0) {
        leave_everything(caller.get());
        try {
            if (::fork() == 0) work(tell_caller);
        } catch (...) {  // out of memory: what was not told is an error there, and what was seized is killed
        }
        ::_exit(0);
    }
    caller.reset();
    const bool told = is_told(end.get());
    if (child > 0) (void)::waitpid(child, nullptr, 0);
    if (!told) return failed;
    return {};
}

}  // namespace aa::shim
