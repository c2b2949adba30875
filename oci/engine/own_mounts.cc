// SPDX-License-Identifier: Apache-2.0
#include "oci/engine/own_mounts.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/file.h"
#include "base/text.h"
#include "oci/engine/path_tail.h"
#include "oci/engine/sources.h"
#include "oci/path/host_place.h"
#include "oci/path/program.h"

namespace aa::oci {
namespace {

// Where the library of Podman and CRI-O keeps what need not survive a boot.
constexpr std::string_view kRunStorage = "/run/containers/storage";

// What an engine writes for each container, by the last component of its path, and where it mounts that: dockerd
// (container/container_unix.go), Podman (libpod/container_internal_common.go), CRI-O, nerdctl. Containers of a pod, and those that share a
// network, use the files of another one.
struct ContainerFile {
    std::string_view name;
    std::string_view destination;
};
constexpr std::array<ContainerFile, 5> kContainerFiles{{{"hostname", "/etc/hostname"},
                                                        {"hosts", "/etc/hosts"},
                                                        {"resolv.conf", "/etc/resolv.conf"},
                                                        {"shm", "/dev/shm"},
                                                        {".containerenv", "/run/.containerenv"}}};

bool is_random_id(std::string_view id) {
    constexpr std::size_t kLength = 64;
    return id.size() == kLength && id.find_first_not_of("0123456789abcdef") == id.npos;
}

// kubelet names the cgroup of a pod after it: ".../kubepods-burstable-pod<UID>.slice:..." with '_' for '-', or ".../pod<UID>/..."
// (pkg/kubelet/cm); that of a static pod has no dashes. Whoever asks for the pod does not choose it.
std::string pod_uid_of(std::string_view cgroups_path) {
    constexpr std::size_t kWithDashes = 36;
    constexpr std::size_t kWithout = 32;
    for (auto at = cgroups_path.find("pod"); at != cgroups_path.npos; at = cgroups_path.find("pod", at + 1)) {
        std::string uid(cgroups_path.substr(at + 3));
        uid.resize(std::min(uid.size(), std::min(uid.find_first_of("./"), uid.find(':'))));
        std::replace(uid.begin(), uid.end(), '_', '-');
        const auto dashes = std::count(uid.begin(), uid.end(), '-');
        const bool right = (uid.size() == kWithDashes && dashes == 4) || (uid.size() == kWithout && dashes == 0);
        if (right && uid.find_first_not_of("0123456789abcdef-") == uid.npos) return uid;
    }
    return {};
}

// Whether PATH, which begins behind a directory ("" or "/…"), is what BELOW describes.
bool is_below(std::string_view path, const std::vector<std::string_view>& below) {
    for (const auto wanted : below) {
        if (wanted == "**") return true;
        if (!path.starts_with('/')) return false;
        path.remove_prefix(1);
        const auto component = path.substr(0, path.find('/'));
        const bool any = wanted.ends_with('*');
        if (component.empty() || (any ? !component.starts_with(wanted.substr(0, wanted.size() - 1)) : component != wanted)) return false;
        path.remove_prefix(component.size());
    }
    return path.empty();
}

// What follows the component COMPONENT of PATH ("" or "/…"); nothing if it has none of that name.
std::optional<std::string_view> behind_component(std::string_view path, std::string_view component) {
    const auto wanted = concat({"/", component});
    for (auto at = path.find(wanted); at != path.npos; at = path.find(wanted, at + 1)) {
        const auto rest = path.substr(at + wanted.size());
        if (rest.empty() || rest.front() == '/') return rest;
    }
    return std::nullopt;
}

}  // namespace

EngineMounts::EngineMounts(Engine engine, const EngineCall& call, const Config& config) : engine_(engine), call_(call), config_(config) {
    switch (engine) {
        case Engine::docker:
            add_volumes(docker_data_root(config.root_path), {"volumes", "*", "_data", "**"});
            // A part of a volume (volume-subpath), mounted anew so that no link leads out of it (internal/safepath; daemon.go, TMPDIR).
            add(docker_data_root(config.root_path), {"tmp", "safe-mount*"}, MountOwner::storage);
            add_container_files(concat({docker_data_root(config.root_path), "/containers"}), {"*"}, {"*", "mounts"});
            break;
        case Engine::cri_containerd:
            pod_uid_ = pod_uid_of(config.cgroups_path);
            break;
        case Engine::cri_o:
            pod_uid_ = pod_uid_of(config.cgroups_path);
            add_storage_library();
            break;
        case Engine::podman:
            add_storage_library();
            break;
        case Engine::nerdctl:
            add_volumes("/var/lib/nerdctl", {"*", "volumes", "*", "*", "_data", "**"});
            break;
        case Engine::other:
            add_buildkit();
            break;
    }
}

void EngineMounts::add(std::string_view directory, Components below, MountOwner owner, std::string_view destination) {
    places_.push_back({std::string(directory), std::move(below), owner, destination});
}

void EngineMounts::add_volumes(std::string_view root, Components below) {
    storage_root_ = root;
    add(root, std::move(below), MountOwner::storage);
}

// The files of other containers in DIRECTORY, BELOW of which are those of one, and BELOW_SHM of which its shm is.
void EngineMounts::add_container_files(const std::string& directory, const Components& below, const Components& below_shm) {
    for (const auto& file : kContainerFiles) {
        auto path = file.name == "shm" ? below_shm : below;
        path.push_back(file.name);
        add(directory, std::move(path), MountOwner::engine, file.destination);
    }
}

// A bundle is GRAPHROOT/DRIVER-containers/ID/userdata; what need not survive a boot lies in another place of that form.
void EngineMounts::add_storage_library() {
    const auto containers = before_tail(call_.bundle, {call_.id, "userdata"});
    if (!containers) return;
    const auto driver = last_component(*containers);
    graph_root_ = containers->substr(0, containers->size() - driver.size() - 1);
    add_container_files(std::string(*containers), {"*", "userdata"}, {"*", "userdata"});
    add_container_files(std::string(kRunStorage), {driver, "*", "userdata"}, {driver, "*", "userdata"});
    add_container_files("/run/user", {"*", "containers", driver, "*", "userdata"}, {"*", "containers", driver, "*", "userdata"});
    add_volumes(graph_root_, {"volumes", "*", "_data", "**"});
}

// A build step's bundle is ROOT/buildkit/executor/ID in dockerd, ROOT/runc-SNAPSHOTTER/executor/ID in buildkitd; its files lie beside it, its
// cache mounts below the root (moby/buildkit executor/runcexecutor). In the directory for temporary files, which is dockerd's own, it puts a
// step's secrets, what it forwards to an agent of SSH, and parts of other steps' files (solver/llbsolver/mounts, session/sshforward,
// snapshot/localmounter).
void EngineMounts::add_buildkit() {
    const auto root = before_tail(call_.bundle, {"*", "executor", "*"});
    if (!root || root->empty()) return;
    const auto worker = last_component(call_.bundle.substr(0, call_.bundle.rfind("/executor/")));
    if (worker != "buildkit" && !worker.starts_with("runc-")) return;
    graph_root_ = *root;
    add(*root, {worker, "executor", "**"}, MountOwner::engine);
    for (const auto* snapshots : {"overlay2", "buildkit", "containerd"}) add_volumes(*root, {snapshots, "**"});
    add_volumes(*root, {worker, "**"});
    for (const auto* temporary : {"buildkit-secrets*", ".buildkit-ssh-sock*", "buildkit-mount*"})
        add(*root, {"tmp", temporary, "**"}, MountOwner::storage);
}

// pkg/kubelet/kubelet_getters.go; what kubelet itself fills are files of the pod, the other volumes may be a disk, or another directory
// of the host (kubernetes.io~local-volume, volume-subpaths). BEHIND is what follows the pod's directory.
MountOwner EngineMounts::owner_in_pod(std::string_view behind) const {
    for (const auto* kind : {"secret", "projected", "configmap", "downward-api", "empty-dir"}) {
        if (lies_in(behind, concat({"/volumes/kubernetes.io~", kind}))) return MountOwner::engine;
    }
    if (behind == "/etc-hosts" || lies_in(behind, "/containers")) return MountOwner::engine;
    return behind.empty() ? MountOwner::caller : MountOwner::storage;
}

MountOwner EngineMounts::owner_of_path(std::string_view path, std::string_view destination) const {
    // Nobody can name a container's random ID, or that of its pod, before the engine has made it: what lies in a directory of that name is
    // the engine's (containerd internal/cri/server: sandboxes/ID, containers/ID, image-volumes/ID).
    if (engine_ != Engine::other && is_random_id(call_.id)) {
        if (const auto behind = behind_component(path, call_.id)) {
            const auto* known = std::find_if(kContainerFiles.begin(), kContainerFiles.end(),
                                             [&](const ContainerFile& file) { return file.name == last_component(path); });
            return known != kContainerFiles.end() || engine_ == Engine::cri_containerd ? MountOwner::engine : MountOwner::storage;
        }
    }
    if (engine_ == Engine::cri_containerd) {
        const auto sandbox = config_.annotation("io.kubernetes.cri.sandbox-id").value_or("");
        if (is_random_id(sandbox) && behind_component(path, sandbox)) return MountOwner::engine;
    }
    if (!pod_uid_.empty()) {
        if (const auto behind = behind_component(path, concat({"pods/", pod_uid_}))) return owner_in_pod(*behind);
    }
    for (const auto& place : places_) {
        const bool there = place.destination.empty() || destination.empty() || place.destination == destination;
        if (there && lies_in(path, place.directory) && is_below(path.substr(place.directory.size()), place.below)) return place.owner;
    }
    return MountOwner::caller;
}

bool EngineMounts::keeps(std::string_view path) const {
    if (owner_of_path(path, {}) != MountOwner::caller) return true;
    // What kubelet has staged, or mounted for another pod that shares the volume.
    return !pod_uid_.empty() &&
           (path.find("/plugins/kubernetes.io/csi/") != path.npos || path.find("/volumes/kubernetes.io~csi/") != path.npos);
}

bool EngineMounts::keeps_root(std::string_view path) const {
    // Of these engines, nobody chooses root.path.
    if (engine_ == Engine::docker || engine_ == Engine::cri_containerd) return true;
    if (engine_ != Engine::other && is_random_id(call_.id) && behind_component(path, call_.id)) return true;
    return lies_in(path, call_.bundle) || lies_in(path, graph_root_);
}

bool EngineMounts::has_given_root() const { return engine_ == Engine::podman && is_rootfs_container(call_); }

// What engines bind to the same place of the host where the container keeps a namespace of the host's.
bool EngineMounts::comes_with_namespace(const Mount& mount, std::string_view path) const {
    if (engine_ == Engine::other || mount.destination != path) return false;
    const auto is_hosts = [this](std::string_view type) { return config_.host.find(type) == nullptr; };
    if (path == "/dev/shm" || path == "/dev/mqueue") return is_hosts("ipc");
    // Podman, where a user namespace keeps it from mounting a new one (pkg/specgen/generate/oci_linux.go).
    if (engine_ != Engine::podman || (config_.host.find("user") == nullptr && !namespace_leaves_out_root())) return false;
    return (path == "/sys" && mount.is_read_only() && is_hosts("network")) || (path == "/proc" && is_hosts("pid"));
}

MountOwner EngineMounts::owner(const Mount& mount, std::string_view path) const {
    const auto owner = owner_of_path(path, mount.destination);
    if (owner != MountOwner::caller) return owner;
    const bool own = comes_with_namespace(mount, path) || (engine_ != Engine::other && is_init_file(path));
    return own ? MountOwner::engine : MountOwner::caller;
}

}  // namespace aa::oci
