// SPDX-License-Identifier: Apache-2.0
#include "shim/observed.h"

#include <fcntl.h>

#include <algorithm>
#include <cstdint>

#include "apparmor/kernel/profile_name.h"
#include "base/file.h"
#include "base/text.h"

namespace aa::shim {
namespace {

// Where the line of STATUS begins that begins with NAME. A process chooses its own name, which stands in the first line, and in which the
// kernel escapes the end of a line (proc(5); fs/proc/array.c, proc_task_name).
std::size_t find_line(std::string_view status, std::string_view name) {
    std::size_t at = 0;
    while (at != std::string_view::npos && !status.substr(at).starts_with(name)) {
        at = status.find('\n', at);
        if (at != std::string_view::npos) ++at;
    }
    return at;
}

// The number after NAME ("CapBnd:") in STATUS, in base 16.
std::optional<std::uint64_t> hex_field(std::string_view status, std::string_view name) {
    const std::size_t at = find_line(status, name);
    if (at == std::string_view::npos) return std::nullopt;
    std::uint64_t value = 0;
    bool any = false;
    for (const char c : status.substr(at + name.size())) {
        if ((c == '\t' || c == ' ') && !any) continue;
        unsigned digit = 0;
        if (c >= '0' && c <= '9') {
            digit = static_cast<unsigned>(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            digit = static_cast<unsigned>(c - 'a') + 10U;
        } else {
            break;
        }
        value = value << 4U | digit;
        any = true;
    }
    if (!any) return std::nullopt;
    return value;
}

// Whether LABEL is PROFILE, in part at least, or any other profile that confines: a program may have made a transition of
// its own. The runtime's own profile (`runc` on current Debian and Ubuntu) is in unconfined mode and confines nothing.
bool is_confined(const apparmor::TaskLabel& label, std::string_view profile) {
    if (label.label != apparmor::kUnconfined && label.mode != apparmor::Mode::unconfined) return true;
    const auto wanted = apparmor::components(profile);
    for (const auto component : apparmor::components(label.label)) {
        if (std::find(wanted.begin(), wanted.end(), component) != wanted.end()) return true;
    }
    return false;
}

}  // namespace

std::optional<Observed> observe(const apparmor::Kernel& kernel, pid_t pid, bool with_label) {
    const auto status = read_virtual_file(AT_FDCWD, concat({"/proc/", decimal(pid), "/status"}), 1U << 14U);
    Observed observed;
    if (!status || !read_status(*status, observed)) return std::nullopt;
    if (with_label) {
        auto label = kernel.task_label(pid);
        if (!label) return std::nullopt;
        observed.label = *std::move(label);
    }
    return observed;
}

bool read_status(std::string_view status, Observed& observed) {
    const auto bounding = hex_field(status, "CapBnd:");
    const auto permitted = hex_field(status, "CapPrm:");
    const auto no_new_privileges = hex_field(status, "NoNewPrivs:");
    if (!bounding || !permitted || !no_new_privileges) return false;
    observed.bounding = CapabilitySet(*bounding);
    observed.permitted = CapabilitySet(*permitted);
    observed.no_new_privileges = *no_new_privileges == 1;
    observed.filtered = hex_field(status, "Seccomp:") == 2;  // SECCOMP_MODE_FILTER; kernels without filters have no such line
    return true;
}

std::optional<std::string> find_mismatch(const Observed& observed, const Bounds& bounds) {
    if (bounds.profile && *bounds.profile != apparmor::kUnconfined && !is_confined(observed.label, *bounds.profile)) {
        return concat(
            {"the kernel says that its label is ", quote(observed.label.label), ", it was to run under ", quote(*bounds.profile)});
    }
    if (bounds.ceiling && !(observed.bounding | observed.permitted).subset_of(*bounds.ceiling)) {
        return concat({"the kernel says that it may have the capabilities ",
                       ((observed.bounding | observed.permitted) - *bounds.ceiling).names(), " beyond the ceiling"});
    }
    if (bounds.no_new_privileges && !observed.no_new_privileges) return "no-new-privileges is not set on it";
    if (!bounds.deny_syscalls.empty() && !observed.filtered) return "no filter is on its system calls";
    return std::nullopt;
}

}  // namespace aa::shim
