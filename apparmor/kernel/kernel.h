// SPDX-License-Identifier: Apache-2.0
//
// What the running kernel says about AppArmor. No list of profiles is ever scanned on the way to a decision: one query
// answers for one label, however many profiles are loaded.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace aa::apparmor {

// `mixed` is a stack whose components differ.
enum class Mode { enforce, complain, kill, unconfined, prompt, mixed, unknown };
std::string_view mode_name(Mode mode);

// A process's label as /proc/PID/attr/apparmor/current prints it: "NAME (mode)", or "unconfined" without a mode.
struct TaskLabel {
    std::string label;
    Mode mode = Mode::unknown;
};
TaskLabel parse_task_label(std::string_view text);

class Kernel {
public:
    // The kernel we run on. SECURITYFS is where its files are, MODULE where AppArmor's module parameters are, PROC where
    // processes are looked at.
    explicit Kernel(std::string securityfs = "/sys/kernel/security", std::string module = "/sys/module/apparmor",
                    std::string proc = "/proc")
        : securityfs_(std::move(securityfs)), module_(std::move(module)), proc_(std::move(proc)) {}

    // Whether AppArmor is built in, switched on and reachable; the error says which of these fails and what to do.
    [[nodiscard]] Result<void> require_enabled() const;

    // Whether every component of LABEL is loaded, by exact name. LABEL has passed check_label(). The kernel is asked about
    // one component at a time: for a stack that no process has yet, `.access` says ENOENT although all of it is loaded
    // (seen on 6.12).
    [[nodiscard]] Result<bool> is_loaded(std::string_view label) const;

    // The label of the process PID (or of this one: 0), as aa_gettaskcon(3) reads it, which aa-shim does not link. An error of kind not_found if there is no such process.
    [[nodiscard]] Result<TaskLabel> task_label(pid_t pid) const;

    // The number of the policy: it changes with every profile that is loaded, replaced or removed.
    [[nodiscard]] Result<std::uint64_t> policy_revision() const;

    // The contents of its AppArmor file NAME ("policy/profiles/web.12/sha256"), without the line's end.
    [[nodiscard]] Result<std::string> read(std::string_view name) const;
    // The same, every byte of it.
    [[nodiscard]] Result<std::string> read_binary(std::string_view name) const;

    // The mode that the whole module was put in (parameter `mode`); in any but enforce it outweighs the profiles' own.
    [[nodiscard]] Result<Mode> module_mode() const;

    // The names of all loaded profiles with their modes ("NAME (mode)" lines of the profiles file): for aa-shimctl only.
    [[nodiscard]] Result<std::string> loaded_profiles() const;

    // Loads the binary policy BYTES: its profiles take the place of those of the same names at once, or nothing changes. For aa-shimctl
    // only.
    [[nodiscard]] Result<void> replace_policy(std::string_view bytes) const;

    // Where its AppArmor files are, e.g. /sys/kernel/security/apparmor/features.
    [[nodiscard]] std::string path(std::string_view name) const;

private:
    [[nodiscard]] Error missing_interface() const;
    [[nodiscard]] Result<bool> is_profile_loaded(std::string_view profile) const;

    std::string securityfs_;
    std::string module_;
    std::string proc_;
};

}  // namespace aa::apparmor
