// SPDX-License-Identifier: Apache-2.0
//
// aa-shimctl: the operator's tool.
#include <fcntl.h>

#include <cstdio>
#include <exception>

#include "ctl/cli/command.h"
#include "ctl/cli/complete.h"

namespace {

using namespace aa::ctl;

// Descriptors 0 to 2 are always open, so that no file of ours is taken for one of them.
bool open_standard_descriptors() {
    int fd = 0;
    do {
        fd = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    } while (fd >= 0 && fd <= 2);
    if (fd > 2) (void)::close(fd);
    return fd > 2;
}

int run(int argc, char** argv) {
    CLI::App app("Checks, loads and explains the catalog that aa-shim enforces, and shows what it does.", "aa-shimctl");
    Context context;
    app.add_flag("--json", context.json, "Print one JSON document");
    app.fallthrough();
    app.require_subcommand(1);
    add_check(app, context);
    add_load(app, context);
    add_explain(app, context);
    add_metrics(app, context);
    add_install(app, context);
    add_node(app, context);
    add_status(app, context);
    add_version(app, context);
    if (argc > 1 && argv[1] == kComplete) {
        if (const auto kept = keep_only(privileges_of(Task::complete)); !kept) return fail(context, kept.error());
        const auto text = to_text(complete(app, {argv + 2, argv + argc}));
        return std::fputs(text.c_str(), stdout) < 0 ? kSystem : kOk;
    }
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? kOk : kUsage;
    }
    if (const auto kept = keep_only(privileges_of(context.task)); !kept) return fail(context, kept.error());
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
