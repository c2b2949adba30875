// SPDX-License-Identifier: Apache-2.0
//
// aa-shimctl learn: a profile and a catalog entry from what the containers of a confinement do.
#include <memory>

#include "ctl/cli/command.h"
#include "ctl/learn/finish.h"

namespace aa::ctl {

namespace {

struct Options {
    std::string confinement;
    learned::FinishOptions finish;
};

int learn_from(const Context& context, const Options& options) {
    if (options.finish.any()) return learned::finish(context, options.confinement, options.finish);
    return fail(context, Error{ErrorKind::usage, "say what to do: --finish, or --export FILE"});
}

}  // namespace

void add_learn(CLI::App& app, Context& context) {
    auto* command = app.add_subcommand("learn", "Propose a profile and a catalog entry from what containers of a confinement do");
    const auto options = std::make_shared<Options>();
    command->add_option("CONFINEMENT", options->confinement, "The confinement whose containers are observed")->required();
    learned::add_finish_options(*command, options->finish);
    command->callback(
        [&context, options] { context.run(Task::learn_finish, [&context, options] { return learn_from(context, *options); }); });
}

}  // namespace aa::ctl
