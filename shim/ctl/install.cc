// SPDX-License-Identifier: Apache-2.0
//
// aa-shimctl install and uninstall: make aa-shim known to an engine, and forget it again. All is judged before anything changes.
#include <memory>

#include "base/text.h"
#include "shim/ctl/command.h"
#include "shim/ctl/install/apply.h"
#include "shim/ctl/install/engines.h"
#include "shim/ctl/install/plan.h"
#include "shim/ctl/install/show.h"

namespace aa::shim::ctl {

namespace {

struct Options {
    std::string engine;
    std::string root = "/";
    bool dry_run = false;
    install::Wanted wanted;
};

enum class Direction { install, uninstall };

struct Outcome {
    install::Plan plan;
    std::string diff, summary;
};

Result<const install::Engine*> chosen_engine(const Options& options) {
    if (const auto* engine = install::find_engine(options.engine)) return engine;
    return Error{ErrorKind::usage, concat({"there is no engine ", quote(options.engine)})};
}

Result<install::Plan> make_plan(const install::Host& host, const install::Engine& engine, const Options& options, Direction direction) {
    auto draft = TRY(install::Draft::begin(host, std::string(engine.name)));
    if (direction == Direction::install) {
        TRY(install::check(options.wanted));
        TRY(install::require_shim(host, options.wanted));
        TRY(engine.want(draft, options.wanted));
        draft.plan().next.insert(draft.plan().next.begin(), "aa-shimctl load   (until it has run once after each boot, nothing starts)");
    } else {
        TRY(engine.forget(draft));
    }
    return draft.finish();
}

Result<Outcome> carry_out(const Options& options, Direction direction) {
    const auto& engine = *TRY(chosen_engine(options));
    const auto host = TRY(install::Host::open(options.root));
    const Fd lock = options.dry_run ? Fd() : TRY(host.lock());
    Outcome outcome{TRY(make_plan(host, engine, options, direction)), {}, {}};
    auto& plan = outcome.plan;
    const bool work = plan.changes() || plan.record_before != plan.record_after;
    if (work) {
        auto validation = TRY(engine.validation(host, direction == Direction::uninstall));
        if (!options.dry_run)
            TRY(install::apply(
                host, plan, validation.after ? validation.after : [] { return Result<void>(); }));
        plan.notes.insert(plan.notes.begin(), options.dry_run ? "nothing was written" : validation.note);
    }
    outcome.diff = install::changes_text(host, plan);
    outcome.summary = install::summary_text(host, plan);
    return outcome;
}

// Without the line end that say() adds.
void say_lines(std::string text) {
    if (text.ends_with('\n')) text.pop_back();
    if (!text.empty()) say(text);
}

int run(const Context& context, const Options& options, Direction direction) {
    const auto outcome = carry_out(options, direction);
    if (!outcome) return fail(context, outcome.error());
    if (context.json) {
        Json document = {{"ok", true}, {"dry_run", options.dry_run}};
        document.update(install::to_json(outcome->plan));
        print(document);
        return kOk;
    }
    if (!outcome->plan.changes()) {
        say(concat({"Nothing to change: ", options.engine,
                    direction == Direction::install ? " knows aa-shim as asked." : " does not know aa-shim."}));
    } else {
        say_lines(options.dry_run ? outcome->diff : outcome->summary);
    }
    say_lines(install::advice_text(outcome->plan));
    return kOk;
}

void add_common(CLI::App& command, Options& options) {
    command.add_option("engine", options.engine, "docker, containerd, crio, podman or kubernetes")->required();
    command.add_flag("--dry-run", options.dry_run, "Show the changes, and write nothing");
    command.add_option("--root", options.root, "The directory below which the host's files are")->capture_default_str();
}

}  // namespace

void add_install(CLI::App& app, Context& context) {
    const auto options = std::make_shared<Options>();
    auto* install = app.add_subcommand("install", "Make aa-shim known to an engine");
    add_common(*install, *options);
    install->add_flag("--default", options->wanted.make_default, "Make aa-shim the default runtime");
    install->add_option("--handlers", options->wanted.handlers, "Handlers, separated by commas")->delimiter(',');
    install->add_flag("--mandatory", options->wanted.mandatory, "Close the ways around aa-shim that can be closed");
    install->add_option("--shim", options->wanted.shim, "The path of aa-shim on the host")->capture_default_str();
    install->callback(
        [&context, options] { context.command = [&context, options] { return run(context, *options, Direction::install); }; });

    const auto undo = std::make_shared<Options>();
    auto* uninstall = app.add_subcommand("uninstall", "Take aa-shim out of an engine's configuration");
    add_common(*uninstall, *undo);
    uninstall->callback([&context, undo] { context.command = [&context, undo] { return run(context, *undo, Direction::uninstall); }; });
}

}  // namespace aa::shim::ctl
