// SPDX-License-Identifier: Apache-2.0
#include "shim/host_paths.h"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#include "apparmor/catalog/host.h"
#include "base/file.h"
#include "base/text.h"
#include "oci/engine/own_mounts.h"
#include "oci/engine/path_tail.h"
#include "oci/path/budget.h"
#include "oci/path/host_place.h"
#include "shim/devices.h"

namespace aa::shim {
namespace {

using oci::MountOwner;
using Names = std::vector<std::string>;

// File systems that show nothing of the host's files.
constexpr std::array<std::string_view, 8> kOwnFileSystems{"proc", "sysfs", "tmpfs", "ramfs", "devpts", "mqueue", "cgroup", "cgroup2"};
// Those that show another machine's, which a volume may well be.
constexpr std::array<std::string_view, 7> kVolumeFileSystems{"tmpfs", "ramfs", "nfs", "nfs4", "cifs", "smb3", "ceph"};

template <class List>
bool is_one_of(const List& list, std::string_view word) {
    return std::find(list.begin(), list.end(), word) != list.end();
}

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        const auto length = utf8_length(text);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

// The path of PLACE, as far as the file itself tells.
Result<HostPath> path_of(const oci::HostPlace& place) {
    HostPath path;
    path.path = place.path;
    struct statfs system {};
    if (::fstatfs(place.file.get(), &system) != 0) return errno_error("stat the file system of", place.path, errno);
    path.is_kernels = system.f_type == PROC_SUPER_MAGIC || system.f_type == SYSFS_MAGIC;
    // The runtime's mount has an automount make way for what it stands for, a look does not (autofs(5); open(2), O_PATH).
    if (system.f_type == AUTOFS_SUPER_MAGIC) return path;
    path.file_system = place.file_system;
    path.inode = place.inode;
    return path;
}

std::optional<oci::Device> device_at(const oci::HostPlace& place) {
    if (!S_ISCHR(place.mode) && !S_ISBLK(place.mode)) return std::nullopt;
    return oci::Device{place.path, S_ISBLK(place.mode) ? 'b' : 'c', major(place.device), minor(place.device), {}};
}

std::string file_system(std::string_view type, std::string_view source) { return concat({type, " of ", source}); }

class HostPaths {
public:
    HostPaths(const oci::EngineCall& call, const oci::Config& config, oci::Engine engine)
        : call_(call), config_(config), engine_(engine), own_(engine, call, config) {}

    Result<std::vector<HostPath>> collect() {
        std::vector<HostPath> paths;
        if (auto root = TRY(look_at_root())) paths.push_back(*std::move(root));
        for (std::size_t i = 0; i < config_.mounts.size(); ++i) {
            const auto& mount = config_.mounts[i];
            auto path = look_at(mount);
            // Usually there is none, and the words for one would be work for nothing.
            if (!path) return std::move(path).error().context(concat({"the mount at ", quote(mount.destination)}));
            if (!*path) continue;
            (*path)->mount = i;
            (*path)->destination = mount.destination;
            paths.push_back(**std::move(path));
        }
        return paths;
    }

private:
    using Found = std::optional<HostPath>;

    Result<Found> look_at_root() {
        const auto path = absolute(config_.root_path);
        auto place = oci::find_host_place(path, budget_);
        // What is missing cannot be started in; that is the runtime's to say.
        if (!place && place.error().kind != ErrorKind::not_found) return std::move(place).error().context("the root");
        if (!place || is_verifiers(place->path)) return Found();
        Found found;
        if (!own_.keeps_root(place->path)) {
            found = TRY(caller_path(*place));
        } else if (own_.has_given_root()) {
            // What the engine has laid out may be an overlay of any place (`podman run --rootfs DIRECTORY:O`).
            found = TRY(look_at_volume(*place));
        }
        if (found) found->destination = "/";
        return found;
    }

    // `aa-shimctl install --verify` starts a container of its own there.
    static bool is_verifiers(std::string_view path) {
        return oci::before_tail(path, {"var", "lib", "aa-shim", "*", "root"}) == std::string_view();
    }

