// SPDX-License-Identifier: Apache-2.0
//
// The commands of aa-shimctl. Each stands in a file of its own and registers itself with one function; what it does is
// run by main() after the whole command line was understood.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "ctl/cli/privileges.h"

namespace aa::ctl {

// The exit codes of every command (aa-shimctl(8)).
enum ExitCode : int {
    kOk = 0,
    kWrong = 1,   // the catalog, a profile or a bundle is wrong, or the answer is no
    kUsage = 2,   // the command line is wrong
    kSystem = 3,  // the host stands in the way: a file, the kernel, a missing package
};

using Json = nlohmann::ordered_json;

struct Context {
    bool json = false;             // --json: one JSON document on standard output and nothing else there
    Task task = Task::nothing;     // what the chosen subcommand keeps its capabilities for
    std::function<int()> command;  // what it does; returns an ExitCode

    void run(Task keeps, std::function<int()> does) {
        task = keeps;
        command = std::move(does);
    }
};

void add_check(CLI::App& app, Context& context);
void add_load(CLI::App& app, Context& context);
void add_new(CLI::App& app, Context& context);
void add_explain(CLI::App& app, Context& context);
void add_diff(CLI::App& app, Context& context);
void add_query(CLI::App& app, Context& context);
void add_graph(CLI::App& app, Context& context);
void add_denials(CLI::App& app, Context& context);
void add_learn(CLI::App& app, Context& context);
void add_replay(CLI::App& app, Context& context);
void add_test(CLI::App& app, Context& context);
void add_metrics(CLI::App& app, Context& context);
void add_install(CLI::App& app, Context& context);
void add_node(CLI::App& app, Context& context);
void add_status(CLI::App& app, Context& context);
void add_watch(CLI::App& app, Context& context);
void add_version(CLI::App& app, Context& context);

// What `load --dry-run` tells of the catalog in DIRECTORY against the one in force: the same as `diff`, which has it.
struct Comparison {
    bool gains = false;
    Json document;
    std::vector<std::string> lines;
    std::vector<std::string> broken;  // profile files that were left out, and why
};
Result<Comparison> compare_with_in_force(const std::string& directory);

// The exit code for ERROR.
int exit_code(const Error& error);

// Prints ERROR where --json or its absence wants it, and returns its exit code.
int fail(const Context& context, const Error& error);

// Prints DOCUMENT on standard output; bytes that are not UTF-8 become U+FFFD.
void print(const Json& document);

// Prints TEXT and a line end on standard output; on standard error.
void say(const std::string& text);
void complain(const std::string& text);

}  // namespace aa::ctl
