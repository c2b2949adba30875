// SPDX-License-Identifier: Apache-2.0
//
// aa-shimctl graph: where the processes of a profile can get, as a tree or a picture. Nothing is changed.
#include "ctl/policy/graph.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "apparmor/catalog/compiled_catalog.h"
#include "apparmor/kernel/kernel.h"
#include "base/process.h"
#include "base/text.h"
#include "ctl/policy/opened.h"

namespace aa::ctl {

namespace {

struct Options {
    std::vector<std::string> labels;
    std::vector<std::string> profiles;  // files or directories of them; empty: the policy in force
    bool dot = false;
    bool svg = false;
};

// ---- the labels

void add_label(std::vector<std::string>& labels, const std::string& label) {
    if (std::find(labels.begin(), labels.end(), label) == labels.end()) labels.push_back(label);
}

// The labels that the catalog in force gives; none if there is none, or none that gives labels.
std::vector<std::string> labels_in_force() {
    std::vector<std::string> labels;
    const auto catalog = apparmor::CompiledCatalog::open(std::string(apparmor::kCatalogPath));
    if (!catalog) return labels;
    const auto confinements = catalog->confinements();
    if (!confinements) return labels;
    for (const auto& confinement : *confinements) {
        if (const auto* label = std::get_if<std::string>(&confinement.profile)) add_label(labels, *label);
        for (const auto& rule : confinement.exec_rules) {
            if (const auto* label = std::get_if<std::string>(&rule.action)) add_label(labels, *label);
        }
    }
    return labels;
}

struct Drawn {
    apparmor::Graph graph;
    std::vector<std::string> broken;  // files that it lacks, and why
};

Result<Drawn> graph_for(const Options& options) {
    const apparmor::Kernel kernel;
    const auto opened = TRY(open_policy(options.profiles, kernel));
    const bool all = !options.labels.empty() || !options.profiles.empty();
    return Drawn{TRY(apparmor::graph_of(*opened.policy, all ? options.labels : labels_in_force())), opened.broken};
}

// ---- the picture

constexpr std::array kGraphviz = {"/usr/bin/dot", "/usr/local/bin/dot"};

Result<std::string> to_svg(const apparmor::Graph& graph) {
    for (const char* program : kGraphviz) {
        if (::access(program, X_OK) != 0) continue;
        const auto drawn = TRY(run_command({{program, "-Tsvg"}, {}, {}, 120, to_dot(graph)}));
        if (drawn.ok()) return drawn.output;
        return Error{ErrorKind::system, concat({program, " drew nothing: ", last_words(drawn)})};
    }
    return Error{ErrorKind::system, concat({"an SVG is drawn by Graphviz, which is not installed (looked for ", kGraphviz[0], " and ",
                                            kGraphviz[1], "): install the package 'graphviz', or take --dot to a machine that has it"})};
}

int graph(const Context& context, const Options& options) {
    const auto drawn = graph_for(options);
    if (!drawn) return fail(context, drawn.error());
    const auto& graph = drawn->graph;
    const int code = complain_of_broken(context, drawn->broken) ? kWrong : kOk;
    if (context.json) {
        auto document = to_json(graph);
        document["broken"] = drawn->broken;
        if (code != kOk) document["ok"] = false;
        print(document);
        return code;
    }
    const auto text = options.svg ? to_svg(graph) : Result<std::string>(options.dot ? to_dot(graph) : to_tree(graph));
    if (!text) return fail(context, text.error());
    return std::fputs(text->c_str(), stdout) < 0 ? kSystem : code;
}

}  // namespace

void add_graph(const CliCommand& app, Context& context) {
    const auto command =
        app.subcommand("graph", "Show where the processes of a profile can get by themselves, and with which capabilities");
    const auto options = std::make_shared<Options>();
    command.option("LABEL", options->labels, "Labels to begin with (default: those of the catalog in force; of files, all)");
    command.option("--profiles", options->profiles, "Profile files, or directories of them, instead of the policy in force")
        .type_name("PATH")
        .repeatable();
    const auto dot = command.flag("--dot", options->dot, "In the language of Graphviz");
    command.flag("--svg", options->svg, "As a picture, which Graphviz draws").excludes(dot);
    command.callback([&context, options] { context.run(Task::graph, [&context, options] { return graph(context, *options); }); });
}

}  // namespace aa::ctl