    Result<Found> look_at(const oci::Mount& mount) {
        if (mount.is_bind()) return look_at_bind(mount);
        if (is_one_of(kOwnFileSystems, mount.type)) return Found();
        HostPath path;
        path.path = file_system(mount.type, mount.source);
        path.names = {path.path};
        if (mount.type == "overlay" && !mount.layers.empty()) {
            // The kernel takes it from where the runtime is by then.
            if (!std::ranges::all_of(mount.layers, [](const std::string& layer) { return layer.starts_with('/'); }))
                return Error{ErrorKind::config, "it is an overlay of a directory without an absolute path: name that in full"};
            return look_at_layers(std::move(path), mount.layers);
        }
        // A disk may hold anything; AppArmor's own files are another case of the same.
        path.is_protected = !is_one_of(kVolumeFileSystems, mount.type);
        return Found(std::move(path));
    }

    // PATH, which is an overlay of LAYERS: these are what it shows, as far as their paths lead there when it is mounted.
    Result<Found> look_at_layers(HostPath path, const Names& layers) {
        path.names.clear();
        for (const auto& layer : layers) {
            auto found = TRY(look_at_layer(absolute(layer)));
            if (!found) continue;
            path.is_protected = path.is_protected || found->is_protected;
            path.may_be_another = path.may_be_another || found->may_be_another;
            std::move(found->names.begin(), found->names.end(), std::back_inserter(path.names));
        }
        return path.names.empty() && !path.is_protected ? Found() : Found(std::move(path));
    }

    Result<Found> look_at_layer(const std::string& layer) {
        TRY(budget_.spend(kStepsPerMount));
        const auto place = oci::find_host_place(layer, budget_);
        HostPath found;
        found.path = place ? place->path : layer;
        if (own_.keeps(found.path)) return place ? look_at_volume(*place) : Found();
        if (TRY(oci::is_in_image(engine_, call_, found.path))) return Found();
        found.names = {found.path};
        found.may_be_another = true;
        found.is_protected = TRY(shows_protected(found.names));
        return Found(std::move(found));
    }

    Result<Found> look_at_bind(const oci::Mount& mount) {
        if (mount.source.empty()) return Error{ErrorKind::config, "it is a bind mount without a source"};
        const auto source = absolute(mount.source);
        TRY(budget_.spend(kStepsPerMount));
        auto found = oci::find_host_place(source, budget_);
        if (!found && is_engines_own_and_missing(mount, source, found.error())) return Found();
        const auto place = TRY(std::move(found));
        if (!is_utf8(place.path))
            return Error{ErrorKind::config, concat({"its source ", quote(place.path), " is no UTF-8, as config.json is"})};
        auto owner = own_.owner(mount, place.path);
        if (owner != MountOwner::engine && TRY(oci::is_image_mount(engine_, call_, config_, mount.destination, place.path)))
            owner = MountOwner::engine;
        if (owner != MountOwner::caller) return look_at_own(mount, owner, place);
        auto path = TRY(caller_path(place));
        // Podman without root: in a user namespace no device's file can be made (pkg/util/utils_linux.go, AddPrivilegedDevices()).
        path.is_device = engine_ == oci::Engine::podman && path.device && mount.destination == place.path && mount.source == place.path &&
                         is_roots_device_path(place.path);
        return Found(std::move(path));
    }

    // PLACE, which is MOUNT's source and OWNER's. In a volume a container writes, and who leads there over a link may lead elsewhere next: then
    // it costs no rule, but stands in the record.
    Result<Found> look_at_own(const oci::Mount& mount, MountOwner owner, const oci::HostPlace& place) {
        if (owner == MountOwner::engine && mount.source == place.path) return Found();
        auto path = owner == MountOwner::storage ? TRY(look_at_volume(place)) : Found();
        if (!path) path = TRY(path_of(place));
        return path;
    }

    // What somebody asked for goes by the path that leads there, whatever else the operator has mounted it at.
    Result<HostPath> caller_path(const oci::HostPlace& place) {
        auto path = TRY(path_of(place));
        path.names = {place.path};
        path.is_protected = TRY(mount_of(place))->type == "securityfs" || TRY(shows_protected(TRY(names_of(place))));
        path.device = device_at(place);
        return path;
    }

