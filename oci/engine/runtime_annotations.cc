// SPDX-License-Identifier: Apache-2.0
#include "oci/engine/runtime_annotations.h"

#include <algorithm>
#include <cstdint>

#include "base/text.h"
#include "oci/engine/engine.h"

namespace aa::oci {
namespace {

// What runtimes interpret; a last '.' makes a prefix, as in a runtime's own list.
constexpr std::string_view kSteering[] = {
    "run.oci.",                          // crun: handlers, hooks' output, seccomp plugins and filters, groups, cgroups
    "org.systemd.property.",             // runc, crun: properties of the container's scope
    "io.kubernetes.cri.container-type",  // crun: "sandbox" takes the handler away
    "org.criu.",                         // runc, crun: org.criu.config, a configuration file of CRIU's, which can name programs to run
    "krun.",                             // crun: the machine of its handler krun
    "module.wasm.",                      // crun: module.wasm.image/variant chooses a handler
    "bundle",                            // runc: exec's config.json; refused when config.json is read
};

enum class Form : std::uint8_t { text, number_behind, anything };

// What an engine sets by itself.
struct Own {
    std::string_view engine;  // empty: any
    std::string_view key;     // a last '.' makes a prefix
    Form form;
    std::string_view text;  // the value, or what stands before its number
};

constexpr Own kOwn[] = {
    // Podman, with systemd's cgroups: --stop-signal and --stop-timeout (libpod/container_internal_linux.go).
    {"podman", "org.systemd.property.KillSignal", Form::number_behind, ""},
    {"podman", "org.systemd.property.TimeoutStopUSec", Form::number_behind, "uint64 "},
    // Podman: --group-add keep-groups (cmd/podman/common/create.go).
    {"podman", "run.oci.keep_original_groups", Form::text, "1"},
    // Podman: --security-opt label=nested (pkg/specgenutil/specgen.go, libpod/define/annotations.go).
    {"podman", "run.oci.mount_context_type", Form::text, "rootcontext"},
    // CRI-O, with systemd's cgroups (internal/factory/container/container.go, server/sandbox_run_linux.go).
    {"cri-o", "org.systemd.property.TimeoutStopUSec", Form::number_behind, "uint64 "},
    {"cri-o", "org.systemd.property.CollectMode", Form::text, "'inactive-or-failed'"},
    {"cri-o", "org.systemd.property.DefaultDependencies", Form::text, "true"},
    {"cri-o", "org.systemd.property.After", Form::text, "['crio.service']"},
    // CRI-O's own documented default_annotations for crun (test/metrics.bats); newer crun does the same without it.
    {"cri-o", "run.oci.systemd.subgroup", Form::text, ""},
    // containerd's CRI plugin: cgroup_writable (internal/cri/server, cgroupDelegateAnnotations).
    {"cri-containerd", "org.systemd.property.Delegate", Form::text, "true"},
    // containerd's CRI plugin marks each container (internal/cri/annotations). Only "sandbox" means anything to crun. A containerd
    // whose places are not the usual ones is `other` here.
    {"", "io.kubernetes.cri.container-type", Form::text, "container"},
    {"cri-containerd", "io.kubernetes.cri.container-type", Form::text, "sandbox"},
    {"other", "io.kubernetes.cri.container-type", Form::text, "sandbox"},
    // What a checkpoint was made of and by whom (Podman and CRI-O, checkpointctl's annotations): no runtime reads it.
    {"", "org.criu.checkpoint.", Form::anything, ""},
};

bool is_key(std::string_view listed, std::string_view key) { return listed.ends_with('.') ? key.starts_with(listed) : key == listed; }

bool is_number(std::string_view text) {
    constexpr std::size_t kLongest = 20;  // 64 bits
    return !text.empty() && text.size() <= kLongest && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool has_form(const Own& own, std::string_view value) {
    switch (own.form) {
        case Form::text:
            return value == own.text;
        case Form::number_behind:
            return value.starts_with(own.text) && is_number(value.substr(own.text.size()));
        case Form::anything:
            break;
    }
    return true;
}

}  // namespace

AnnotationKind annotation_kind(std::string_view key, std::span<const std::string> more) {
    // runc keeps "KEY=VALUE" and parts it at the first '=' (libcontainer/utils, Annotations()): what stands before it is the key to it.
    const auto head = key.substr(0, key.find('='));
    const auto is_listed = [&](std::string_view listed) { return is_key(listed, head); };
    const bool steers =
        std::any_of(std::begin(kSteering), std::end(kSteering), is_listed) || std::any_of(more.begin(), more.end(), is_listed);
    return steers ? AnnotationKind::steering : AnnotationKind::data;
}

bool is_engines_own(std::string_view engine, std::string_view key, std::string_view value) {
    return key.find('=') == key.npos && std::any_of(std::begin(kOwn), std::end(kOwn), [&](const Own& own) {
               return (own.engine.empty() || own.engine == engine) && is_key(own.key, key) && has_form(own, value);
           });
}

bool is_engines_own_listener(std::string_view engine, std::string_view path, std::string_view id) {
    constexpr std::string_view kVar = "/var";
    if (path.starts_with(kVar)) path.remove_prefix(kVar.size());
    return engine == engine_name(Engine::cri_o) && path == concat({"/run/crio/seccomp/", id});
}

}  // namespace aa::oci
