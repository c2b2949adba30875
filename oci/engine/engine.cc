// SPDX-License-Identifier: Apache-2.0
#include "oci/engine/engine.h"

#include <fcntl.h>

#include "oci/engine/sources.h"
#include "oci/state/state.h"

namespace aa::oci {

std::string_view engine_name(Engine engine) {
    switch (engine) {
        case Engine::docker:
            return "docker";
        case Engine::cri_containerd:
            return "cri-containerd";
        case Engine::cri_o:
            return "cri-o";
        case Engine::podman:
            return "podman";
        case Engine::nerdctl:
            return "nerdctl";
        case Engine::other:
            break;
    }
    return "other";
}

Engine identify_engine(const EngineCall& call, const Config& config) {
    // The ID becomes a part of the records' paths.
    if (!is_valid_id(call.id)) return Engine::other;
    if (is_docker_call(call)) return Engine::docker;
    if (is_cri_containerd_call(call, config)) return Engine::cri_containerd;
    if (is_nerdctl_call(call, config)) return Engine::nerdctl;
    if (is_storage_call(call)) return Engine::podman;
    return Engine::other;
}

Result<EngineFacts> read_engine_facts(Engine engine, const EngineCall& call, const Config& config) {
    switch (engine) {
        case Engine::docker:
            return read_docker_facts(call, config).context("Docker's record of the container");
        case Engine::cri_containerd:
            return read_cri_containerd_facts(config);
        case Engine::nerdctl:
            return read_nerdctl_facts(config);
        case Engine::podman:
        case Engine::cri_o:
            return read_storage_facts(call, config).context("the engine's record of the container");
        case Engine::other:
            break;
    }
    return EngineFacts{};
}

Result<bool> is_in_image(Engine engine, const EngineCall& call, std::string_view path) {
    if (engine != Engine::podman) return false;
    return is_in_storage_image(call, path).context("the engine's record of images");
}

Result<bool> is_image_mount(Engine engine, const EngineCall& call, const Config& config, std::string_view destination,
                            std::string_view path) {
    if (engine != Engine::docker) return false;
    return is_docker_image_mount(call, config, destination, path).context("Docker's record of the container");
}

Result<Buffer> read_record(const std::string& path) {
    const Fd fd = TRY(open_trusted_path(path, O_RDONLY, Owner::ours));
    return read_file(fd.get(), kMaxRecordBytes, path);
}

}  // namespace aa::oci
