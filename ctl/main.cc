// SPDX-License-Identifier: Apache-2.0
//
// aa-shimctl: the operator's tool.
#include <cstdio>
#include <exception>
#include <string_view>

#include "ctl/cli/command.h"
#include "ctl/cli/complete.h"
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
    add_check(app, context);
    add_new(app, context);
    add_test(app, context);
    add_load(app, context);
    add_explain(app, context);
    add_query(app, context);
    add_diff(app, context);
    add_graph(app, context);
    add_denials(app, context);
    add_learn(app, context);
    add_metrics(app, context);
    add_install(app, context);
    add_node(app, context);
    add_replay(app, context);
    add_status(app, context);
    add_version(app, context);
    add_watch(app, context);
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
        return app.exit(error) == 0 ? kOk : kUsage;
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
