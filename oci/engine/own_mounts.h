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

    // Whether PATH lies in a storage of the engine's.
    [[nodiscard]] bool in_storage(std::string_view path) const { return owner_of_path(path) != MountOwner::caller; }

private:
    struct Place {
        std::string directory;
        std::vector<std::string_view> below;  // what follows: "*" any one component, "**" anything or nothing
        MountOwner owner;
    };
    void add(std::string_view directory, std::vector<std::string_view> below, MountOwner owner);
    void add_kubelet();
    void add_containerd();
    void add_storage_library();
    void add_buildkit();
    [[nodiscard]] MountOwner owner_of_path(std::string_view path) const;
    [[nodiscard]] bool comes_with_namespace(const Mount& mount, std::string_view path) const;

    Engine engine_;
    const EngineCall& call_;
    const Config& config_;
    std::string pod_uid_;
    std::vector<Place> places_;
};

}  // namespace aa::oci
