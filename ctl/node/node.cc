// SPDX-License-Identifier: Apache-2.0
//
// aa-shimctl node: the agent of a Kubernetes node. It looks every few seconds instead of waiting for notifications: what can
// go wrong on a node (a profile taken out of the kernel, an engine's configuration written anew, a program replaced, a
// ConfigMap's volume that is mounted again) does not announce itself in one place, some of it nowhere, and the kubelet itself
// brings a changed ConfigMap only once a minute.
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "ctl/cli/command.h"
#include "ctl/cli/output.h"
#include "ctl/node/agent.h"
#include "ctl/node/status.h"

namespace aa::ctl {

namespace {

struct Options {
    std::string root = "/host";
    node::Settings settings;
    int interval = 10;  // seconds
    bool once = false;
    bool check = false;
    bool remove = false;

    [[nodiscard]] Task task() const {
        if (check) return Task::node_check;
        return settings.learn ? Task::node_learn : Task::node;
    }
};

// Until it is told to end. Signals wait while a round is at work, which leaves every step whole; being killed in one harms
// nothing either.
class Ending {
public:
    Ending() {
        (void)::sigemptyset(&signals_);
        (void)::sigaddset(&signals_, SIGTERM);
        (void)::sigaddset(&signals_, SIGINT);
        (void)::sigprocmask(SIG_BLOCK, &signals_, nullptr);
    }

    // Waits for SECONDS; whether it is time to end.
    [[nodiscard]] bool within(int seconds) const {
        const timespec limit{seconds, 0};
        int signal = 0;
        do {
            signal = ::sigtimedwait(&signals_, nullptr, &limit);
        } while (signal < 0 && errno == EINTR);
        return signal > 0;
    }

private:
    sigset_t signals_{};
};

int report(const Context& context, const node::Condition& condition) {
    if (context.json) {
        print({{"ok", condition.current}, {"ready", condition.ready}, {"status", condition.status}, {"catalog", condition.catalog}});
    }
    return condition.current ? kOk : kWrong;
}

int check(const Context& context, const Host& host) {
    const auto condition = node::read_status(host);
    if (!condition) return fail(context, condition.error());
    if (!context.json) say(condition->status);
    return report(context, *condition);
}

int keep(const Context& context, node::Agent& agent, const Options& options) {
    if (options.once || options.settings.prepare) return report(context, agent.round(false));
    const Ending ending;
    bool end = false;
    while (!end) {
        const bool ready = agent.round(true).ready;
        end = ending.within(ready ? options.interval : 3 * options.interval);  // what failed may be costly to try
    }
    agent.end_learning();
    return kOk;
}

// Goes on until it is done, as pods that still need aa-shim may take their time; then it waits to be ended, so that whoever
// started it on every node sees where it is done.
int remove(const Context& context, node::Agent& agent, const Options& options) {
    const Ending ending;
    std::string said;
    bool done = false;
    do {
        if (!done) {
            const auto removed = agent.remove();
            if (options.once || options.settings.prepare) return removed ? kOk : fail(context, removed.error());
            const std::string text = removed ? "aa-shim is removed from this node" : removed.error().message;
            if (text != said) complain(text);
            said = text;
            done = removed.has_value();
        }
        if (done) agent.stay_removed();  // again and again: what is old counts for nothing
    } while (!ending.within(options.interval));
    if (done) agent.leave();
    return done ? kOk : kWrong;
}

int run(const Context& context, const Options& options) {
    auto host = Host::open(options.root);
    if (!host) return fail(context, host.error());
    if (options.check) return check(context, *host);
    if (::geteuid() != 0) return fail(context, {ErrorKind::system, "only root can change a node: run aa-shimctl as root"});
    auto settings = options.settings;
    settings.engine.runs = !settings.prepare;
    node::Agent agent(std::move(settings), std::move(*host));
    return options.remove ? remove(context, agent, options) : keep(context, agent, options);
}

}  // namespace

void add_node(const CliCommand& app, Context& context) {
    const auto command = app.subcommand("node", "Keep a Kubernetes node ready for aa-shim (what the DaemonSet runs)");
    const auto options = std::make_shared<Options>();
    auto& settings = options->settings;
    command.option("--root", options->root, "Where the node's root directory is seen").shows_default();
    command.option("--name", settings.name, "The node's name in the cluster; without it the cluster is told nothing");
    command.option("--catalog", settings.catalog, "Directory of the delivered catalog and its profiles").shows_default();
    command.option("--shim", settings.shim, "The aa-shim to put on the node").shows_default();
    command.option("--kubectl", settings.kubectl, "What tells the cluster").shows_default();
    command.option("--engine", settings.engine.engine, "The engine to configure, where the node has several");
    command.option("--handlers", settings.engine.handlers, "Handlers besides the plain one, by name: web,database").delimiter(',');
    command.flag("--default", settings.engine.is_default, "Make aa-shim the engine's default runtime");
    command.flag("--mandatory", settings.engine.mandatory, "Close the ways around aa-shim that can be closed");
    command.flag("--replace-runtime", settings.engine.replace_runtime,
                 "Let aa-shim start containers with another runtime than the one that the engine uses now");
    command.flag("--restart-engine", settings.restart_engine, "Restart the engine when its configuration has changed");
    command.flag("--learn", settings.learn, "Learn from the confinements that learning.json of the delivery marks");
    command.option("--metrics", settings.metrics, "File on the node for the counters of aa-shim (Prometheus text format)");
    command.option("--interval", options->interval, "Seconds between two looks").shows_default().within(1, 3600);
    command.flag("--once", options->once, "Look once, and end");
    command.flag("--prepare", settings.prepare, "Put files into a tree that is no running node, and end");
    const auto check_flag = command.flag("--check", options->check, "Say what the last look found; the probe of the agent's pod");
    command.flag("--remove", options->remove, "Take aa-shim away from the node").excludes(check_flag);
    command.callback([&context, options] { context.run(options->task(), [&context, options] { return run(context, *options); }); });
}

}  // namespace aa::ctl
