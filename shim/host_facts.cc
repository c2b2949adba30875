// SPDX-License-Identifier: Apache-2.0
#include "shim/host_facts.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/file.h"
#include "base/text.h"
#include "oci/path/host_place.h"
#include "shim/devices.h"
#include "shim/host_namespaces.h"
#include "shim/host_paths.h"

namespace aa::shim {
namespace {

using apparmor::HostNamespace;

// What every engine masks and makes read-only (runc specconv/example.go, dockerd oci/defaults.go, containerd oci/spec.go, Podman
// pkg/config/default.go): those that all of them name.
constexpr std::array<std::string_view, 9> kMasked{"/proc/acpi",          "/proc/kcore",      "/proc/keys",
                                                  "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
                                                  "/proc/sched_debug",   "/proc/scsi",       "/sys/firmware"};
constexpr std::array<std::string_view, 5> kReadOnly{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};

// Whether one of PATHS covers PATH: itself, or all of that file system. Of others it is not known what runtimes make of them.
bool is_covered(std::string_view path, const std::vector<std::string>& paths) {
    return std::any_of(paths.begin(), paths.end(), [path](const std::string& cover) {
        return cover == path || ((cover == "/proc" || cover == "/sys") && oci::lies_in(path, cover));
    });
}

void find_unmasked(const oci::Config& config, HostFacts& facts) {
    const auto& masked = config.host.masked_paths.values;
    const auto& readonly = config.host.readonly_paths.values;
    for (const auto path : kMasked) {
        if (!is_covered(path, masked)) facts.unmasked.emplace_back(path);
    }
    for (const auto path : kReadOnly) {
        if (!is_covered(path, readonly) && !is_covered(path, masked)) facts.writable.emplace_back(path);
    }
    for (std::size_t i = 0; i < config.mounts.size(); ++i) {
        const auto& mount = config.mounts[i];
        const bool elsewhere =
            (mount.type == "proc" && mount.destination != "/proc") || (mount.type == "sysfs" && mount.destination != "/sys");
        if (elsewhere && !mount.is_bind()) facts.kernel_file_systems.push_back(mount.destination);
        // Engines mount it read-only, but for privileged containers.
        const bool writable = mount.type == "sysfs" && mount.destination == "/sys" && !mount.is_read_only() && !mount.is_bind();
        if (writable && !is_covered("/sys", readonly)) facts.writable_sysfs.push_back(i);
    }
}

// A container without a control group namespace of its own sees those of all the host. Who may write there kills and freezes others, and leaves the
// group in which the container's devices are bounded (cgroup_namespaces(7)); being root of the container is enough.
void find_writable_cgroups(const oci::Config& config, HostFacts& facts) {
    if ((facts.namespaces & bit(HostNamespace::cgroup)) == 0) return;
    bool is_there = false;
    for (std::size_t i = 0; i < config.mounts.size(); ++i) {
        const auto& mount = config.mounts[i];
        if ((mount.type != "cgroup" && mount.type != "cgroup2") || mount.is_bind()) continue;
        is_there = true;
        if (!mount.is_read_only()) facts.writable_cgroups.push_back(i);
    }
    if (!is_there) return;
    // Engines' own are in /proc. Any other may be a link in the image.
    for (const auto& path : config.host.readonly_paths.values) {
        if (!path.starts_with("/proc/") || path.find("/..") != std::string::npos) facts.odd_readonly_paths.push_back(path);
    }
}

// dockerd has its own program called to set up the network (libnetwork/sandbox_externalkey_unix.go); who asks for a container adds none.
bool is_engines_own(const oci::Hook& hook, oci::Engine engine) {
    return engine == oci::Engine::docker && !hook.args.empty() && hook.args.front() == "libnetwork-setkey";
}

}  // namespace

Result<HostFacts> collect_host_facts(const oci::EngineCall& call, const oci::Config& config, oci::Engine engine, bool device_names) {
    HostFacts facts;
    facts.paths = TRY(collect_host_paths(call, config, engine));
    TRY(collect_devices(config.host, device_names, facts));
    facts.namespaces = shared_namespaces(config.host);
    find_unmasked(config, facts);
    find_writable_cgroups(config, facts);
    for (const auto& path : facts.paths) {
        if (path.is_kernels) facts.kernel_file_systems.push_back(path.destination);
    }
    facts.hooks = std::any_of(config.host.hooks.begin(), config.host.hooks.end(),
                              [engine](const oci::Hook& hook) { return !is_engines_own(hook, engine); });
    return facts;
}

void add_fact(std::string& out, std::string_view key, std::string_view value) {
    constexpr std::size_t kLongest = 4096;  // of one line in the log
    if (value.empty() || out.size() > kLongest) return;
    if (!out.empty()) out += ' ';
    out += concat({key, "=", quote(value)});
}

void add_summary(const HostFacts& facts, std::string& out) {
    for (const auto& path : facts.paths) add_fact(out, "hostPath", path.names.empty() ? std::string() : path.path);
    for (const auto& device : facts.devices) add_fact(out, "device", device.path.empty() ? device.numbers : device.path);
    for (const auto& rule : facts.rules) add_fact(out, "device", rule.numbers);
    // Where engines leave the host's to containers that ask for nothing, it says nothing.
    const auto usual = bit(HostNamespace::user) | bit(HostNamespace::cgroup);
    add_fact(out, "hostNamespace", apparmor::names_of_namespaces(facts.namespaces & ~usual));
    if (facts.is_unmasked()) add_fact(out, "unmasked", "true");
    if (facts.hooks) add_fact(out, "hooks", "true");
}

}  // namespace aa::shim
