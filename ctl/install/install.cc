// SPDX-License-Identifier: Apache-2.0
//
// aa-shimctl install and uninstall: make aa-shim known to an engine, and forget it again. All is judged before anything changes.
#include <fcntl.h>

#include <memory>

#include "base/file.h"
#include "base/text.h"
#include "ctl/cli/command.h"
#include "ctl/cli/output.h"
#include "ctl/host/host.h"
#include "ctl/install/engine/engines.h"
#include "ctl/install/engine/kubernetes.h"
#include "ctl/install/plan/apply.h"
#include "ctl/install/plan/plan.h"
#include "ctl/install/plan/show.h"
#include "ctl/verify/report.h"
#include "ctl/verify/trial.h"

namespace aa::ctl {

namespace {

struct Options {
    std::string engine;
    std::string root = "/";
    std::string node_engine;  // of a Kubernetes node
    std::string manifests;    // where its objects are written; empty: they are printed
    bool dry_run = false;
    bool verify = false;
    install::Wanted wanted;
};

enum class Direction { install, uninstall };

struct Outcome {
    install::Plan plan;
    std::string diff, summary;
    std::string manifests;
};

constexpr std::string_view kKubernetes = "kubernetes";

Result<const install::Engine*> chosen_engine(const Host& host, const Options& options, Direction direction) {
    const bool on_node = options.engine == kKubernetes;
    if (!on_node && !(options.node_engine.empty() && options.manifests.empty())) {
        return Error{ErrorKind::usage, "--engine and --manifests belong to kubernetes"};
    }
    if (on_node) return install::node_engine(host, options.node_engine, direction == Direction::uninstall);
    if (const auto* engine = install::find_engine(options.engine)) return engine;
    return Error{ErrorKind::usage,
                 concat({"there is no engine ", quote(options.engine), ": known are docker, containerd, crio, podman and kubernetes"})};
}

Result<void> write_manifests(const std::string& path, const std::string& text) {
    const Fd file = TRY(open_file(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY, 0644));
    return write_all(file.get(), text).context(quote(path));
}

Result<install::Plan> make_plan(const Host& host, const install::Engine& engine, const Options& options, Direction direction) {
    auto draft = TRY(install::Draft::begin(host, std::string(engine.name)));
    if (direction == Direction::install) {
        TRY(install::check(options.wanted));
        TRY(install::require_shim(host, options.wanted));
        TRY(engine.want(draft, options.wanted));
        draft.plan().next.insert(draft.plan().next.begin(), "aa-shimctl load   (until it has run once after each boot, nothing starts)");
        return draft.finish();
    }
    TRY(engine.forget(draft));
    TRY(draft.take_back_the_rest());
    TRY(draft.require_nothing_left());
    return draft.finish();
}

Result<Outcome> carry_out(const Options& options, Direction direction) {
    const auto host = TRY(Host::open(options.root));
    const auto& engine = *TRY(chosen_engine(host, options, direction));
    const Fd lock = options.dry_run ? Fd() : TRY(host.lock());
    Outcome outcome{TRY(make_plan(host, engine, options, direction)), {}, {}, {}};
    auto& plan = outcome.plan;
    install::Validation validation;
    if (plan.changes()) {
        validation = TRY(engine.validation(host, direction == Direction::uninstall));
        plan.notes.insert(plan.notes.begin(), options.dry_run ? "nothing was written" : validation.note);
    }
    // Even where nothing changes, a crash may have left something to tidy up.
    if (!options.dry_run)
        TRY(install::apply(
            host, plan, validation.after ? validation.after : [] { return Result<void>(); }));
    if (options.engine == kKubernetes && direction == Direction::install) {
        outcome.manifests = install::runtime_classes(options.wanted);
        if (!options.manifests.empty() && !options.dry_run) TRY(write_manifests(options.manifests, outcome.manifests));
    }
    if (!plan.changes()) plan.next.clear();
    outcome.diff = install::changes_text(host, plan);
    outcome.summary = install::summary_text(host, plan);
    return outcome;
}

// Without the line end that say() adds.
void say_lines(std::string text) {
    if (text.ends_with('\n')) text.pop_back();
    if (!text.empty()) say(text);
}

void say_outcome(const Outcome& outcome, const Options& options, Direction direction) {
    if (!outcome.plan.changes()) {
        say(concat({"Nothing to change: ", outcome.plan.engine,
                    direction == Direction::install ? " knows aa-shim as asked." : " does not know aa-shim."}));
    } else {
        say_lines(options.dry_run ? outcome.diff : outcome.summary);
    }
    say_lines(install::advice_text(outcome.plan));
    if (outcome.manifests.empty()) return;
    if (options.manifests.empty()) {
        say_lines(concat({"The objects for kubectl apply -f:\n", outcome.manifests}));
    } else {
        say(concat({options.dry_run ? "To be written: " : "Written: ", options.manifests, " (for kubectl apply -f)"}));
    }
}

Json to_json(const Outcome& outcome, const Options& options) {
    Json document = {{"ok", true}, {"dry_run", options.dry_run}};
    document.update(install::to_json(outcome.plan));
    if (!outcome.manifests.empty()) document["manifests"] = outcome.manifests;
    return document;
}

Result<void> require_verifiable(const Options& options) {
    if (!options.verify) return {};
    if (options.dry_run) return Error{ErrorKind::usage, "--verify starts a container, and --dry-run changes nothing: use one of them"};
    if (options.root == "/") return {};
    return Error{ErrorKind::usage, "--verify starts a container, which is for the host itself: it does not go with --root"};
}

int verify_after(const Context& context, const Outcome& outcome, const Options& options) {
    const auto trial = verify::try_container(outcome.plan.engine, options.wanted.shim, options.wanted.make_default);
    const int code = !trial ? exit_code(trial.error()) : trial->good() ? kOk : kWrong;
    if (context.json) {
        auto document = to_json(outcome, options);
        document["ok"] = code == kOk;
        document["verified"] = trial ? verify::to_json(*trial) : Json{{"ok", false}, {"problem", trial.error().message}};
        print(document);
    } else if (!trial) {
        return fail(context, trial.error());
    } else if (code == kOk) {
        say(verify::in_words(*trial));
    } else {
        complain("aa-shimctl: " + verify::in_words(*trial));
    }
    return code;
}

int run(const Context& context, const Options& options, Direction direction) {
    if (const auto verifiable = require_verifiable(options); !verifiable) return fail(context, verifiable.error());
    const auto outcome = carry_out(options, direction);
    if (!outcome) return fail(context, outcome.error());
    if (!context.json) say_outcome(*outcome, options, direction);
    if (options.verify) return verify_after(context, *outcome, options);
    if (context.json) print(to_json(*outcome, options));
    return kOk;
}

Task task_of(const Options& options) {
    const bool podman = options.engine == "podman";
    if (options.verify) return podman ? Task::verify_podman : Task::verify;
    if (podman) return Task::install_podman;
    return options.dry_run ? Task::install_dry_run : Task::install;
}

void add_common(const CliCommand& command, Options& options) {
    command.option("engine", options.engine, "docker, containerd, crio, podman or kubernetes").required();
    command.flag("--dry-run", options.dry_run, "Show the changes, and write nothing");
    command.option("--engine", options.node_engine, "The engine of a Kubernetes node: k3s, rke2, k0s, containerd or crio");
    command.option("--root", options.root, "The directory below which the host's files are").shows_default();
}

}  // namespace

void add_install(const CliCommand& app, Context& context) {
    const auto options = std::make_shared<Options>();
    const auto install = app.subcommand("install", "Make aa-shim known to an engine");
    add_common(install, *options);
    install.flag("--default", options->wanted.make_default, "Make aa-shim the default runtime");
    install.option("--handlers", options->wanted.handlers, "Handlers, separated by commas").delimiter(',');
    install.flag("--mandatory", options->wanted.mandatory, "Close the ways around aa-shim that can be closed");
    install.flag("--replace-runtime", options->wanted.replace_runtime,
                 "Let aa-shim start containers with another runtime than the one that the engine uses now");
    install.flag("--verify", options->verify, "Then start a container through the engine, and say how it stands");
    install.option("--shim", options->wanted.shim, "The path of aa-shim on the host").shows_default();
    install.option("--manifests", options->manifests, "Write the RuntimeClass objects to this file");
    install.callback([&context, options] {
        context.run(task_of(*options), [&context, options] { return run(context, *options, Direction::install); });
    });

    const auto undo = std::make_shared<Options>();
    const auto uninstall = app.subcommand("uninstall", "Take aa-shim out of an engine's configuration");
    add_common(uninstall, *undo);
    uninstall.callback(
        [&context, undo] { context.run(task_of(*undo), [&context, undo] { return run(context, *undo, Direction::uninstall); }); });
}

}  // namespace aa::ctl
