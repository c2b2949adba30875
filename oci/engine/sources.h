// SPDX-License-Identifier: Apache-2.0
//
// Where each engine keeps its facts about a container; one file each. Only engine.cc calls these.
#pragma once

#include <string>
#include <string_view>

#include "base/file.h"
#include "base/result.h"
#include "oci/engine/engine.h"

namespace aa::oci {

// Longer records are refused; Docker's are some KB, and the list of a storage library some 100 bytes per container.
inline constexpr std::size_t kMaxRecordBytes = std::size_t{64} << 20;

// Reads the record at the absolute PATH, which nobody but root (or us) could have put there.
Result<Buffer> read_record(const std::string& path);

// docker.cc: the daemon's record below its data root.
bool is_docker_call(const EngineCall& call);
Result<EngineFacts> read_docker_facts(const EngineCall& call, const Config& config);
Result<bool> is_docker_image_mount(const EngineCall& call, const Config& config, std::string_view destination, std::string_view path);
// The data root of the daemon that made a container with this root.path.
std::string_view docker_data_root(std::string_view root_path);

// containerd.cc: annotations, for a call from a namespace of containerd's.
bool is_cri_containerd_call(const EngineCall& call, const Config& config);
EngineFacts read_cri_containerd_facts(const Config& config);
bool is_nerdctl_call(const EngineCall& call, const Config& config);
EngineFacts read_nerdctl_facts(const Config& config);

// storage.cc: Podman's and CRI-O's common record of containers.
bool is_storage_call(const EngineCall& call);
// Podman's containers from a root file system (--rootfs) have no record.
bool is_rootfs_container(const EngineCall& call);
Result<EngineFacts> read_storage_facts(const EngineCall& call, const Config& config);
Result<bool> is_in_storage_image(const EngineCall& call, std::string_view path);

}  // namespace aa::oci
