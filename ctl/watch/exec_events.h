// SPDX-License-Identifier: Apache-2.0
//
// Every execve(2) on this host as it happens, from the kernel's process events (CONFIG_PROC_EVENTS, the netlink connector; kernel's
// drivers/connector/cn_proc.c).
#pragma once

#include <sys/types.h>

#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace aa::ctl::watch {

class ExecEvents {
public:
    // An error where the kernel has none, or gives them to nobody outside of the first PID and user namespaces. Needs CAP_NET_ADMIN before Linux 6.6.
    static Result<ExecEvents> open();

    // Readable once something was executed.
    [[nodiscard]] int fd() const { return fd_.get(); }

    // The processes that have executed a program since the last time, each once. What the kernel had no room for is missing: whoever needs
    // all looks at all from time to time.
    [[nodiscard]] Result<std::vector<pid_t>> read() const;

private:
    explicit ExecEvents(Fd fd) : fd_(std::move(fd)) {}

    Fd fd_;
};

// The process that MESSAGE, a datagram of the connector, tells has executed a program; 0 for any other message.
pid_t executing_process(std::string_view message);

}  // namespace aa::ctl::watch
