// SPDX-License-Identifier: Apache-2.0
//
// aa-shimctl: the operator's tool.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <string_view>

#include "ctl/cli/command.h"
#include "ctl/cli/complete.h"
#include "ctl/cli/output.h"
#include "ctl/cli/start.h"
#include "ctl/cli/system_calls.h"
#include "ctl/cli/usage.h"
#include "ctl/verify/trial.h"

namespace {

using namespace aa::ctl;
using aa::Result;

// What TASK does not need is given up before anything is read that others wrote.
Result<void> give_up_for(Task task) {
    TRY(keep_only(privileges_of(task)));
    return keep_only(system_calls_of(task));
}

int run(int argc, char** argv) {
    CLI::App app("Checks, loads and explains the catalog that aa-shim enforces, and shows what it does.", "aa-shimctl");
    Context context;
    app.add_flag("--json", context.json, "Print one JSON document");
    app.set_version_flag("--version", "aa-shimctl " AA_VERSION, "Print the version of aa-shim (the command tells more)");
    app.fallthrough();
    app.require_subcommand(1);
    const CliCommand commands(app);
    add_check(commands, context);
    add_new(commands, context);
    add_test(commands, context);
    add_load(commands, context);
    add_explain(commands, context);
    add_query(commands, context);
    add_diff(commands, context);
    add_graph(commands, context);
    add_denials(commands, context);
    add_learn(commands, context);
    add_metrics(commands, context);
    add_install(commands, context);
    add_node(commands, context);
    add_replay(commands, context);
    add_status(commands, context);
    add_version(commands, context);
    add_watch(commands, context);
    add_help(app, context);
    if (argc > 1 && argv[1] == kComplete) {
        if (const auto kept = give_up_for(Task::complete); !kept) return fail(context, kept.error());
        const auto text = to_text(complete(app, {argv + 2, argv + argc}));
        return std::fputs(text.c_str(), stdout) < 0 ? kSystem : kOk;
    }
    if (argc > 1 && argv[1] == std::string_view(verify::kWait)) return verify::wait_in_container();
    if (const auto known = check_command(app, argc, argv); !known) return fail(context, known.error());
    try {
        app.parse(argc, argv);
    } catch (const CLI::ExtrasError&) {
        return fail(context, unexpected_word(app));
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
        return fail(context, wrong_command_line(app, error.what()));
    }
    if (const auto kept = give_up_for(context.task); !kept) return fail(context, kept.error());
    return context.command();
}

}  // namespace

int main(int argc, char** argv) {
    if (!open_standard_descriptors()) return kSystem;
    try {
        return run(argc, argv);
    } catch (const std::exception& error) {
        (void)std::fprintf(stderr, "aa-shimctl: %s\n", error.what());
        return kSystem;
    }
}
