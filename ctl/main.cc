// SPDX-License-Identifier: Apache-2.0
//
// aa-shimctl: the operator's tool.
#include <fcntl.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "ctl/cli/command.h"
#include "ctl/cli/complete.h"

namespace {

using namespace aa::ctl;

// Descriptors 0 to 2 are always open, so that no file of ours is taken for one of them. A host without /dev/null (a chroot) is no
// obstacle as long as they are.
bool open_standard_descriptors() {
    for (int fd = 0; fd <= 2; ++fd) {
        if (::fcntl(fd, F_GETFD) >= 0) continue;
        if (::open("/dev/null", O_RDWR) == fd) continue;  // the lowest one that is free
        (void)std::fprintf(stderr, "aa-shimctl: there is no /dev/null to open in place of descriptor %d, which is closed: mount a /dev\n",
                           fd);
        return false;
    }
    return true;
}

// The command as it was typed; nothing if there is none. Only flags stand before it.
std::optional<std::string> unknown_command(const CLI::App& app, int argc, char** argv) {
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        if (word.starts_with('-')) continue;
        const auto commands = app.get_subcommands([](const CLI::App*) { return true; });
        std::vector<std::string> names;
        for (const auto* command : commands) names.push_back(command->get_name());
        if (std::find(names.begin(), names.end(), word) != names.end()) return std::nullopt;
        const std::vector<std::string_view> candidates(names.begin(), names.end());
        const auto near = aa::closest(word, candidates);
        return aa::concat({"there is no command ", aa::quote(word),
                           near.empty() ? ": see aa-shimctl --help" : aa::concat({", did you mean ", aa::quote(near), "?"})});
    }
    return std::nullopt;
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
        const auto text = to_text(complete(app, {argv + 2, argv + argc}));
        return std::fputs(text.c_str(), stdout) < 0 ? kSystem : kOk;
    }
    if (const auto problem = unknown_command(app, argc, argv)) return fail(context, aa::Error{aa::ErrorKind::usage, *problem});
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? kOk : kUsage;
    }
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
