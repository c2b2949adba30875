// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "oci/engine/path_tail.h"
#include "oci/engine/sources.h"

namespace aa::oci {
namespace {

constexpr std::string_view kCriNamespace = "k8s.io";
constexpr std::string_view kContainerType = "io.kubernetes.cri.container-type";

std::string value_of(const Config& config, std::string_view key) { return std::string(config.annotation(key).value_or("")); }

// The namespace of containerd's that CALL comes from; empty if it comes from elsewhere. The shim names both places
// (containerd cmd/containerd-shim-runc-v2/process/init.go): "…/runc/NAMESPACE" below the configured root, and the bundle
// "…/NAMESPACE/ID". The parent "runc" keeps dockerd out, whose users write annotations as they like; theirs is
// "runtime-runc".
std::string_view containerd_namespace(const EngineCall& call) {
    const std::string_view name = last_component(call.root);
    const bool root = before_tail(call.root, {"runc", "*"}).has_value();
    const bool bundle = before_tail(call.bundle, {name, call.id}).has_value();
    return root && bundle ? name : std::string_view();
}

bool has_nerdctl_annotation(const Config& config) {
    return std::any_of(config.annotations.begin(), config.annotations.end(),
                       [](const Annotation& annotation) { return annotation.key.starts_with("nerdctl/"); });
}

}  // namespace

// The CRI plugin marks each of its containers, after it has copied what annotations a pod may bring (containerd
// internal/cri/annotations). Other clients may use its namespace, and leave no mark.
bool is_cri_containerd_call(const EngineCall& call, const Config& config) {
    return containerd_namespace(call) == kCriNamespace && config.annotation(kContainerType).has_value();
}

EngineFacts read_cri_containerd_facts(const Config& config) {
    EngineFacts facts;
    facts.engine = Engine::cri_containerd;
    facts.sandbox = config.annotation(kContainerType) == "sandbox";
    facts.kubernetes_namespace = value_of(config, "io.kubernetes.cri.sandbox-namespace");
    facts.pod = value_of(config, "io.kubernetes.cri.sandbox-name");
    facts.container = value_of(config, "io.kubernetes.cri.container-name");
    facts.image = value_of(config, facts.sandbox ? "io.kubernetes.cri.podsandbox.image-name" : "io.kubernetes.cri.image-name");
    return facts;
}

// nerdctl copies its own labels into the annotations (nerdctl pkg/labels): the name, but no image. Who can write them
// otherwise has containerd's socket, and with it the host.
bool is_nerdctl_call(const EngineCall& call, const Config& config) {
    return !containerd_namespace(call).empty() && has_nerdctl_annotation(config);
}

EngineFacts read_nerdctl_facts(const Config& config) {
    EngineFacts facts;
    facts.engine = Engine::nerdctl;
    facts.container = value_of(config, "nerdctl/name");
    const auto privileged = config.annotation("nerdctl/privileged");
    if (privileged == "true" || privileged == "false") facts.privileged = privileged == "true";
    return facts;
}

}  // namespace aa::oci
