// SPDX-License-Identifier: Apache-2.0
//
// How tasks that a runtime has started differ from what was decided of them, in words.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/kernel/kernel.h"
#include "shim/decision.h"
#include "shim/process_tree.h"

namespace aa::shim {

// What a task must obey that has executed nothing yet of what it was started for.
struct Beginning {
    const Bounds& bounds;
    std::optional<std::string> label;    // each component of it is one of its own; nullopt: AppArmor is off
    const Decision* decision = nullptr;  // on what it has of the host; null: that was judged when its container was started

    // Of the first program of a container.
    static Beginning of(const Decision& decision);
};

// Why TASK does not obey BEGINNING, in PLACE (WatchedProcess::place) unless that is nullptr; nothing if it does.
std::optional<std::string> first_mismatch(pid_t task, const std::string* place, const apparmor::Kernel& kernel, const Beginning& beginning);

// The first of TASKS, of a container that has USER_NAMESPACE, that does not obey BOUNDS, in words; nothing if all do. One that is over obeys. One
// that has left for a user namespace of its own making has all capabilities there and none in the container's, to which there is no way back:
// its sets tell nothing.
std::optional<std::string> find_mismatch_in(const apparmor::Kernel& kernel, const std::vector<Task>& tasks, std::string_view user_namespace,
                                            const Bounds& bounds);

// An error unless the process PID has of the host what DECISION was made on.
Result<void> check_brought(pid_t pid, const Decision& decision);

// Whether the thread TID has ended, a zombie included (proc(5), /proc/PID/stat).
bool is_over(pid_t tid);

}  // namespace aa::shim
