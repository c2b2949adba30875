// SPDX-License-Identifier: Apache-2.0
//
// A process that is watched from outside: named by a descriptor, so that it is never taken for a later one of its number.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/fd.h"

namespace aa::shim {

class WatchedProcess {
public:
    explicit WatchedProcess(pid_t pid);

    [[nodiscard]] pid_t pid() const { return pid_; }

    // Waits until it has ended, be it that nobody has asked for its status yet, but no longer than MILLISECONDS; whether it has. One that
    // was not there from the beginning has. It is not waited for any longer once something can be read from OTHER, if that is a descriptor.
    [[nodiscard]] bool ends_within(int milliseconds, int other = -1) const;

    void kill() const;
    // Executes nothing any more, until somebody lets it go on.
    void stop() const;

    // What tells one execve(2) of it from the next: the kernel lays out every program anew, at addresses of chance (proc(5), auxv). A fork
    // has the same. Empty if that cannot be read.
    [[nodiscard]] std::string image() const;

    // Its user namespace (user_namespaces(7)); empty if that cannot be read.
    [[nodiscard]] std::string user_namespace() const;

    // Its user namespace, mount namespace and root directory, in a text that tells them from any others; empty if one cannot be read.
    [[nodiscard]] std::string place() const;

private:
    void send(int signal) const;

    pid_t pid_;
    Fd fd_;
};

// The mount namespace (mount_namespaces(7)) of the process PID; empty if that cannot be read.
std::string mount_namespace(pid_t pid);

// Whether IMAGE is that of a process in the middle of an execve(2): its former program is gone, and its new one has executed no instruction.
bool is_being_laid_out(const std::string& image);

// Whether the task TASK is in a user namespace that was made in USER_NAMESPACE, or in one of those, and so on; false if that cannot be told.
bool has_left_for_below(pid_t task, std::string_view user_namespace);

}  // namespace aa::shim
