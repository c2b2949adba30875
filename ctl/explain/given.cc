// SPDX-License-Identifier: Apache-2.0
#include "ctl/explain/given.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "apparmor/catalog/engine_facts.h"
#include "base/file.h"
#include "base/text.h"
#include "oci/engine/image_reference.h"
#include "oci/path/host_place.h"

namespace aa::ctl {
namespace {

Result<std::vector<std::pair<std::string, std::string>>> read_pairs(const std::vector<std::string>& words, std::string_view option) {
    std::vector<std::pair<std::string, std::string>> pairs;
    for (const auto& word : words) {
        const std::size_t equals = word.find('=');
        if (equals == std::string::npos)
            return Error{ErrorKind::usage, concat({option, " ", quote(word), " is not of the form KEY=VALUE"})};
        pairs.emplace_back(word.substr(0, equals), word.substr(equals + 1));
    }
    return pairs;
}

Result<oci::Engine> engine_named(const std::string& name) {
    using oci::Engine;
    for (const auto engine : {Engine::other, Engine::docker, Engine::cri_containerd, Engine::cri_o, Engine::podman, Engine::nerdctl}) {
        if (oci::engine_name(engine) == name) return engine;
    }
    return Error{ErrorKind::usage,
                 concat({"--engine ", quote(name), ": known are docker, cri-containerd, cri-o, podman, nerdctl and other"})};
}

// An error if no container of the engine can have the facts that are given: aa-shim would never see them together.
Result<void> require_told(const ExplainOptions& options) {
    apparmor::Match given;
    if (!options.name.empty()) given.name = options.name;
    if (!options.image.empty()) given.image = options.image;
    if (!options.kubernetes_namespace.empty()) given.kubernetes_namespace = options.kubernetes_namespace;
    if (!options.pod.empty()) given.pod = options.pod;
    given.labels = TRY(read_pairs(options.labels, "--label"));
    given.privileged = options.privileged;
    if (options.sandbox) given.sandbox = true;
    auto why = apparmor::why_not_told(options.engine.empty() ? nullptr : &options.engine, apparmor::facts_of(given));
    if (why.empty()) why = apparmor::why_no_such_fact(given);
    return why.empty() ? Result<void>() : Result<void>(Error{ErrorKind::usage, concat({"there is no such container: ", why})});
}

// The device NAME, a path of this host or "TYPE MAJOR:MINOR", as a request names one.
Result<oci::Device> read_device(const std::string& name) {
    struct stat status {};
    oci::Device device{name, 0, 0, 0, {}};
    if (name.starts_with('/')) {
        if (::stat(name.c_str(), &status) != 0) return errno_error("stat the device", name, errno);
        if (!S_ISBLK(status.st_mode) && !S_ISCHR(status.st_mode))
            return Error{ErrorKind::usage, concat({"--device ", quote(name), " is no device"})};
        device.type = S_ISBLK(status.st_mode) ? 'b' : 'c';
        device.major = major(status.st_rdev);
        device.minor = minor(status.st_rdev);
        return device;
    }
    const auto parsed = apparmor::parse_device_grant(name);
    if (!parsed) return Error{ErrorKind::usage, concat({"--device ", parsed.error().message})};
    const auto& grant = *parsed;
    if (!grant.major || !grant.minor || grant.type == 'a')
        return Error{ErrorKind::usage, concat({"--device ", quote(name), " names no single device"})};
    device.path.clear();  // it may have any
    device.type = grant.type;
    device.major = *grant.major;
    device.minor = *grant.minor;
    return device;
}

// Such a container gets all capabilities, the use of all devices, and nothing masked (dockerd daemon/oci_linux.go; containerd
// internal/cri/server; Podman pkg/specgen/generate).
bool is_privileged(const ExplainOptions& options) { return options.privileged.value_or(false); }

// The namespaces that a container has of its own, where engines give it what they usually do.
constexpr std::string_view kOwnNamespaces[] = {"pid", "network", "ipc", "uts", "mount", "cgroup"};

Result<void> read_namespaces(const ExplainOptions& options, oci::HostRequest& request) {
    for (const auto& name : options.host_namespaces) {
        if (!apparmor::host_namespace(name))
            return Error{ErrorKind::usage,
                         concat({"--host-namespace ", quote(name), ": known are pid, network, ipc, uts, cgroup, user and mount"})};
    }
    for (const auto name : kOwnNamespaces) {
        if (std::find(options.host_namespaces.begin(), options.host_namespaces.end(), name) == options.host_namespaces.end())
            request.namespaces.push_back({std::string(name), {}});
    }
    return {};
}

// What the mounts of REQUEST bring, by their names alone, to a container of the runtime whose state is in ROOT.
std::vector<shim::HostPath> named_places(const oci::Config& request, std::string_view root) {
    std::vector<std::string_view> is_ours(apparmor::kProtectedPaths.begin(), apparmor::kProtectedPaths.end());
    is_ours.push_back(root);
    std::vector<shim::HostPath> places;
    for (std::size_t i = 0; i < request.mounts.size(); ++i) {
        auto& place = places.emplace_back();
        place.mount = i;
        place.destination = request.mounts[i].destination;
        place.path = request.mounts[i].source;
        place.names = {place.path};
        place.is_protected = std::any_of(is_ours.begin(), is_ours.end(), [&](std::string_view path) {
            return oci::lies_in(path, place.path) || oci::lies_in(place.path, path);
        });
        place.is_kernels = oci::lies_in(place.path, "/proc") || oci::lies_in(place.path, "/sys");
    }
    return places;
}

Result<shim::HostFacts> given_host_facts(const ExplainOptions& options, const oci::Config& request, oci::Engine engine) {
    const oci::EngineCall call{"/run/runc", "/", "container"};
    if (!options.host_paths_as_named) return shim::collect_host_facts(call, request, engine, true);
    oci::Config without_mounts = request;
    without_mounts.mounts.clear();
    auto facts = TRY(shim::collect_host_facts(call, without_mounts, engine, true));
    facts.paths = named_places(request, call.root);
    for (const auto& place : facts.paths) {
        if (place.is_kernels) facts.kernel_file_systems.push_back(place.destination);
    }
    return facts;
}

}  // namespace

Result<CapabilitySet> given_capabilities(const ExplainOptions& options) {
    if (is_privileged(options)) return CapabilitySet::all();
    CapabilitySet set;
    for (const auto& name : options.capabilities) {
        const auto number = capability_number(name.starts_with("CAP_") ? name : concat({"CAP_", name}));
        if (!number) return Error{ErrorKind::usage, concat({"--capability ", quote(name), " is no capability"})};
        set.add(*number);
    }
    return set;
}

oci::ProcessSpec given_process(const oci::Config& config, const ExplainOptions& options) {
    oci::ProcessSpec spec = config.process;
    spec.args = options.command;
    if (options.user && *options.user != spec.uid) {
        spec.uid = *options.user;
        spec.additional_gids.clear();
        // As the engines do it: only root keeps what it was given.
        if (spec.uid != 0) spec.capabilities = {};
    }
    return spec;
}

std::string handler_of(const std::string& name) {
    return name == "aa-shim" || name.starts_with("aa-shim-") ? std::string(shim::handler_from_program(name)) : name;
}

Result<oci::Config> given_request(const ExplainOptions& options) {
    oci::Config config;
    for (const auto& path : options.host_paths) {
        if (!path.starts_with('/')) return Error{ErrorKind::usage, concat({"--host-path ", quote(path), " is no absolute path"})};
        auto& mount = config.mounts.emplace_back();
        mount.destination = path;
        mount.source = path;
        mount.type = "bind";
    }
    for (const auto& name : options.devices) config.host.devices.push_back(TRY(read_device(name)));
    config.host.device_rules.push_back({is_privileged(options), 'a', std::nullopt, std::nullopt, "rwm"});
    TRY(read_namespaces(options, config.host));
    if (!options.unmasked && !is_privileged(options)) config.host.masked_paths.values = {"/proc", "/sys"};
    if (options.hooks) config.host.hooks.emplace_back();
    return config;
}

Result<shim::ContainerFacts> given_facts(const ExplainOptions& options, const oci::Config& request, Told told) {
    shim::ContainerFacts facts;
    facts.engine.engine = TRY(engine_named(options.engine.empty() ? "other" : options.engine));
    if (told == Told::together) TRY(require_told(options));
    facts.engine.kubernetes_namespace = options.kubernetes_namespace;
    facts.engine.pod = options.pod;
    facts.engine.container = options.name;
    facts.engine.image = options.image;
    facts.engine.labels = TRY(read_pairs(options.labels, "--label"));
    facts.engine.privileged = options.privileged;
    facts.engine.sandbox = options.sandbox;
    facts.handler = handler_of(options.handler);
    if (!options.image.empty()) facts.image_full = oci::full_image_reference(options.image);
    facts.entrypoint = options.entrypoint;
    facts.annotations = TRY(read_pairs(options.annotations, "--annotation"));
    facts.user = options.user.value_or(0);
    facts.host = TRY(given_host_facts(options, request, facts.engine.engine));
    return facts;
}

}  // namespace aa::ctl
