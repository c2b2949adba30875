// SPDX-License-Identifier: Apache-2.0
#include "shim/facts.h"

#include "base/text.h"
#include "oci/engine/image_reference.h"
#include "oci/path/container_path.h"

namespace aa::shim {
namespace {

constexpr std::string_view kProgramPrefix = "aa-shim-";

// The first program's path as far as the bundle tells it; the word as typed where it does not (a volume over it, a rootfs
// that only a mount will fill).
std::string resolve_entrypoint(const oci::EngineCall& call, const oci::Config& config) {
    const auto word = oci::program_word(config.process.args);
    const auto maps = config.id_maps();
    if (!maps) return std::string(word);
    const auto root = oci::ContainerRoot::of_bundle(call.bundle, config.root_path, config.mounts, *maps);
    if (!root) return std::string(word);
    auto path = root->resolve_program(word, config.process);
    return path ? *std::move(path) : std::string(word);
}

std::vector<apparmor::FactPair> views(const std::vector<std::pair<std::string, std::string>>& pairs) {
    return {pairs.begin(), pairs.end()};
}

void add(std::string& out, std::string_view key, std::string_view value) {
    if (value.empty()) return;
    if (!out.empty()) out += ' ';
    out += concat({key, "=", quote(value)});
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
    return view;
}

Subject subject_of(const oci::EngineFacts& engine) {
    return {std::string(oci::engine_name(engine.engine)), engine.kubernetes_namespace, engine.pod, engine.container, engine.image};
}

Subject ContainerFacts::subject() const { return subject_of(engine); }

std::string ContainerFacts::summary() const {
    std::string out;
    add(out, "engine", oci::engine_name(engine.engine));
    add(out, "handler", handler);
    add(out, "namespace", engine.kubernetes_namespace);
    add(out, "pod", engine.pod);
    add(out, "name", engine.container);
    add(out, "image", engine.image);
    add(out, "entrypoint", entrypoint);
    add(out, "user", decimal(user));
    if (engine.privileged) add(out, "privileged", *engine.privileged ? "true" : "false");
    if (engine.sandbox) add(out, "sandbox", "true");
    return out;
}

Result<ContainerFacts> collect_facts(const oci::EngineCall& call, const oci::Config& config, std::string_view handler,
                                     EngineRecord record) {
    ContainerFacts facts;
    const auto engine = oci::identify_engine(call, config);
    // Docker's record takes two files; what the other engines say stands in config.json, or is what tells them apart.
    if (engine == oci::Engine::docker && record == EngineRecord::not_needed) {
        facts.engine.engine = engine;
    } else {
        facts.engine = TRY(oci::read_engine_facts(engine, call, config));
    }
    facts.handler = handler;
    if (!facts.engine.image.empty()) facts.image_full = oci::full_image_reference(facts.engine.image);
    facts.entrypoint = resolve_entrypoint(call, config);
    facts.annotations.reserve(config.annotations.size());
    for (const auto& annotation : config.annotations) facts.annotations.emplace_back(annotation.key, annotation.value);
    facts.user = config.process.uid;
    return facts;
}

}  // namespace aa::shim
