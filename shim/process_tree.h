// SPDX-License-Identifier: Apache-2.0
//
// A process, its threads, and all that descend from it.
#pragma once

#include <sys/types.h>

#include <vector>

namespace aa::shim {

struct Task {
    pid_t process = 0;
    pid_t thread = 0;  // that of the process itself included

    friend bool operator==(const Task&, const Task&) = default;
};

// The threads of PROCESS, itself among them; none if it is gone.
std::vector<pid_t> threads_of(pid_t process);

// The threads of ROOT and of its descendants, as the kernel lists them now (/proc/PID/task/TID/children, proc(5)); a checkpoint holds
// just such a tree (CRIU). At most a million.
std::vector<Task> process_tree(pid_t root);

}  // namespace aa::shim
