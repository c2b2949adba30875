// SPDX-License-Identifier: Apache-2.0
#include "shim/observed.h"

#include <fcntl.h>

#include <algorithm>
#include <charconv>

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

// The number after NAME ("CapBnd:") in STATUS, in BASE.
std::optional<unsigned long long> number_field(std::string_view status, std::string_view name, int base) {
    const std::size_t at = find_line(status, name);
    if (at == std::string_view::npos) return std::nullopt;
    status.remove_prefix(std::min(status.size(), status.find_first_not_of("\t ", at + name.size())));
    unsigned long long value = 0;
    const auto [end, error] = std::from_chars(status.data(), status.data() + status.size(), value, base);
    if (error != std::errc()) return std::nullopt;
    return value;
}

std::optional<CapabilitySet> set_field(std::string_view status, std::string_view name) {
    const auto set = number_field(status, name, 16);
    if (!set) return std::nullopt;
    return CapabilitySet(*set);
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
    const auto bounding = set_field(status, "CapBnd:");
    const auto permitted = set_field(status, "CapPrm:");
    const auto effective = set_field(status, "CapEff:");
    const auto inheritable = set_field(status, "CapInh:");
    const auto ambient = set_field(status, "CapAmb:");
    const auto no_new_privileges = number_field(status, "NoNewPrivs:", 10);
    if (!bounding || !permitted || !effective || !inheritable || !ambient || !no_new_privileges) return false;
    observed.bounding = *bounding;
    observed.permitted = *permitted;
    observed.others = *effective | *inheritable | *ambient;
    observed.no_new_privileges = *no_new_privileges == 1;
    observed.filtered = number_field(status, "Seccomp:", 10) == 2;  // SECCOMP_MODE_FILTER; kernels without filters have no such line
    observed.filters = number_field(status, "Seccomp_filters:", 10);
    observed.parent = static_cast<pid_t>(number_field(status, "PPid:", 10).value_or(0));
    observed.tracer = static_cast<pid_t>(number_field(status, "TracerPid:", 10).value_or(0));
    return true;
}

std::optional<std::string> find_mismatch(const Observed& observed, const Bounds& bounds) {
    if (bounds.profile && *bounds.profile != apparmor::kUnconfined && !is_confined(observed.label, *bounds.profile)) {
        return concat(
            {"the kernel says that its label is ", quote(observed.label.label), ", it was to run under ", quote(*bounds.profile)});
    }
    const auto sets = observed.bounding | observed.permitted | observed.others;
    if (bounds.ceiling && !sets.subset_of(*bounds.ceiling)) {
        return concat({"the kernel says that it may have the capabilities ", (sets - *bounds.ceiling).names(), " beyond the ceiling"});
    }
    if (bounds.no_new_privileges && !observed.no_new_privileges) return "no-new-privileges is not set on it";
    if (!bounds.deny_syscalls.empty() && !observed.filtered) return "no filter is on its system calls";
    return std::nullopt;
}

std::optional<std::string> find_first_mismatch(const Observed& observed, const Observed& parent, const Bounds& bounds,
                                               const std::optional<std::string>& label) {
    if (label && *label != apparmor::kUnconfined) {
        const auto found = apparmor::components(observed.label.label);
        for (const auto component : apparmor::components(*label)) {
            if (std::find(found.begin(), found.end(), component) != found.end()) continue;
            return concat({"the kernel says that its label is ", quote(observed.label.label), ", it was to begin under ", quote(*label)});
        }
    }
    if (auto mismatch = find_mismatch(observed, bounds)) return mismatch;
    if (!bounds.deny_syscalls.empty() && observed.filters && parent.filters && *observed.filters <= *parent.filters)
        return "no filter is on its system calls but those that its parent has";
    return std::nullopt;
}

}  // namespace aa::shim
