// SPDX-License-Identifier: Apache-2.0
//
// Which bind mounts of a container are its engine's own doing, by where their sources lie: resolv.conf, hosts, shm, volumes below the
// engine's own root, kubelet's files of the pod. All others are the caller's choice.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "oci/engine/engine.h"

namespace aa::oci {

enum class MountOwner : std::uint8_t {
    caller,   // somebody asked for this place of the host
    engine,   // the engine made it
    storage,  // it lies where the engine keeps volumes, and may have mounted another place of the host
};

// The places of the engine that one container comes from.
class EngineMounts {
public:
    // CALL, CONFIG must outlive this.
    EngineMounts(Engine engine, const EngineCall& call, const Config& config);

    // Whose doing MOUNT is, a bind mount whose source really is PATH (absolute, no link in it).
    [[nodiscard]] MountOwner owner(const Mount& mount, std::string_view path) const;

    // Whether PATH lies where the engine keeps its own, whosever container it is for.
    [[nodiscard]] bool keeps(std::string_view path) const;

    // Whether a container's root at PATH is the engine's choice, or lies in the bundle.
    [[nodiscard]] bool keeps_root(std::string_view path) const;

    // Whether who asked for the container gave its root, and not an image (Podman's --rootfs).
    [[nodiscard]] bool has_given_root() const;

    // Where volumes are kept; empty if nothing is known of it. What lies there on the same mount has not been mounted for anybody.
    [[nodiscard]] const std::string& storage_root() const { return storage_root_; }

private:
    using Components = std::vector<std::string_view>;
    struct Place {
        std::string directory;
        Components below;  // what follows: "*" any one component, "x*" one that begins so, "**" anything or nothing
        MountOwner owner;
        std::string_view destination;  // only there; empty: anywhere
    };
    void add(std::string_view directory, Components below, MountOwner owner, std::string_view destination = {});
    void add_volumes(std::string_view root, Components below);
    void add_container_files(const std::string& directory, const Components& below, const Components& below_shm);
    void add_storage_library();
    void add_buildkit();
    [[nodiscard]] MountOwner owner_in_pod(std::string_view behind) const;
    [[nodiscard]] MountOwner owner_of_path(std::string_view path, std::string_view destination) const;
    [[nodiscard]] bool comes_with_namespace(const Mount& mount, std::string_view path) const;

    Engine engine_;
    const EngineCall& call_;
    const Config& config_;
    std::string pod_uid_;
    std::string storage_root_;
    std::string graph_root_;  // where images are laid out; empty if nothing is known of it
    std::vector<Place> places_;
};

}  // namespace aa::oci
