// SPDX-License-Identifier: Apache-2.0
//
// aa-shimctl explain: what would aa-shim decide, and why? It runs the code that decides (judge_bundle, judge_container),
// for a bundle directory or for facts given on the command line. Nothing is changed.
#include <memory>
#include <optional>
#include <vector>

#include "apparmor/catalog_json.h"
#include "apparmor/compiled_catalog.h"
#include "apparmor/kernel.h"
#include "base/text.h"
#include "oci/image_reference.h"
#include "shim/call.h"
#include "shim/ctl/command.h"
#include "shim/ctl/examine.h"
#include "shim/enforce.h"

namespace aa::shim::ctl {

namespace {

struct Options {
    std::vector<std::string> catalog;  // source files or directories; empty: the compiled catalog in force

    std::string bundle;
    std::string id;
    std::string root;

    std::string handler;
    std::string engine = "other";
    std::string kubernetes_namespace, pod, name, image, entrypoint;
    std::vector<std::string> labels, annotations;  // KEY=VALUE
    std::optional<std::uint32_t> user;
    std::optional<bool> privileged;
    bool sandbox = false;

    std::string profile;
    std::vector<std::string> capabilities;
};

// What is explained: a decision, and what it starts from.
struct Explanation {
    Decision decision;
    std::string facts;
    std::optional<std::string> asked_profile;
    CapabilitySet asked_capabilities;
};

// A compiled catalog and, if it was compiled just now, its bytes.
struct OpenCatalog {
    std::unique_ptr<std::string> bytes;
    apparmor::CompiledCatalog catalog;
};

Result<OpenCatalog> open_catalog(const std::vector<std::string>& paths) {
    if (paths.empty()) return OpenCatalog{nullptr, TRY(apparmor::CompiledCatalog::open(std::string(apparmor::kCatalogPath)))};
    const auto sources = TRY(read_catalog_files(paths, Trust::not_required));
    const auto reading = apparmor::read_catalog(sources);
    for (const auto& error : reading.errors) complain(error.text());
    if (!reading.ok()) return Error{ErrorKind::config, "the catalog has errors: nothing can be explained by it"};
    auto bytes = std::make_unique<std::string>(apparmor::compile_catalog(reading.catalog));
    auto catalog = TRY(apparmor::CompiledCatalog::view(*bytes, "the catalog given"));
    return OpenCatalog{std::move(bytes), std::move(catalog)};
}

// A host without AppArmor can still explain what one with it would do.
AppArmorState assumed_state(const apparmor::CompiledCatalog& catalog) {
    const auto state = apparmor_state(apparmor::Kernel(), catalog.without_apparmor());
    return state ? *state : AppArmorState::available;
}

std::string last_component(std::string_view path) {
    while (path.ends_with('/')) path.remove_suffix(1);
    return std::string(path.substr(path.rfind('/') + 1));
}

// The runtime root that goes with BUNDLE when containerd laid it out: its last two components are the namespace and the
// container. What the engines pass is in runc's --root (dockerd: daemon/runtime_unix.go; containerd: process/init.go).
std::string guess_root(std::string_view bundle) {
    constexpr std::string_view kTasks = "/io.containerd.runtime.v2.task/";
    const std::size_t at = bundle.find(kTasks);
    if (at == std::string_view::npos) return "/run/runc";
    const auto rest = bundle.substr(at + kTasks.size());
    const auto space = rest.substr(0, rest.find('/'));
    if (space == "moby") return "/run/docker/runtime-runc/moby";
    return concat({"/run/containerd/runc/", space});
}

Result<Explanation> explain_bundle(const Options& options, const apparmor::CompiledCatalog& catalog) {
    const auto bundle = TRY(oci::Bundle::open(options.bundle));
    const auto config = TRY(oci::read_config(bundle.text()).context(concat({"config.json of ", quote(options.bundle)})));
    const auto id = options.id.empty() ? last_component(options.bundle) : options.id;
    const auto root = options.root.empty() ? guess_root(options.bundle) : options.root;
    TRY(check_working_directory(config.process.cwd));
    auto judged = TRY(judge_bundle(catalog, {root, options.bundle, id}, config, options.handler, assumed_state(catalog)));
    return Explanation{std::move(judged.decision), judged.facts.summary(), config.process.apparmor_profile, config.process.requested()};
}

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

Result<CapabilitySet> read_capabilities(const std::vector<std::string>& names) {
    CapabilitySet set;
    for (const auto& name : names) {
        const auto number = capability_number(name.starts_with("CAP_") ? name : concat({"CAP_", name}));
        if (!number) return Error{ErrorKind::usage, concat({"--capability ", quote(name), " is no capability"})};
        set.add(*number);
    }
    return set;
}

Result<oci::Engine> engine_named(const std::string& name) {
    using oci::Engine;
    for (const auto engine : {Engine::other, Engine::docker, Engine::cri_containerd, Engine::cri_o, Engine::podman, Engine::nerdctl}) {
        if (oci::engine_name(engine) == name) return engine;
    }
    return Error{ErrorKind::usage,
                 concat({"--engine ", quote(name), ": known are docker, cri-containerd, cri-o, podman, nerdctl and other"})};
}

// The facts of the command line in the form that a bundle's facts have.
Result<ContainerFacts> given_facts(const Options& options) {
    ContainerFacts facts;
    facts.engine.engine = TRY(engine_named(options.engine));
    facts.engine.kubernetes_namespace = options.kubernetes_namespace;
    facts.engine.pod = options.pod;
    facts.engine.container = options.name;
    facts.engine.image = options.image;
    facts.engine.labels = TRY(read_pairs(options.labels, "--label"));
    facts.engine.privileged = options.privileged;
    facts.engine.sandbox = options.sandbox;
    facts.handler = options.handler;
    if (!options.image.empty()) facts.image_full = oci::full_image_reference(options.image);
    facts.entrypoint = options.entrypoint;
    facts.annotations = TRY(read_pairs(options.annotations, "--annotation"));
    facts.user = options.user.value_or(0);
    return facts;
}

Result<Explanation> explain_facts(const Options& options, const apparmor::CompiledCatalog& catalog) {
    const auto facts = TRY(given_facts(options));
    Asked asked;
    if (!options.profile.empty()) asked.profile = options.profile;
    for (const auto& [key, value] : facts.annotations) {
        if (key == apparmor::kRequestAnnotation) asked.confinement = value;
    }
    auto decision = TRY(judge_container(catalog, facts.view().facts, asked, assumed_state(catalog)));
    return Explanation{std::move(decision), facts.summary(), asked.profile, TRY(read_capabilities(options.capabilities))};
}

std::string or_dash(const std::optional<std::string>& text) { return text && !text->empty() ? *text : "-"; }

void print_row(std::string_view name, const std::string& value) { say(concat({name, std::string(16 - name.size(), ' '), value})); }

void print_text(const Explanation& explanation) {
    const auto& [decision, facts, asked_profile, asked] = explanation;
    print_row("facts", facts);
    print_row("decided by", decision.rule);
    print_row("confinement", decision.pass ? "none: the container stays as its engine made it" : decision.confinement);
    if (!decision.pass) {
        const auto& bounds = decision.bounds;
        print_row("profile", concat({or_dash(asked_profile), " -> ", or_dash(bounds.profile)}));
        print_row("ceiling", bounds.ceiling ? bounds.ceiling->names() : "all capabilities");
        if (bounds.ceiling && !asked.empty()) {
            print_row("  kept", (asked & *bounds.ceiling).names());
            print_row("  removed", (asked - *bounds.ceiling).names());
        }
        print_row("no new privs", bounds.no_new_privileges ? "set" : "as the engine asks");
        for (const auto& name : bounds.deny_syscalls) print_row("denied syscall", name);
    }
    for (const auto& reason : decision.reasons) print_row("because", reason);
}

Json to_json(const Explanation& explanation) {
    const auto& [decision, facts, asked_profile, asked] = explanation;
    Json document{{"ok", true},
                  {"facts", facts},
                  {"rule", decision.rule},
                  {"pass", decision.pass},
                  {"confinement", decision.confinement},
                  {"askedProfile", asked_profile ? Json(*asked_profile) : Json()},
                  {"askedCapabilities", asked.names()},
                  {"profile", decision.bounds.profile ? Json(*decision.bounds.profile) : Json()},
                  {"ceiling", decision.bounds.ceiling ? Json(decision.bounds.ceiling->names()) : Json()},
                  {"noNewPrivileges", decision.bounds.no_new_privileges},
                  {"denySyscalls", decision.bounds.deny_syscalls},
                  {"reasons", decision.reasons}};
    if (decision.bounds.ceiling) {
        document["kept"] = (asked & *decision.bounds.ceiling).names();
        document["removed"] = (asked - *decision.bounds.ceiling).names();
    }
    return document;
}

int explain(const Context& context, const Options& options) {
    const auto open = open_catalog(options.catalog);
    if (!open) return fail(context, open.error());
    const auto explanation = options.bundle.empty() ? explain_facts(options, open->catalog) : explain_bundle(options, open->catalog);
    if (!explanation) return fail(context, explanation.error());
    if (context.json) {
        print(to_json(*explanation));
    } else {
        print_text(*explanation);
    }
    return kOk;
}

}  // namespace

void add_explain(CLI::App& app, Context& context) {
    auto* command = app.add_subcommand("explain", "Tell what aa-shim would decide on a container, and why; nothing is changed");
    const auto options = std::make_shared<Options>();
    command->add_option("--catalog", options->catalog, "Catalog files, or directories of them (default: the compiled catalog in force)");
    auto* bundle =
        command->add_option("--bundle", options->bundle, "A bundle directory; its config.json and its engine's records tell the facts");
    command->add_option("--id", options->id, "The container's ID (default: the bundle's name)")->needs(bundle);
    command->add_option("--root", options->root, "The runtime's state directory (default: told from the bundle's place)")->needs(bundle);
    command->add_option("--handler", options->handler, "The handler: `web` for aa-shim-web");

    const auto fact = [&](const char* option, auto& value, const char* text) {
        command->add_option(option, value, text)->excludes(bundle);
    };
    fact("--engine", options->engine, "docker, cri-containerd, cri-o, podman, nerdctl or other");
    fact("--namespace", options->kubernetes_namespace, "Kubernetes namespace");
    fact("--pod", options->pod, "Kubernetes pod");
    fact("--name", options->name, "The container's name");
    fact("--image", options->image, "The image, as typed");
    fact("--entrypoint", options->entrypoint, "The resolved path of the first program");
    fact("--label", options->labels, "KEY=VALUE");
    fact("--annotation", options->annotations, "KEY=VALUE");
    fact("--user", options->user, "User ID");
    fact("--privileged", options->privileged, "true or false");
    fact("--profile", options->profile, "The AppArmor profile that the engine asks for");
    fact("--capability", options->capabilities, "A capability that the engine asks for");
    command->add_flag("--sandbox", options->sandbox, "A pod's sandbox container")->excludes(bundle);
    command->callback([&context, options] { context.command = [&context, options] { return explain(context, *options); }; });
}

}  // namespace aa::shim::ctl
