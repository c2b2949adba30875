// SPDX-License-Identifier: Apache-2.0
#include "shim/host_facts.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/file.h"
#include "base/text.h"
#include "oci/engine/own_mounts.h"
#include "oci/path/budget.h"
#include "oci/path/host_place.h"
#include "shim/devices.h"

namespace aa::shim {
namespace {

using apparmor::HostNamespace;

// What every engine masks and makes read-only (runc specconv/example.go, dockerd oci/defaults.go, containerd oci/spec.go, Podman
// pkg/config/default.go): those that all of them name.
constexpr std::array<std::string_view, 9> kMasked{"/proc/acpi",          "/proc/kcore",      "/proc/keys",
                                                  "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
                                                  "/proc/sched_debug",   "/proc/scsi",       "/sys/firmware"};
constexpr std::array<std::string_view, 5> kReadOnly{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};

// What belongs to us; the runtime's state comes on top.
constexpr std::array<std::string_view, 4> kProtected{"/run/aa-shim", "/etc/aa-shim", "/var/lib/aa-shim", "/sys/kernel/security"};

// File systems that show nothing of the host's files.
constexpr std::array<std::string_view, 7> kOwnFileSystems{"proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup", "cgroup2"};

// The links of a process's namespaces, in the order of HostNamespace (namespaces(7)).
constexpr std::array<const char*, apparmor::kHostNamespaces> kNamespaceLinks{
    "/proc/self/ns/pid",    "/proc/self/ns/net",  "/proc/self/ns/ipc", "/proc/self/ns/uts",
    "/proc/self/ns/cgroup", "/proc/self/ns/user", "/proc/self/ns/mnt"};

// Whether the namespace to join at PATH is the one at OWN, which is what a container without one gets. What cannot be told counts.
bool is_same_namespace(const std::string& path, const char* own) {
    struct stat theirs {};
    struct stat ours {};
    if (::stat(path.c_str(), &theirs) != 0 || ::stat(own, &ours) != 0) return true;
    return theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
}

std::uint32_t host_namespaces(const oci::HostRequest& request) {
    std::uint32_t shared = 0;
    for (std::size_t i = 0; i < apparmor::kHostNamespaces; ++i) {
        const auto space = static_cast<HostNamespace>(i);
        const auto* own = request.find(apparmor::name_of(space));
        if (own == nullptr || (!own->path.empty() && is_same_namespace(own->path, kNamespaceLinks[i]))) shared |= bit(space);
    }
    return shared;
}

// Whether one of PATHS covers PATH.
bool is_covered(std::string_view path, const std::vector<std::string>& paths) {
    return std::any_of(paths.begin(), paths.end(), [path](const std::string& cover) { return oci::lies_in(path, cover); });
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
    for (const auto& mount : config.mounts) {
        const bool elsewhere =
            (mount.type == "proc" && mount.destination != "/proc") || (mount.type == "sysfs" && mount.destination != "/sys");
        if (elsewhere && !mount.is_bind()) facts.kernel_file_systems.push_back(mount.destination);
    }
}

// dockerd has its own program called to set up the network (libnetwork/sandbox_externalkey_unix.go); who asks for a container adds none.
bool is_engines_own(const oci::Hook& hook, oci::Engine engine) {
    return engine == oci::Engine::docker && !hook.args.empty() && hook.args.front() == "libnetwork-setkey";
}

// The places of the host that a request names.
class HostPaths {
public:
    HostPaths(const oci::EngineCall& call, const oci::Config& config, oci::Engine engine)
        : call_(call), config_(config), own_(engine, call, config) {}

    Result<std::vector<HostPath>> collect() {
        std::vector<HostPath> paths;
        for (std::size_t i = 0; i < config_.mounts.size(); ++i) {
            if (auto path = TRY(look_at(config_.mounts[i]))) {
                path->mount = i;
                paths.push_back(*std::move(path));
            }
        }
        return paths;
    }

private:
    Result<std::optional<HostPath>> look_at(const oci::Mount& mount) {
        if (mount.is_bind()) {
            auto path = look_at_bind(mount);
            if (path) return path;  // usual, and there the words for an error are work for nothing
            return std::move(path).context(concat({"the mount at ", quote(mount.destination)}));
        }
        if (std::find(kOwnFileSystems.begin(), kOwnFileSystems.end(), mount.type) != kOwnFileSystems.end())
            return std::optional<HostPath>();
        HostPath path;
        path.path = concat({mount.type, " of ", mount.source});
        path.names = {path.path};
        path.is_protected = mount.type == "securityfs";
        return std::optional(std::move(path));
    }

