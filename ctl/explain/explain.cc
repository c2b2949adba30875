// SPDX-License-Identifier: Apache-2.0
//
// aa-shimctl explain: what would aa-shim decide, and why? For a bundle directory or for facts given on the command line
// (container_explanation.cc). Nothing is changed. `--exec` is exec.cc's.
#include "ctl/explain/explain.h"

#include "apparmor/catalog/json.h"
#include "apparmor/kernel/kernel.h"
#include "base/text.h"

#include "ctl/catalog/examine.h"
#include "ctl/explain/ceilings.h"
#include "ctl/explain/container_explanation.h"
#include "ctl/explain/policy.h"
#include "shim/enforce.h"

namespace aa::ctl {

namespace {

std::string or_dash(const std::optional<std::string>& text) { return text && !text->empty() ? *text : "-"; }

std::string_view exactness_name(apparmor::Exactness exactness) {
    switch (exactness) {
        case apparmor::Exactness::exact:
            return "exact";
        case apparmor::Exactness::conservative:
            return "conservative";
        case apparmor::Exactness::unbounded:
            return "unbounded";
    }
    return {};
}

void print_reachable(const apparmor::Reachable& reachable) {
    print_row("from profile", concat({reachable.capabilities.names(), " (", exactness_name(reachable.exactness),
                                      reachable.why.empty() ? "" : ": ", reachable.why, ")"}));
    for (const auto& one : reachable.labels) print_row("  reachable", concat({one.label, " [", one.capabilities.names(), "]: ", one.how}));
}

void print_bounds(const Explanation& explanation) {
    const auto& bounds = explanation.decision.bounds;
    print_row("profile", concat({or_dash(explanation.asked_profile), " -> ", or_dash(bounds.profile)}));
    if (bounds.profile) {
        print_row("first program",
                  explanation.start_note.empty() ? std::string_view(explanation.decision.first_label()) : explanation.start_note);
    }
    print_row("ceiling", bounds.ceiling ? bounds.ceiling->names() : "all capabilities");
    if (explanation.reachable) print_reachable(*explanation.reachable);
    if (bounds.ceiling && !explanation.asked_capabilities.empty()) {
        print_row("  granted", explanation.asked_capabilities.names());
        print_row("  kept", (explanation.asked_capabilities & *bounds.ceiling).names());
        print_row("  removed", (explanation.asked_capabilities - *bounds.ceiling).names());
    }
    print_row("no new privs", bounds.no_new_privileges ? "set" : "as the engine asks");
    const auto ceilings = ceilings_of(*explanation.confinement);
    for (const auto& [key, value] : ceilings.items()) print_row(key, ceiling_text(value));
}

void print_text(const Explanation& explanation) {
    const auto& decision = explanation.decision;
    print_row("facts", explanation.facts);
    print_row("decided by", decision.rule);
    print_row("confinement", decision.pass ? "none: the container stays as its engine made it" : decision.confinement);
    if (!decision.pass) print_bounds(explanation);
    for (const auto& reason : decision.reasons) print_row("because", reason);
}

Json to_json(const apparmor::Reachable& reachable) {
    Json labels = Json::array();
    for (const auto& one : reachable.labels) {
        labels.push_back({{"label", one.label}, {"capabilities", one.capabilities.names()}, {"how", one.how}});
    }
    return {{"capabilities", reachable.capabilities.names()},
            {"exactness", exactness_name(reachable.exactness)},
            {"why", reachable.why},
            {"labels", std::move(labels)}};
}

Json to_json(const std::optional<std::string>& text) { return text ? Json(*text) : Json(); }

Json to_json(const Explanation& explanation) {
    const auto& decision = explanation.decision;
    const auto& bounds = decision.bounds;
    const auto& asked = explanation.asked_capabilities;
    Json document{{"ok", true},
                  {"facts", explanation.facts},
                  {"rule", decision.rule},
                  {"pass", decision.pass},
                  {"confinement", decision.confinement},
                  {"askedProfile", to_json(explanation.asked_profile)},
                  {"askedCapabilities", asked.names()},
                  {"profile", to_json(bounds.profile)},
                  {"firstProgram", bounds.profile && explanation.start_note.empty() ? Json(decision.first_label()) : Json()},
                  {"ceiling", bounds.ceiling ? Json(bounds.ceiling->names()) : Json()},
                  {"noNewPrivileges", bounds.no_new_privileges},
                  {"reasons", decision.reasons}};
    if (explanation.confinement) document.update(ceilings_of(*explanation.confinement));
    if (explanation.reachable) document["fromProfile"] = to_json(*explanation.reachable);
    if (bounds.ceiling) {
        document["kept"] = (asked & *bounds.ceiling).names();
        document["removed"] = (asked - *bounds.ceiling).names();
    }
    return document;
}

// What CLI11 cannot say: which options belong to which of the three things that are explained.
Result<void> check_options(const ExplainOptions& options) {
    const bool of_exec =
        !options.target.empty() || !options.confinement.empty() || options.owned || options.not_owned || !options.profiles.empty();
    if (!options.exec && of_exec) {
        return Error{ErrorKind::usage, "a container or path, --confinement, --profiles, --owned and --not-owned go with --exec"};
    }
    if (options.bundle.empty() && (!options.id.empty() || (!options.root.empty() && !options.exec))) {
        return Error{ErrorKind::usage, "--id goes with --bundle, and --root with --bundle or --exec"};
    }
    return {};
}

Task task_of(const ExplainOptions& options) {
    if (!options.bundle.empty()) return Task::explain_bundle;
    return options.exec && !options.is_path() ? Task::explain_container : Task::explain;
}

int explain(const Context& context, const ExplainOptions& options) {
    if (const auto checked = check_options(options); !checked) return fail(context, checked.error());
    if (options.exec) return explain_exec(context, options);
    const auto open = open_catalog(options.catalog);
    if (!open) return fail(context, open.error());
    ExplainedPolicy policy(&*open);
    const auto explanation = explain_container(options, open->catalog, assumed_state(open->catalog), policy);
    if (!explanation) return fail(context, explanation.error());
    if (context.json) {
        print(to_json(*explanation));
    } else {
        print_text(*explanation);
    }
    return kOk;
}

}  // namespace

Result<OpenCatalog> open_catalog(const std::vector<std::string>& paths) {
    if (paths.empty()) return OpenCatalog{nullptr, TRY(apparmor::CompiledCatalog::open(std::string(apparmor::kCatalogPath))), {}};
    const auto sources = TRY(read_catalog_files(paths, Trust::not_required));
    auto reading = apparmor::read_catalog(sources);
    for (const auto& error : reading.errors) complain(error.text());
    if (!reading.ok()) return Error{ErrorKind::config, "the catalog has errors: nothing can be explained by it"};
    auto bytes = std::make_unique<std::string>(apparmor::compile_catalog(reading.catalog));
    auto catalog = TRY(apparmor::CompiledCatalog::view(*bytes, "the catalog given"));
    return OpenCatalog{std::move(bytes), std::move(catalog), std::move(reading.catalog.profile_dirs)};
}

shim::AppArmorState assumed_state(const apparmor::CompiledCatalog& catalog) {
    const auto state = shim::apparmor_state(apparmor::Kernel(), catalog.without_apparmor());
    return state ? *state : shim::AppArmorState::available;
}

void print_row(std::string_view name, std::string_view value) {
    constexpr std::size_t kColumn = 16;
    say(concat({name, std::string(name.size() < kColumn ? kColumn - name.size() : 1, ' '), value}));
}

void add_explain(const CliCommand& app, Context& context) {
    const auto command = app.subcommand("explain", "Tell what aa-shim would decide on a container or an exec, and why; nothing is changed");
    const auto options = std::make_shared<ExplainOptions>();
    command.option("--catalog", options->catalog, "Catalog files, or directories of them (default: the compiled catalog in force)")
        .type_name("PATH")
        .repeatable();
    const auto bundle =
        command.option("--bundle", options->bundle, "A bundle directory; its config.json and its engine's records tell the facts")
            .type_name("DIR");
    command.option("--id", options->id, "The container's ID (default: the bundle's name)");
    command.option("--root", options->root, "The runtime's state directory (default: told from the container's or bundle's place)")
        .type_name("DIR");
    command.option("--handler", options->handler, "The handler, or its runtime: web or aa-shim-web");

    const auto fact = [&](const char* option, auto& value, const char* text) {
        return command.option(option, value, text).excludes(bundle);
    };
    fact("--engine", options->engine, "docker, cri-containerd, cri-o, podman, nerdctl or other");
    fact("--namespace", options->kubernetes_namespace, "Kubernetes namespace");
    fact("--pod", options->pod, "Kubernetes pod");
    fact("--name", options->name, "The container's name");
    fact("--image", options->image, "The image, as typed");
    fact("--entrypoint", options->entrypoint, "The resolved path of the first program");
    fact("--label", options->labels, "KEY=VALUE").repeatable();
    fact("--annotation", options->annotations, "KEY=VALUE").repeatable();
    fact("--user", options->user, "User ID (with --exec, of the command)");
    fact("--privileged", options->privileged, "true or false; true brings what engines give such a container");
    fact("--profile", options->profile, "The AppArmor profile that the engine asks for (with --exec, the label to start from)");
    fact("--capability", options->capabilities, "A capability that the engine asks for").repeatable();
    fact("--host-path", options->host_paths, "A path of this host that is mounted").repeatable();
    fact("--device", options->devices, "A device, by its name on this host, or TYPE MAJOR:MINOR").repeatable();
    fact("--host-namespace", options->host_namespaces, "A namespace that is the host's").repeatable();
    command.flag("--unmasked", options->unmasked, "Nothing is masked below /proc and /sys").excludes(bundle);
    command.flag("--hooks", options->hooks, "There are hooks").excludes(bundle);
    command.flag("--sandbox", options->sandbox, "A pod's sandbox container").excludes(bundle);

    const auto exec = command.flag("--exec", options->exec, "Explain a command in a running container, or a program under a profile");
    exec.excludes(bundle);
    command.option("--profiles", options->profiles, "With --exec profile files, or directories of them, instead of all other policy")
        .type_name("PATH")
        .repeatable();
    command.option("--confinement", options->confinement, "With --exec and a path: the confinement whose exec rules count");
    const auto owned = command.flag("--owned", options->owned, "With --exec and a path: the process owns the file (default)");
    command.flag("--not-owned", options->not_owned, "With --exec and a path: it does not").excludes(owned);
    command.option("CONTAINER", options->target, "With --exec, a running container, or the path of a program");
    command.option("COMMAND", options->command, "With --exec and a container: the command and its arguments");
    command.callback([&context, options] { context.run(task_of(*options), [&context, options] { return explain(context, *options); }); });
}

}  // namespace aa::ctl
