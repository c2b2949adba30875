// SPDX-License-Identifier: Apache-2.0
//
// The commands of aa-shimctl. Each stands in a file of its own and registers itself with one function; what it does is
// run by main() after the whole command line was understood.
#pragma once

#include <functional>
#include <utility>

#include "ctl/cli/options.h"
#include "ctl/cli/privileges.h"

namespace aa::ctl {

// The exit codes of every command (aa-shimctl(8)).
enum ExitCode : int {
    kOk = 0,
    kWrong = 1,   // the catalog, a profile or a bundle is wrong, or the answer is no
    kUsage = 2,   // the command line is wrong
    kSystem = 3,  // the host stands in the way: a file, the kernel, a missing package
};

struct Context {
    bool json = false;             // --json: one JSON document on standard output and nothing else there
    Task task = Task::nothing;     // what the chosen subcommand keeps its capabilities for
    std::function<int()> command;  // what it does; returns an ExitCode

    void run(Task keeps, std::function<int()> does) {
        task = keeps;
        command = std::move(does);
    }
};

void add_check(const CliCommand& app, Context& context);
void add_load(const CliCommand& app, Context& context);
void add_new(const CliCommand& app, Context& context);
void add_explain(const CliCommand& app, Context& context);
void add_diff(const CliCommand& app, Context& context);
void add_query(const CliCommand& app, Context& context);
void add_graph(const CliCommand& app, Context& context);
void add_denials(const CliCommand& app, Context& context);
void add_learn(const CliCommand& app, Context& context);
void add_replay(const CliCommand& app, Context& context);
void add_test(const CliCommand& app, Context& context);
void add_metrics(const CliCommand& app, Context& context);
void add_install(const CliCommand& app, Context& context);
void add_node(const CliCommand& app, Context& context);
void add_status(const CliCommand& app, Context& context);
void add_watch(const CliCommand& app, Context& context);
void add_version(const CliCommand& app, Context& context);

}  // namespace aa::ctl
