// SPDX-License-Identifier: Apache-2.0
#include "ctl/cli/complete.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/text.h"

namespace aa::ctl {
namespace {

using Paths = Completion::Paths;

// Where on the command line the word is that is to be completed.
struct Place {
    const CLI::App* app = nullptr;       // the command, or aa-shimctl itself before it
    const CLI::Option* value = nullptr;  // the option whose value it is
    std::size_t positionals = 0;         // of the command, before it
    bool only_positionals = false;       // behind "--"
};

// APP and what it falls through to: options of aa-shimctl itself may stand behind the command, too.
std::vector<const CLI::App*> with_parents(const CLI::App* app) {
    std::vector<const CLI::App*> result;
    for (; app != nullptr; app = app->get_parent()) result.push_back(app);
    return result;
}

const CLI::Option* option_called(const CLI::App* app, const std::string& name) {
    for (const auto* one : with_parents(app)) {
        if (const auto* option = one->get_option_no_throw(name); option != nullptr && option->nonpositional()) return option;
    }
    return nullptr;
}

const CLI::App* command_called(const CLI::App* app, const std::string& name) {
    for (const auto* command : app->get_subcommands([](const CLI::App*) { return true; })) {
        if (command->get_name() == name) return command;
    }
    return nullptr;
}

Place walk(const CLI::App& app, const std::vector<std::string>& words) {
    Place place{&app};
    for (std::size_t at = 0; at + 1 < words.size(); ++at) {
        const auto& word = words[at];
        // Bash makes three words of --option=value.
        if (word == "=") continue;
        if (place.value != nullptr) {
            place.value = nullptr;
        } else if (!place.only_positionals && word == "--") {
            place.only_positionals = true;
        } else if (!place.only_positionals && word.starts_with('-')) {
            const auto* option = option_called(place.app, word);
            if (option != nullptr && option->get_items_expected_max() > 0) place.value = option;
        } else if (const auto* command = command_called(place.app, word);
                   command != nullptr && place.positionals == 0 && !place.only_positionals) {
            place.app = command;
        } else {
            ++place.positionals;
        }
    }
    return place;
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

// "{a,b,c}", as CLI11 writes a set of values, somewhere in TYPE.
std::vector<std::string> values_of(const std::string& type) {
    std::vector<std::string> result;
    const auto begin = type.find('{');
    const auto end = type.find('}', begin == std::string::npos ? 0 : begin);
    if (begin == std::string::npos || end == std::string::npos) return result;
    std::string_view rest(type);
    rest = rest.substr(begin + 1, end - begin - 1);
    while (!rest.empty()) {
        const auto comma = std::min(rest.find(','), rest.size());
        result.emplace_back(rest.substr(0, comma));
        rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
    return result;
}

// What the value of OPTION may be: its type says so, or the name that stands for it in the help.
Completion values(const CLI::Option& option) {
    Completion result;
    const auto type = option.get_type_name();
    for (auto& value : values_of(type)) result.words.emplace_back(std::move(value), std::string());
    const auto is = [&](std::string_view name) {
        return type == name || type.starts_with(concat({name, ":"})) || (option.get_positional() && option.get_name(true) == name);
    };
    if (is("DIR")) result.paths = Paths::directories;
    if (is("FILE") || is("PATH")) result.paths = Paths::files;
    return result;
}

void add_options(const CLI::App* app, Completion& result) {
    for (const auto* one : with_parents(app)) {
        for (const auto* option : one->get_options([](const CLI::Option* candidate) { return candidate->nonpositional(); })) {
            if (option->get_group().empty()) continue;
            for (const auto& name : option->get_lnames()) {
                const auto word = "--" + name;
                const bool known =
                    std::any_of(result.words.begin(), result.words.end(), [&](const auto& other) { return other.first == word; });
                if (!known) result.words.emplace_back(word, first_line(option->get_description()));
            }
        }
    }
}

Completion positional(const Place& place) {
    const auto options = place.app->get_options([](const CLI::Option* option) { return option->get_positional(); });
    std::size_t at = place.positionals;
    for (const auto* option : options) {
        const auto taken = static_cast<std::size_t>(std::max(option->get_items_expected_max(), 1));
        if (at < taken) return values(*option);
        at -= taken;
    }
    return {};
}

Completion all_at(const Place& place, const std::string& begun) {
    if (place.value != nullptr) return values(*place.value);
    Completion result;
    if (begun.starts_with('-') && !place.only_positionals) {
        add_options(place.app, result);
        return result;
    }
    result = positional(place);
    if (place.positionals > 0 || place.only_positionals) return result;
    for (const auto* command : place.app->get_subcommands([](const CLI::App*) { return true; })) {
        if (!command->get_group().empty()) result.words.emplace_back(command->get_name(), first_line(command->get_description()));
    }
    return result;
}

}  // namespace

Completion complete(const CLI::App& app, const std::vector<std::string>& words) {
    const std::string begun = words.empty() || words.back() == "=" ? std::string() : words.back();
    auto result = all_at(walk(app, words), begun);
    std::erase_if(result.words, [&](const auto& word) { return !word.first.starts_with(begun); });
    return result;
}

std::string to_text(const Completion& completion) {
    std::string result = completion.paths == Paths::none ? "none\n" : completion.paths == Paths::files ? "files\n" : "directories\n";
    for (const auto& [word, meaning] : completion.words) result += concat({word, "\t", meaning, "\n"});
    return result;
}

}  // namespace aa::ctl
