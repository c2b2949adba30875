// SPDX-License-Identifier: Apache-2.0
#include "ctl/cli/ending.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include <cerrno>

#include "base/file.h"

namespace aa::ctl {

namespace {

sigset_t end_signal_set() {
    sigset_t set;
    (void)::sigemptyset(&set);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) (void)::sigaddset(&set, signal);
    return set;
}

}  // namespace

void block_end_signals() {
    const auto set = end_signal_set();
    (void)::sigprocmask(SIG_BLOCK, &set, nullptr);
    (void)::signal(SIGPIPE, SIG_IGN);
}

Result<Fd> end_signals() {
    block_end_signals();
    const auto set = end_signal_set();
    Fd fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!fd.valid()) return errno_error("wait for", "signals", errno);
    return fd;
}

Result<Fd> end_after(unsigned seconds) {
    Fd fd(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
    itimerspec end{};
    end.it_value.tv_sec = seconds;
    if (!fd.valid() || ::timerfd_settime(fd.get(), 0, &end, nullptr) != 0) return errno_error("wait for", "a time", errno);
    return fd;
}

}  // namespace aa::ctl
