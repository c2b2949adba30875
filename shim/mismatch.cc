// SPDX-License-Identifier: Apache-2.0
#include "shim/mismatch.h"

#include <fcntl.h>

#include "base/file.h"
#include "base/text.h"
#include "shim/host_namespaces.h"
#include "shim/judged_mounts.h"
#include "shim/observed.h"
#include "shim/watched_process.h"

namespace aa::shim {
namespace {

constexpr std::string_view kNotSeen = "it could not be looked at";

// As find_mismatch_in has it of one TASK.
std::optional<std::string> mismatch_of(pid_t task, std::string_view user_namespace, const apparmor::Kernel& kernel, const Bounds& bounds) {
    const bool has_left = !user_namespace.empty() && has_left_for_below(task, user_namespace);
    auto observed = observe(kernel, task, bounds.profile.has_value());
    if (!observed) return std::string(kNotSeen);
    if (has_left) observed->bounding = observed->permitted = observed->others = CapabilitySet();
    return find_mismatch(*observed, bounds);
}

}  // namespace

Beginning Beginning::of(const Decision& decision) {
    return {decision.bounds, decision.bounds.profile ? std::optional(decision.first_label()) : std::nullopt, &decision};
}

std::optional<std::string> first_mismatch(pid_t task, const std::string* place, const apparmor::Kernel& kernel,
                                          const Beginning& beginning) {
    const auto& bounds = beginning.bounds;
    const auto observed = observe(kernel, task, bounds.profile.has_value());
    if (!observed) return std::string(kNotSeen);
    if (place != nullptr && (WatchedProcess(task).place() != *place || place->empty()))
        return "it was in another user namespace, mount namespace or root than before";
    if (beginning.decision != nullptr) {
        if (const auto brought = check_brought(task, *beginning.decision); !brought) return brought.error().message;
    }
    std::optional<Observed> parent;
    if (!bounds.deny_syscalls.empty()) parent = observe(kernel, observed->parent, false);
    return find_first_mismatch(*observed, parent.value_or(Observed()), bounds, beginning.label);
}

std::optional<std::string> find_mismatch_in(const apparmor::Kernel& kernel, const std::vector<Task>& tasks, std::string_view user_namespace,
                                            const Bounds& bounds) {
    for (const auto& task : tasks) {
        const auto found = mismatch_of(task.thread, user_namespace, kernel, bounds);
        if (!found || is_over(task.thread)) continue;
        return concat({"process ", decimal(task.process), ", thread ", decimal(task.thread), ": ", *found});
    }
    return std::nullopt;
}

Result<void> check_brought(pid_t pid, const Decision& decision) {
    TRY(check_namespaces(pid, decision.namespaces));
    return check_mounts(pid, decision.mounts);
}

bool is_over(pid_t tid) {
    const auto stat = read_virtual_file(AT_FDCWD, concat({"/proc/", decimal(tid), "/stat"}), 4096);
    if (!stat) return true;
    const auto state = stat->find_first_not_of(' ', stat->rfind(')') + 1);
    return state == std::string::npos || (*stat)[state] == 'Z' || (*stat)[state] == 'X';
}

}  // namespace aa::shim
