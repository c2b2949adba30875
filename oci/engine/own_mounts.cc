// SPDX-License-Identifier: Apache-2.0
#include "oci/engine/own_mounts.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "oci/engine/path_tail.h"
#include "oci/engine/sources.h"
#include "oci/path/host_place.h"
#include "oci/path/program.h"

namespace aa::oci {
namespace {

// kubelet's root: its own default, k0s, MicroK8s. containerd's root and state: the defaults, k3s, k0s, MicroK8s.
constexpr std::array<std::string_view, 3> kKubelets{"/var/lib/kubelet", "/var/lib/k0s/kubelet",
                                                    "/var/snap/microk8s/common/var/lib/kubelet"};
constexpr std::array<std::string_view, 8> kContainerds{
    "/run/containerd",
    "/var/lib/containerd",
    "/run/k3s/containerd",
    "/run/k0s/containerd",
    "/var/lib/k0s/containerd",
    "/var/lib/rancher/k3s/agent/containerd",
    "/var/snap/microk8s/common/run/containerd",
    "/var/snap/microk8s/common/var/lib/containerd",
};
// Where the library of Podman and CRI-O keeps what need not survive a boot.
constexpr std::string_view kRunStorage = "/run/containers/storage";

// What an engine writes for each container, by the last components of its path: dockerd (container/container_unix.go), Podman
// (libpod/container_internal_common.go), CRI-O, nerdctl.
constexpr std::array<std::string_view, 6> kContainerFiles{"hostname", "hosts", "resolv.conf", "shm", ".containerenv", "passwd"};

bool is_random_id(std::string_view id) {
    constexpr std::size_t kLength = 64;
    return id.size() == kLength && id.find_first_not_of("0123456789abcdef") == id.npos;
}

// kubelet names the cgroup of a pod after it: ".../kubepods-burstable-pod<UID>.slice:..." with '_' for '-', or ".../pod<UID>/..."
// (pkg/kubelet/cm). Whoever asks for the pod does not choose it.
std::string pod_uid_of(std::string_view cgroups_path) {
    constexpr std::size_t kUid = 36;
    for (auto at = cgroups_path.find("pod"); at != cgroups_path.npos; at = cgroups_path.find("pod", at + 1)) {
        std::string uid(cgroups_path.substr(at + 3, kUid));
        std::replace(uid.begin(), uid.end(), '_', '-');
        if (uid.size() == kUid && std::count(uid.begin(), uid.end(), '-') == 4 && uid.find_first_not_of("0123456789abcdef-") == uid.npos)
            return uid;
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
        if (component.empty() || (wanted != "*" && component != wanted)) return false;
        path.remove_prefix(component.size());
    }
    return path.empty();
}

bool has_component(std::string_view path, std::string_view component) {
    const auto at = path.find(concat({"/", component}));
    if (at == path.npos) return false;
    const auto rest = path.substr(at + 1 + component.size());
    return rest.empty() || rest.front() == '/';
}

}  // namespace

EngineMounts::EngineMounts(Engine engine, const EngineCall& call, const Config& config)
    : engine_(engine), call_(call), config_(config), pod_uid_(pod_uid_of(config.cgroups_path)) {
    switch (engine) {
        case Engine::docker:
            add(docker_data_root(config.root_path), {"volumes", "*", "_data", "**"}, MountOwner::storage);
            break;
        case Engine::cri_containerd:
            add_containerd();
            add_kubelet();
            break;
        case Engine::cri_o:
            add_storage_library();
            add_kubelet();
            break;
        case Engine::podman:
            add_storage_library();
            break;
        case Engine::nerdctl:
            add("/var/lib/nerdctl", {"*", "volumes", "*", "*", "_data", "**"}, MountOwner::storage);
            break;
        case Engine::other:
            add_buildkit();
            break;
    }
}

void EngineMounts::add(std::string_view directory, std::vector<std::string_view> below, MountOwner owner) {
    places_.push_back({std::string(directory), std::move(below), owner});
}

// pkg/kubelet/kubelet_getters.go; what kubelet itself fills are files of the pod, the other volumes may be a disk, or another directory
// of the host (kubernetes.io~local-volume, volume-subpaths).
void EngineMounts::add_kubelet() {
    if (pod_uid_.empty()) return;
    for (const auto root : kKubelets) {
        const auto pod = concat({root, "/pods/", pod_uid_});
        for (const auto kind : {"secret", "projected", "configmap", "downward-api", "empty-dir"}) {
            const auto volumes = concat({pod, "/volumes/kubernetes.io~", kind});
            add(volumes, {"**"}, MountOwner::engine);
        }
        add(pod, {"etc-hosts"}, MountOwner::engine);
        add(pod, {"containers", "**"}, MountOwner::engine);
        add(pod, {"**"}, MountOwner::storage);
    }
}

// internal/cri/server/container_create_linux.go; the state directory holds the bundles.
void EngineMounts::add_containerd() {
    const auto sandbox = config_.annotation("io.kubernetes.cri.sandbox-id").value_or(call_.id);
    std::vector<std::string_view> roots(kContainerds.begin(), kContainerds.end());
    if (const auto state = before_tail(call_.bundle, {"io.containerd.runtime.v2.task", "*", call_.id})) roots.push_back(*state);
    for (const auto root : roots) {
        const auto plugin = concat({root, "/io.containerd.grpc.v1.cri"});
        add(plugin, {"sandboxes", sandbox, "**"}, MountOwner::engine);
        add(plugin, {"containers", call_.id, "**"}, MountOwner::engine);
    }
}

// A bundle is GRAPHROOT/DRIVER-containers/ID/userdata. Containers of a pod use the files of its first one.
void EngineMounts::add_storage_library() {
    const auto containers = before_tail(call_.bundle, {call_.id, "userdata"});
    if (!containers) return;
    const auto driver = last_component(*containers);
    const auto graph_root = containers->substr(0, containers->size() - driver.size() - 1);
    for (const auto file : kContainerFiles) {
        add(*containers, {"*", "userdata", file}, MountOwner::engine);
        add(kRunStorage, {driver, "*", "userdata", file}, MountOwner::engine);
    }
    add(graph_root, {"volumes", "*", "_data", "**"}, MountOwner::storage);
}

// A build step's bundle is ROOT/buildkit/executor/ID in dockerd, ROOT/runc-SNAPSHOTTER/executor/ID in buildkitd; its files lie beside it, its
// cache mounts below the root (moby/buildkit executor/runcexecutor).
void EngineMounts::add_buildkit() {
    const auto root = before_tail(call_.bundle, {"*", "executor", "*"});
    if (!root || root->empty()) return;
    const auto worker = last_component(call_.bundle.substr(0, call_.bundle.rfind("/executor/")));
    if (worker != "buildkit" && !worker.starts_with("runc-")) return;
    add(*root, {worker, "executor", "**"}, MountOwner::engine);
    for (const auto* snapshots : {"overlay2", "buildkit", "containerd"}) add(*root, {snapshots, "**"}, MountOwner::storage);
    add(*root, {worker, "**"}, MountOwner::storage);
}

MountOwner EngineMounts::owner_of_path(std::string_view path) const {
    // Nobody can name a container's random ID before the engine has made it: what lies in a directory of that name is the engine's.
    if (engine_ != Engine::other && is_random_id(call_.id) && has_component(path, call_.id)) {
        const bool written_by_engine =
            std::find(kContainerFiles.begin(), kContainerFiles.end(), last_component(path)) != kContainerFiles.end();
        return written_by_engine ? MountOwner::engine : MountOwner::storage;
    }
    for (const auto& place : places_) {
        if (lies_in(path, place.directory) && is_below(path.substr(place.directory.size()), place.below)) return place.owner;
    }
    return MountOwner::caller;
}

// What engines bind to the same place of the host where the container keeps a namespace of the host's.
bool EngineMounts::comes_with_namespace(const Mount& mount, std::string_view path) const {
    if (engine_ == Engine::other || mount.destination != path) return false;
    const auto is_hosts = [this](std::string_view type) { return config_.host.find(type) == nullptr; };
    if (path == "/dev/shm" || path == "/dev/mqueue") return is_hosts("ipc");
    // Podman, where a user namespace keeps it from mounting a new one (pkg/specgen/generate/oci_linux.go).
    if (engine_ != Engine::podman) return false;
    return (path == "/sys" && mount.read_only && is_hosts("network")) || (path == "/proc" && is_hosts("pid"));
}

MountOwner EngineMounts::owner(const Mount& mount, std::string_view path) const {
    const auto owner = owner_of_path(path);
    if (owner != MountOwner::caller) return owner;
    const bool own = comes_with_namespace(mount, path) || (engine_ != Engine::other && is_engine_init_mount(mount.destination, path));
    return own ? MountOwner::engine : MountOwner::caller;
}

}  // namespace aa::oci
