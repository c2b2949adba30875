// SPDX-License-Identifier: Apache-2.0
#include "ctl/cli/usage.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "ctl/cli/output.h"

namespace aa::ctl {
namespace {

std::vector<std::string> commands_of(const CLI::App& app) {
    std::vector<std::string> names;
    for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; })) names.push_back(command->get_name());
    return names;
}

Error no_command(const CLI::App& app, const std::string& word) {
    const auto names = commands_of(app);
    const auto near = closest(word, std::vector<std::string_view>(names.begin(), names.end()));
    return {ErrorKind::usage, concat({"there is no command ", quote(word),
                                      near.empty() ? ": see aa-shimctl --help" : concat({", did you mean ", quote(near), "?"})})};
}

// The command that APP has read, with a space before it; nothing if it has read none.
std::string command_of(const CLI::App& app) {
    const auto chosen = app.get_subcommands();
    return chosen.empty() ? std::string() : concat({" ", chosen.front()->get_name()});
}

std::string see_help(const CLI::App& app) { return concat({": see aa-shimctl", command_of(app), " --help"}); }

// The options of APP and of what it falls through to.
std::vector<std::string> options_of(const CLI::App* app) {
    std::vector<std::string> names;
    for (; app != nullptr; app = app->get_parent()) {
        for (const auto* option : app->get_options()) {
            for (const auto& name : option->get_lnames()) names.push_back("--" + name);
        }
    }
    return names;
}

int help(Context& context, const CLI::App& app, const std::string& word) {
    const auto names = commands_of(app);
    if (!word.empty() && std::find(names.begin(), names.end(), word) == names.end()) return fail(context, no_command(app, word));
    // The application's own help() is that of the command in use, which is this one.
    const auto text = word.empty() ? app.get_formatter()->make_help(&app, app.get_name(), CLI::AppFormatMode::Normal)
                                   : app.get_subcommand(word)->help(app.get_name());
    return std::fputs(text.c_str(), stdout) < 0 ? kSystem : kOk;
}

}  // namespace

// Only flags stand before the command.
Result<void> check_command(const CLI::App& app, int argc, char** argv) {
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        if (word.starts_with('-')) continue;
        const auto names = commands_of(app);
        if (std::find(names.begin(), names.end(), word) != names.end()) return {};
        return no_command(app, word);
    }
    return {};
}

Error unexpected_word(const CLI::App& app) {
    const auto words = app.remaining(true);
    const std::string word = words.empty() ? std::string() : words.front().substr(0, words.front().find('='));
    if (!word.starts_with('-')) return {ErrorKind::usage, concat({quote(word), " is a word too many", see_help(app)})};
    const auto chosen = app.get_subcommands();
    const auto options = options_of(chosen.empty() ? &app : chosen.front());
    const auto near = closest(word, std::vector<std::string_view>(options.begin(), options.end()));
    return {ErrorKind::usage, concat({"there is no option ", quote(word), chosen.empty() ? "" : " of", command_of(app),
                                      near.empty() ? see_help(app) : concat({", did you mean ", quote(near), "?"})})};
}

Error wrong_command_line(const CLI::App& app, std::string_view problem) {
    return {ErrorKind::usage, concat({"the command line is wrong: ", quote(problem), see_help(app)})};
}

void add_help(CLI::App& app, Context& context) {
    auto* command = app.add_subcommand("help", "Print the help of a command, or the list of commands");
    const auto word = std::make_shared<std::string>();
    command->add_option("COMMAND", *word, "The command");
    command->callback([&app, &context, word] { context.run(Task::nothing, [&app, &context, word] { return help(context, app, *word); }); });
}

}  // namespace aa::ctl