    Result<std::optional<HostPath>> look_at_bind(const oci::Mount& mount) {
        const auto source = mount.source.starts_with('/') ? mount.source : concat({call_.bundle, "/", mount.source});
        TRY(budget_.spend(kStepsPerMount));
        auto found = oci::find_host_place(source, budget_);
        if (!found && is_engines_own_and_missing(mount, source, found.error())) return std::optional<HostPath>();
        const auto place = TRY(std::move(found));
        const auto owner = own_.owner(mount, place.path);
        if (owner == oci::MountOwner::engine) return std::optional<HostPath>();
        HostPath path;
        path.path = place.path;
        path.names = TRY(names_of(place, path.is_protected));
        for (const auto& name : path.names) path.is_protected = path.is_protected || TRY(is_protected(name));
        if (owner == oci::MountOwner::caller) {
            // What the operator has mounted at several places goes by the one that is asked for.
            path.names = {path.path};
        } else {
            // Whatever lies there that is not the engine's own was mounted there for somebody.
            std::erase_if(path.names, [this](const std::string& name) { return own_.in_storage(name); });
            if (path.names.empty() && !path.is_protected) return std::optional<HostPath>();
        }
        return std::optional(std::move(path));
    }

    // Whether SOURCE is missing where only the engine could put something: then the runtime will say so.
    bool is_engines_own_and_missing(const oci::Mount& mount, std::string_view source, const Error& error) const {
        const bool leads_elsewhere = concat({source, "/"}).find("/../") != std::string::npos;
        return error.kind == ErrorKind::not_found && !leads_elsewhere && own_.owner(mount, source) != oci::MountOwner::caller;
    }

    // All paths that lead to PLACE; one on the root's mount has its own.
    Result<std::vector<std::string>> names_of(const oci::HostPlace& place, bool& on_securityfs) {
        if (place.mount == TRY(root_mount())) return std::vector<std::string>{place.path};
        if (!mounts_) mounts_ = TRY(oci::HostMounts::read());
        const auto* mount = mounts_->find(place.mount);
        if (mount == nullptr)
            return Error{ErrorKind::config,
                         concat({"its source ", quote(place.path), " lies in another mount namespace: name a place of this host"})};
        on_securityfs = mount->type == "securityfs";
        // An overlay shows other places, which its mount does not tell (Podman's volumes with :O).
        if (mount->type == "overlay" && own_.in_storage(place.path)) return std::vector<std::string>{concat({"overlay at ", place.path})};
        TRY(budget_.spend(1 + mounts_->size() / kMountsPerStep));
        return mounts_->names(*mount, place.path);
    }

    Result<std::uint64_t> root_mount() {
        if (!root_mount_) root_mount_ = TRY(oci::find_host_place("/", budget_)).mount;
        return *root_mount_;
    }

    Result<bool> is_protected(std::string_view path) {
        if (protected_.empty()) {
            for (const auto place : kProtected) protected_.push_back(resolved(std::string(place)));
            protected_.push_back(resolved(std::string(call_.root)));
        }
        return std::any_of(protected_.begin(), protected_.end(),
                           [path](const std::string& place) { return oci::lies_in(path, place) || oci::lies_in(place, path); });
    }

    // PATH without links; as it is if there is nothing yet.
    std::string resolved(const std::string& path) {
        auto place = oci::find_host_place(path, budget_);
        return place ? std::move(place->path) : path;
    }

    static constexpr std::size_t kStepsPerMount = 4;
    static constexpr std::size_t kMountsPerStep = 64;

    const oci::EngineCall& call_;
    const oci::Config& config_;
    oci::EngineMounts own_;
    oci::Budget budget_;
    std::optional<std::uint64_t> root_mount_;
    std::optional<oci::HostMounts> mounts_;
    std::vector<std::string> protected_;
};

void add(std::string& out, std::string_view key, std::string_view value) {
    constexpr std::size_t kLongest = 4096;  // of one line in the log
    if (value.empty() || out.size() > kLongest) return;
    if (!out.empty()) out += ' ';
    out += concat({key, "=", quote(value)});
}

}  // namespace

Result<HostFacts> collect_host_facts(const oci::EngineCall& call, const oci::Config& config, oci::Engine engine, bool device_names) {
    HostFacts facts;
    facts.paths = TRY(HostPaths(call, config, engine).collect());
    TRY(collect_devices(config.host, device_names, facts));
    facts.namespaces = host_namespaces(config.host);
    find_unmasked(config, facts);
    facts.hooks = std::any_of(config.host.hooks.begin(), config.host.hooks.end(),
                              [engine](const oci::Hook& hook) { return !is_engines_own(hook, engine); });
    return facts;
}

void add_summary(const HostFacts& facts, std::string& out) {
    for (const auto& path : facts.paths) add(out, "hostPath", path.path);
    for (const auto& device : facts.devices) add(out, "device", device.path.empty() ? device.numbers : device.path);
    for (const auto& rule : facts.rules) add(out, "device", rule.numbers);
    // Where engines leave the host's to containers that ask for nothing, it says nothing.
    const auto usual = bit(HostNamespace::user) | bit(HostNamespace::cgroup);
    add(out, "hostNamespace", apparmor::names_of_namespaces(facts.namespaces & ~usual));
    if (facts.is_unmasked()) add(out, "unmasked", "true");
    if (facts.hooks) add(out, "hooks", "true");
}

}  // namespace aa::shim
