// SPDX-License-Identifier: Apache-2.0
#include "apparmor/audit/risk.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

namespace aa::apparmor {

namespace {

// A path, as the container sees it: from its beginning on, "*" for anything up to the next slash or the end. Of several that match, the
// first counts.
struct PathRow {
    std::string_view pattern;
    std::string_view letters;  // of a record: it is about any of these
    Risked risked;
};
constexpr std::string_view kWrites = "wacd";
constexpr std::string_view kAny = "rwacdmklx";
constexpr std::array kPaths = {
    PathRow{"/proc/sysrq-trigger", kWrites, {Risk::never, "stops or restarts the host"}},
    PathRow{"/proc/kcore", kAny, {Risk::never, "the kernel's memory"}},
    PathRow{"/proc/kmem", kAny, {Risk::never, "the kernel's memory"}},
    PathRow{"/proc/kpage", kAny, {Risk::high, "the kernel's pages"}},
    PathRow{"/dev/mem", kAny, {Risk::never, "the kernel's memory"}},
    PathRow{"/dev/kmem", kAny, {Risk::never, "the kernel's memory"}},
    PathRow{"/dev/port", kAny, {Risk::never, "the host's hardware"}},
    PathRow{"/proc/key", kAny, {Risk::high, "keyrings, which are of no namespace"}},
    PathRow{"/proc/kallsyms", kAny, {Risk::high, "addresses in the kernel"}},
    PathRow{"/proc/sys/kernel/core_pattern", kWrites, {Risk::never, "names a program that the host runs as root"}},
    PathRow{"/proc/sys/kernel/modprobe", kWrites, {Risk::never, "names a program that the host runs as root"}},
    PathRow{"/proc/sys/kernel/hotplug", kWrites, {Risk::never, "names a program that the host runs as root"}},
    PathRow{"/proc/sys/fs/binfmt_misc/", kWrites, {Risk::never, "names programs that the host runs"}},
    PathRow{"/proc/sys/net/", kWrites, {Risk::medium, "the settings of the container's network"}},
    PathRow{"/proc/sys/", kWrites, {Risk::high, "the kernel's settings, most of them the whole host's"}},
    PathRow{"/proc/acpi/", kAny, {Risk::high, "the host's hardware"}},
    PathRow{"/proc/scsi/", kAny, {Risk::high, "the host's hardware"}},
    PathRow{"/proc/bus/", kWrites, {Risk::high, "the host's hardware"}},
    PathRow{"/proc/irq/", kWrites, {Risk::high, "the host's hardware"}},
    PathRow{"/proc/mtrr", kWrites, {Risk::high, "the host's hardware"}},
    PathRow{"/proc/self/attr/", kWrites, {Risk::high, "changes the profile, as far as change_profile rules go"}},
    PathRow{"/proc/*/attr/", kWrites, {Risk::high, "changes the profile, as far as change_profile rules go"}},
    PathRow{"/proc/*/mem", kWrites, {Risk::high, "the memory of processes"}},
    PathRow{"/proc/*/", kWrites, {Risk::medium, "what belongs to processes"}},
    PathRow{"/proc/", kWrites, {Risk::high, "the kernel's settings, most of them the whole host's"}},
    PathRow{"/proc/*/mem", kAny, {Risk::high, "the memory of processes"}},
    PathRow{"/proc/*/environ", kAny, {Risk::medium, "the environment of processes, which may hold secrets"}},
    PathRow{"/sys/kernel/security/", kAny, {Risk::never, "the policy of the host itself"}},
    PathRow{"/sys/kernel/debug/", kAny, {Risk::never, "the kernel from within"}},
    PathRow{"/sys/kernel/tracing/", kAny, {Risk::high, "the kernel from within"}},
    PathRow{"/sys/kernel/uevent_helper", kWrites, {Risk::never, "names a program that the host runs as root"}},
    PathRow{"/sys/firmware/", kAny, {Risk::high, "the host's firmware"}},
    PathRow{"/sys/fs/cgroup/", kWrites, {Risk::high, "limits of containers; release_agent names a program that the host runs"}},
    PathRow{"/sys/", kWrites, {Risk::high, "the host's devices and settings"}},
    PathRow{"/run/docker.sock", kAny, {Risk::never, "who may speak to the engine is root of the host"}},
    PathRow{"/var/run/docker.sock", kAny, {Risk::never, "who may speak to the engine is root of the host"}},
    PathRow{"/run/containerd/", kAny, {Risk::never, "who may speak to the engine is root of the host"}},
    PathRow{"/run/crio/", kAny, {Risk::never, "who may speak to the engine is root of the host"}},
    PathRow{"/run/podman/", kAny, {Risk::never, "who may speak to the engine is root of the host"}},
    PathRow{"/run/aa-shim/", kAny, {Risk::never, "what decides about containers"}},
    PathRow{"/etc/aa-shim/", kWrites, {Risk::never, "what decides about containers"}},
    PathRow{"/run/systemd/private", kAny, {Risk::never, "who may speak to systemd is root of the host"}},
    PathRow{"/dev/sd", kAny, {Risk::never, "a disk of the host"}},
    PathRow{"/dev/hd", kAny, {Risk::never, "a disk of the host"}},
    PathRow{"/dev/vd", kAny, {Risk::never, "a disk of the host"}},
    PathRow{"/dev/xvd", kAny, {Risk::never, "a disk of the host"}},
    PathRow{"/dev/nvme", kAny, {Risk::never, "a disk of the host"}},
    PathRow{"/dev/mmcblk", kAny, {Risk::never, "a disk of the host"}},
    PathRow{"/dev/dm-", kAny, {Risk::never, "a disk of the host"}},
    PathRow{"/dev/mapper/", kAny, {Risk::never, "a disk of the host"}},
    PathRow{"/dev/loop", kAny, {Risk::high, "devices that are mounted"}},
    PathRow{"/dev/kvm", kAny, {Risk::medium, "virtual machines"}},
    PathRow{"/dev/net/tun", kAny, {Risk::medium, "network interfaces of its own"}},
    PathRow{"/dev/fuse", kAny, {Risk::medium, "file systems of its own"}},
    PathRow{"/dev/kmsg", kAny, {Risk::high, "the kernel's log"}},
    PathRow{"/dev/shm/", "x", {Risk::high, "runs what anybody may have written"}},
    PathRow{"/dev/shm/", kAny, {Risk::low, "memory that is shared in the container"}},
    PathRow{"/dev/pts/", kAny, {Risk::low, "terminals of the container"}},
    PathRow{"/dev/null", kAny, {Risk::low, "nothing"}},
    PathRow{"/dev/zero", kAny, {Risk::low, "nothing"}},
    PathRow{"/dev/full", kAny, {Risk::low, "nothing"}},
    PathRow{"/dev/random", kAny, {Risk::low, "random numbers"}},
    PathRow{"/dev/urandom", kAny, {Risk::low, "random numbers"}},
    PathRow{"/dev/tty", kAny, {Risk::low, "terminals of the container"}},
    PathRow{"/dev/", kAny, {Risk::high, "a device of the host"}},
    PathRow{"/tmp/", "xm", {Risk::high, "runs what anybody may have written"}},
    PathRow{"/var/tmp/", "xm", {Risk::high, "runs what anybody may have written"}},
    PathRow{"/etc/shadow", kAny, {Risk::high, "passwords"}},
    PathRow{"/etc/gshadow", kAny, {Risk::high, "passwords"}},
    PathRow{"/root/.ssh/", kAny, {Risk::high, "keys"}},
    PathRow{"/var/run/secrets/", kWrites, {Risk::medium, "credentials of the pod"}},
    PathRow{"/bin/", kWrites, {Risk::high, "programs that are run"}},
    PathRow{"/sbin/", kWrites, {Risk::high, "programs that are run"}},
    PathRow{"/lib", kWrites, {Risk::high, "libraries that all programs load"}},
    PathRow{"/usr/", kWrites, {Risk::high, "programs and libraries that are run"}},
    PathRow{"/etc/ld.so.", kWrites, {Risk::high, "libraries that all programs load"}},
    PathRow{"/etc/", kWrites, {Risk::medium, "the configuration of programs"}},
    PathRow{"/", "x", {Risk::medium, "one program more to run"}},
    PathRow{"/", "m", {Risk::medium, "code that is loaded"}},
    PathRow{"/", "l", {Risk::medium, "another name, to which other rules apply"}},
    PathRow{"/", kWrites, {Risk::low, "a file of the container, or of what is mounted in it"}},
    PathRow{"/", kAny, {Risk::low, "read, of the container or of what is mounted in it"}},
};

struct WordRow {
    std::string_view word;
    Risked risked;
};
// Of capabilities(7).
constexpr std::array kCapabilities = {
    WordRow{"sys_module", {Risk::never, "loads code into the kernel"}},
    WordRow{"sys_rawio", {Risk::never, "the kernel's memory and the host's hardware"}},
    WordRow{"mac_admin", {Risk::never, "changes the policy itself"}},
    WordRow{"mac_override", {Risk::never, "passes over the policy itself"}},
    WordRow{"sys_boot", {Risk::never, "restarts the host"}},
    WordRow{"sys_admin", {Risk::high, "mounts, namespaces and much else: near to root of the host"}},
    WordRow{"sys_ptrace", {Risk::high, "reads and changes other processes"}},
    WordRow{"dac_read_search", {Risk::high, "opens files of the host by their number (open_by_handle_at)"}},
    WordRow{"bpf", {Risk::high, "programs in the kernel"}},
    WordRow{"perfmon", {Risk::high, "watches the kernel"}},
    WordRow{"syslog", {Risk::high, "the kernel's log, and addresses in it"}},
    WordRow{"sys_time", {Risk::high, "the host's clock"}},
    WordRow{"net_admin", {Risk::high, "interfaces, routes and filters; of the host, where its network is shared"}},
    WordRow{"mknod", {Risk::high, "makes device files"}},
    WordRow{"audit_control", {Risk::high, "switches the audit log off"}},
    WordRow{"audit_read", {Risk::high, "the audit log of the host"}},
    WordRow{"checkpoint_restore", {Risk::high, "processes put together anew"}},
    WordRow{"linux_immutable", {Risk::medium, "files that cannot be changed can be"}},
    WordRow{"setfcap", {Risk::medium, "gives files capabilities"}},
    WordRow{"net_raw", {Risk::medium, "packets with any sender"}},
    WordRow{"sys_chroot", {Risk::medium, "another root directory"}},
    WordRow{"sys_resource", {Risk::medium, "limits that are the host's"}},
    WordRow{"sys_nice", {Risk::medium, "takes processors from others"}},
    WordRow{"ipc_owner", {Risk::medium, "memory of others"}},
    WordRow{"dac_override", {Risk::medium, "all files of the container"}},
    WordRow{"setuid", {Risk::medium, "any user of the container"}},
    WordRow{"setgid", {Risk::medium, "any group of the container"}},
    WordRow{"setpcap", {Risk::low, "gives capabilities up, and to its own children"}},
    WordRow{"chown", {Risk::low, "owners of the container's files"}},
    WordRow{"fowner", {Risk::low, "modes of the container's files"}},
    WordRow{"fsetid", {Risk::low, "modes of the container's files"}},
    WordRow{"kill", {Risk::low, "signals to processes of other users"}},
    WordRow{"net_bind_service", {Risk::low, "ports below 1024"}},
    WordRow{"audit_write", {Risk::medium, "writes records of its own into the audit log"}},
    WordRow{"ipc_lock", {Risk::low, "memory that is not paged out"}},
    WordRow{"lease", {Risk::low, "leases on files"}},
    WordRow{"", {Risk::medium, "a right of root"}},
};
constexpr std::array kFamilies = {
    WordRow{"unix", {Risk::low, "sockets on this host; those in files are files"}},
    WordRow{"inet6", {Risk::low, "the network"}},
    WordRow{"inet", {Risk::low, "the network"}},
    WordRow{"netlink", {Risk::medium, "speaks to the kernel about the network, devices and audit"}},
    WordRow{"packet", {Risk::high, "all packets of the network, as they come"}},
    WordRow{"key", {Risk::high, "keys of the kernel"}},
    WordRow{"", {Risk::high, "code of the kernel that few use, and that has had many holes"}},
};
// What begins with the word is an operation of its own.
constexpr std::array kOperations = {
    WordRow{"mount", {Risk::high, "what is mounted is read by other names, which rules do not know"}},
    WordRow{"umount", {Risk::high, "what is mounted over something hides it"}},
    WordRow{"pivotroot", {Risk::high, "another root directory, for which the names in rules mean something else"}},
    WordRow{"userns_create", {Risk::high, "code of the kernel that is root's alone otherwise"}},
    WordRow{"uring_", {Risk::high, "system calls that no filter sees"}},
    WordRow{"dbus_", {Risk::medium, "asks services of the bus, which may be root's"}},
    WordRow{"change_hat", {Risk::medium, "another profile"}},
    WordRow{"profile_", {Risk::never, "changes the policy itself"}},
    WordRow{"setrlimit", {Risk::low, "a limit of its own"}},
};

bool reaches(std::string_view name, std::string_view pattern) {
    while (!pattern.empty()) {
        if (pattern.front() == '*') {
            const std::size_t slash = name.find('/');
            if (slash == 0) return false;
            name.remove_prefix(slash == std::string_view::npos ? name.size() : slash);
        } else if (name.empty() || name.front() != pattern.front()) {
            return false;
        } else {
            name.remove_prefix(1);
        }
        pattern.remove_prefix(1);
    }
    return true;
}

const Risked* of_path(std::string_view name, std::string_view letters) {
    const auto* row = std::find_if(kPaths.begin(), kPaths.end(), [&](const PathRow& one) {
        return letters.find_first_of(one.letters) != std::string_view::npos && reaches(name, one.pattern);
    });
    return row == kPaths.end() ? nullptr : &row->risked;
}

// The row of WORD; the last one is for all others.
Risked row_of(std::span<const WordRow> rows, std::string_view word) {
    const auto row = std::find_if(rows.begin(), rows.end() - 1, [&](const WordRow& one) { return one.word == word; });
    return row->risked;
}

Risked of_peer(const Event& event, bool traces) {
    const bool own = event.peer == event.label;
    if (own) return {traces ? Risk::medium : Risk::low, "processes under the same profile"};
    const bool is_asked = event.denied == "receive" || event.denied == "tracedby" || event.denied == "readby";
    if (is_asked) return {Risk::low, "others may do this to it"};
    if (!traces) return {Risk::medium, "signals to processes that are not of this profile"};
    if (event.denied == "read") return {Risk::high, "reads processes that are not of this profile"};
    return {Risk::never, "changes processes that are not of this profile"};
}

Risked of_change(std::string_view target) {
    if (target == "unconfined" || target.ends_with("//&unconfined")) return {Risk::never, "no profile at all"};
    return {Risk::high, "another profile, whose rules then count"};
}

Risked of_network(const Event& event) {
    if (event.socket_type == "raw" && event.family.starts_with("inet")) return {Risk::high, "packets with any sender"};
    return row_of(kFamilies, event.family);
}

}  // namespace

std::string_view risk_name(Risk risk) {
    constexpr std::array<std::string_view, 4> kNames = {"low", "medium", "high", "never"};
    return kNames[static_cast<std::size_t>(risk)];
}

Risked risk_of(const Event& event) {
    if (event.operation == "capable") return row_of(kCapabilities, event.capability);
    if (event.operation == "signal") return of_peer(event, false);
    if (event.operation == "ptrace") return of_peer(event, true);
    if (event.operation.starts_with("change_profile") || event.operation.starts_with("change_onexec") ||
        event.operation.starts_with("stack")) {
        return of_change(event.target.empty() ? event.name : event.target);
    }
    for (const auto& row : kOperations) {
        if (event.operation.starts_with(row.word)) return row.risked;
    }
    if (!event.family.empty()) return of_network(event);
    if (event.info.starts_with("Failed name lookup")) return {Risk::medium, "a flag of the whole profile, for all files of this kind"};
    const auto* path = of_path(event.name, event.denied);
    if (event.operation == "link") {
        const auto* old = of_path(event.target, "l");
        if (old != nullptr && (path == nullptr || old->risk > path->risk)) path = old;
    }
    return path == nullptr ? Risked{Risk::medium, "not known to this table"} : *path;
}

}  // namespace aa::apparmor