    // What lies in the engine's storage may be another place, mounted there for somebody (`docker volume create -o o=bind`).
    Result<Found> look_at_volume(const oci::HostPlace& place) {
        const auto& root = own_.storage_root();
        auto storage = root.empty() ? Error{ErrorKind::not_found, {}} : oci::find_host_place(root, budget_);
        if (storage && storage->mount == place.mount) return Found();
        const auto* mount = TRY(mount_of(place));
        const bool is_in_storage = storage && mounts_->shows(*TRY(mount_of(*storage)), *mount, place.path);
        auto path = TRY(path_of(place));
        if (mount->type == "overlay") {
            for (const auto& name : TRY(names_of(place))) {
                if (TRY(oci::is_in_image(engine_, call_, name))) return Found();
            }
            Names layers;
            oci::add_overlay_layers(mount->options, layers);
            return look_at_layers(std::move(path), layers);
        }
        path.names = TRY(names_of(place));
        path.is_protected = mount->type == "securityfs" || TRY(shows_protected(path.names));
        std::erase_if(path.names, [this](const std::string& name) { return own_.keeps(name); });
        // kubelet's are disks of the pod's; of other engines, whoever makes a volume may name a disk of the host's.
        const bool is_pods = engine_ == oci::Engine::cri_containerd || engine_ == oci::Engine::cri_o || engine_ == oci::Engine::other;
        const bool is_volume = is_pods || is_in_storage || is_one_of(kVolumeFileSystems, mount->type);
        if (path.names.empty() && !is_volume) path.names = {file_system(mount->type, mount->source)};
        if (path.names.empty() && !path.is_protected) return Found();
        return Found(std::move(path));
    }

    // Whether SOURCE is missing where only the engine could put something: then the runtime will say so.
    bool is_engines_own_and_missing(const oci::Mount& mount, std::string_view source, const Error& error) const {
        const bool leads_elsewhere = concat({source, "/"}).find("/../") != std::string::npos;
        return error.kind == ErrorKind::not_found && !leads_elsewhere && own_.owner(mount, source) == MountOwner::engine;
    }

    // PATH as the runtimes take it: from the bundle on.
    [[nodiscard]] std::string absolute(const std::string& path) const {
        return path.starts_with('/') ? path : concat({call_.bundle, "/", path});
    }

    Result<const oci::HostMounts*> mounts() {
        if (!mounts_) mounts_ = TRY(oci::HostMounts::read());
        return &*mounts_;
    }

    Result<const oci::HostMount*> mount_of(const oci::HostPlace& place) {
        const auto* mount = TRY(mounts())->find(place.mount);
        if (mount != nullptr) return mount;
        return Error{ErrorKind::config, concat({quote(place.path), " lies in another mount namespace: name a place of this host"})};
    }

    // All paths that lead to PLACE.
    Result<Names> names_of(const oci::HostPlace& place) {
        const auto* mount = TRY(mount_of(place));
        TRY(budget_.spend(1 + mounts_->size() / kMountsPerStep));
        return mounts_->names(*mount, place.path);
    }

    // Whether something that is protected lies in one of NAMES, or one of them in that.
    Result<bool> shows_protected(const Names& names) {
        if (protected_.empty()) TRY(find_protected());
        return std::any_of(names.begin(), names.end(), [this](const std::string& name) {
            return std::any_of(protected_.begin(), protected_.end(),
                               [&name](const std::string& place) { return oci::lies_in(name, place) || oci::lies_in(place, name); });
        });
    }

    // All paths that lead to what is protected: a mount of something else may show it as well.
    Result<void> find_protected() {
        Names places(apparmor::kProtectedPaths.begin(), apparmor::kProtectedPaths.end());
        places.emplace_back(call_.root);
        // Other containers' bundles: their config.json is read by the runtime after we have changed it.
        if (const auto bundles = oci::before_tail(call_.bundle, {"io.containerd.runtime.v2.task", "*", call_.id}); bundles)
            places.push_back(concat({*bundles, "/io.containerd.runtime.v2.task"}));
        for (const auto& place : places) {
            const auto found = oci::find_host_place(place, budget_);
            auto names = found ? TRY(names_of(*found)) : Names{place};
            std::move(names.begin(), names.end(), std::back_inserter(protected_));
        }
        return {};
    }

    static constexpr std::size_t kStepsPerMount = 4;
    static constexpr std::size_t kMountsPerStep = 64;

    const oci::EngineCall& call_;
    const oci::Config& config_;
    oci::Engine engine_;
    oci::EngineMounts own_;
    oci::Budget budget_;
    std::optional<oci::HostMounts> mounts_;
    Names protected_;
};

}  // namespace

Result<std::vector<HostPath>> collect_host_paths(const oci::EngineCall& call, const oci::Config& config, oci::Engine engine) {
    return HostPaths(call, config, engine).collect();
}

}  // namespace aa::shim
