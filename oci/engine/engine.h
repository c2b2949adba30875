// SPDX-License-Identifier: Apache-2.0
//
// Which engine a call comes from, and what that engine says of the container. An engine's facts are believed only when
// the call really comes from it: its runtime root, its namespace, its own root-owned records. Annotations alone prove
// nothing, for anyone can write them on a container of another engine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "oci/bundle/bundle.h"
#include "oci/json/string_map.h"

namespace aa::oci {

enum class Engine : std::uint8_t { other, docker, cri_containerd, cri_o, podman, nerdctl };

// "docker", "cri-containerd", "cri-o", "podman", "nerdctl", "other".
std::string_view engine_name(Engine engine);

struct EngineFacts {
    Engine engine = Engine::other;
    std::string kubernetes_namespace;
    std::string pod;
    std::string container;  // the name a person gave it, without Docker's leading slash
    std::string image;      // as typed
    StringMap labels;
    std::optional<bool> privileged;  // nullopt: the engine does not say
    bool sandbox = false;            // a pod's pause container
};

// What a call tells of its engine.
struct EngineCall {
    std::string_view root;    // the runtime's state directory, absolute
    std::string_view bundle;  // the bundle directory, absolute
    std::string_view id;
};

// The engine that CALL and CONFIG come from, by where they lie. Podman and CRI-O share the library that makes those
// places, and a Podman user can write CRI-O's annotations: both are `podman` here, until the library's record of the
// container tells (read_engine_facts()).
Engine identify_engine(const EngineCall& call, const Config& config);

// The facts about the container from the place where ENGINE keeps them; their `engine` is the last word on who made it. An
// error if a record should be there and is not, is another container's, or could have been written by others.
Result<EngineFacts> read_engine_facts(Engine engine, const EngineCall& call, const Config& config);

// Whether ENGINE's records say that PATH, which has no link in it, lies in an image that it has laid out: Podman makes a layer of that
// (`podman run --mount type=image`). An error as of read_engine_facts().
Result<bool> is_in_image(Engine engine, const EngineCall& call, std::string_view path);

// Whether ENGINE's record says that what it mounts at DESTINATION, which really is PATH, is an image (`docker run --mount type=image`). An
// error as of read_engine_facts().
Result<bool> is_image_mount(Engine engine, const EngineCall& call, const Config& config, std::string_view destination,
                            std::string_view path);

}  // namespace aa::oci
