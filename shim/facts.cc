// SPDX-License-Identifier: Apache-2.0
#include "shim/facts.h"

#include <algorithm>

#include "base/text.h"
#include "oci/engine/image_reference.h"

namespace aa::shim {
namespace {

constexpr std::string_view kProgramPrefix = "aa-shim-";

// The first program's path as far as the bundle tells it; the word as typed where it does not (a volume over it, a rootfs
// that only a mount will fill). An error: to tell would take too much work.
Result<std::string> resolve_entrypoint(BundleRoot& bundle) {
    const auto& process = bundle.config().process;
    const auto word = oci::program_word(process.args);
    const auto resolve = [&]() -> Result<std::string> { return TRY(bundle.get())->resolve_program(word, process); };
    auto path = resolve();
    if (path || path.error().kind == ErrorKind::limit) return path;
    return std::string(word);
}

std::vector<apparmor::FactPair> views(const std::vector<std::pair<std::string, std::string>>& pairs) {
    return {pairs.begin(), pairs.end()};
}

}  // namespace

std::string_view handler_from_program(std::string_view program) {
    const auto name = program.substr(program.rfind('/') + 1);
    return name.starts_with(kProgramPrefix) ? name.substr(kProgramPrefix.size()) : std::string_view{};
}

ContainerFacts::View ContainerFacts::view() const {
    View view;
    view.labels = views(engine.labels);
    view.annotations = views(annotations);
    auto& facts = view.facts;
    facts.engine = oci::engine_name(engine.engine);
    facts.handler = handler;
    facts.kubernetes_namespace = engine.kubernetes_namespace;
    facts.pod = engine.pod;
    facts.name = engine.container;
    facts.image = engine.image;
    facts.image_full = image_full;
    facts.entrypoint = entrypoint;
    facts.labels = view.labels;
    facts.annotations = view.annotations;
    facts.user = user;
    facts.privileged = engine.privileged;
    facts.sandbox = engine.sandbox;
    const auto add_device = [&view](const apparmor::DeviceFact& device) {
        if (!device.numbers.empty()) view.devices.push_back(device);
    };
    std::for_each(host.devices.begin(), host.devices.end(), add_device);
    for (const auto& path : host.paths) {
        if (!path.is_device && !path.names.empty()) view.host_paths.push_back(path.names);
        add_device(path.device_fact);
    }
    std::for_each(host.rules.begin(), host.rules.end(), add_device);
    facts.host_paths = view.host_paths;
    facts.devices = view.devices;
    facts.host_namespaces = host.namespaces;
    facts.unmasked = host.is_unmasked();
    facts.hooks = host.hooks;
    return view;
}

Subject subject_of(const oci::EngineFacts& engine) {
    return {std::string(oci::engine_name(engine.engine)), engine.kubernetes_namespace, engine.pod, engine.container, engine.image};
}

Subject ContainerFacts::subject() const { return subject_of(engine); }

std::string ContainerFacts::summary() const {
    std::string out;
    add_fact(out, "engine", oci::engine_name(engine.engine));
    add_fact(out, "handler", handler);
    add_fact(out, "namespace", engine.kubernetes_namespace);
    add_fact(out, "pod", engine.pod);
    add_fact(out, "name", engine.container);
    add_fact(out, "image", engine.image);
    add_fact(out, "entrypoint", entrypoint);
    add_fact(out, "user", decimal(user));
    if (engine.privileged) add_fact(out, "privileged", *engine.privileged ? "true" : "false");
    if (engine.sandbox) add_fact(out, "sandbox", "true");
    add_summary(host, out);
    return out;
}

Result<ContainerFacts> collect_facts(const oci::EngineCall& call, BundleRoot& root, std::string_view handler, FactsNeeded needed) {
    const auto& config = root.config();
    ContainerFacts facts;
    const auto engine = oci::identify_engine(call, config);
    // Docker's record takes two files; what the other engines say stands in config.json, or is what tells them apart.
    if (engine == oci::Engine::docker && !needed.engine_record) {
        facts.engine.engine = engine;
    } else {
        facts.engine = TRY(oci::read_engine_facts(engine, call, config));
    }
    facts.handler = handler;
    if (!facts.engine.image.empty()) facts.image_full = oci::full_image_reference(facts.engine.image);
    if (needed.entrypoint) facts.entrypoint = TRY(resolve_entrypoint(root));
    facts.annotations.reserve(config.annotations.size());
    for (const auto& annotation : config.annotations) facts.annotations.emplace_back(annotation.key, annotation.value);
    facts.user = config.process.uid;
    if (needed.host) facts.host = TRY(collect_host_facts(call, config, facts.engine.engine, needed.device_names));
    return facts;
}

}  // namespace aa::shim
