// SPDX-License-Identifier: Apache-2.0
//
// Facts: what is known of a container when a rule is looked for. Plain values; the views belong to the caller.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "apparmor/catalog/host.h"

namespace aa::apparmor {

using FactPair = std::pair<std::string_view, std::string_view>;

struct Facts {
    std::string_view engine{};   // docker, cri-containerd, cri-o, podman, nerdctl, other
    std::string_view handler{};  // the name we were called by, without "aa-shim-"; empty if called as aa-shim
    std::string_view kubernetes_namespace{};
    std::string_view pod{};
    std::string_view name{};
    std::string_view image{};       // as typed
    std::string_view image_full{};  // docker.io/library/nginx:latest
    std::string_view entrypoint{};  // the first program, looked for behind an init
    std::span<const FactPair> labels{};
    std::span<const FactPair> annotations{};
    std::optional<std::uint32_t> user{};
    std::optional<bool> privileged{};
    bool sandbox = false;
    std::span<const std::vector<std::string>> host_paths{};  // of each place of the host that the caller asked for, all its paths
    std::span<const DeviceFact> devices{};                   // beyond those that every container has
    std::uint32_t host_namespaces = 0;                       // a set: the container has none of its own
    bool unmasked = false;                                   // what engines mask, or make read-only, is not
    bool hooks = false;                                      // there are some beside the engine's own
};

}  // namespace aa::apparmor
