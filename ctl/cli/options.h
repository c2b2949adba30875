// SPDX-License-Identifier: Apache-2.0
//
// How a command declares what may stand on its command line: the part of CLI11 that aa-shimctl uses. Its own header takes longer to compile
// than most of our sources, so only ctl/cli and main.cc include it.
#pragma once

#include <cstddef>
#include <functional>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace aa::ctl {

// An option or a positional. A handle: copies are the same one.
class CliOption {
public:
    explicit CliOption(CLI::Option* option) : option_(option) {}

    // What help calls its value, and what completion offers for it: DIR, FILE and PATH are paths.
    CliOption type_name(const char* name) const;
    // Help shows what it is if it is not given.
    CliOption shows_default() const;
    CliOption required() const;
    // Each value has the option before it; else one that takes a list takes all the words that follow.
    CliOption repeatable() const;
    // A list may also stand in one word, with SEPARATOR between its items.
    CliOption delimiter(char separator) const;
    // The value may be missing: then it is VALUE.
    CliOption value_optional(const char* value) const;
    // A number from LEAST to MOST.
    CliOption within(long least, long most) const;
    // One of NAMES, which completion offers.
    CliOption one_of(std::vector<std::string> names) const;
    CliOption excludes(CliOption other) const;
    CliOption needs(CliOption other) const;

private:
    CLI::Option* option_;
};

// A command, or aa-shimctl itself. A handle.
class CliCommand {
public:
    explicit CliCommand(CLI::App& app) : app_(&app) {}

    CliCommand subcommand(const char* name, const char* text) const;

    // NAME is "--name", or "NAME" of a positional; the value lands in VALUE, which lives as long as the command line is being read.
    CliOption flag(const char* name, bool& value, const char* text) const;
    // T: std::string, a vector of them, int, unsigned, or an optional unsigned or bool.
    template <typename T>
    CliOption option(const char* name, T& value, const std::string& text) const;
    // One of the names in VALUES.
    template <typename T>
    CliOption choice(const char* name, T& value, std::initializer_list<std::pair<const char*, T>> values, const char* text) const {
        std::vector<std::string> names;
        std::vector<T> meanings;
        for (const auto& [one, meaning] : values) {
            names.emplace_back(one);
            meanings.push_back(meaning);
        }
        return choice(
            name, std::move(names), [&value, meanings](std::size_t at) { value = meanings[at]; }, text);
    }

    // DOES is called where it is the command that was given.
    void callback(std::function<void()> does) const;

private:
    CliOption choice(const char* name, std::vector<std::string> names, std::function<void(std::size_t)> take, const char* text) const;

    CLI::App* app_;
};

}  // namespace aa::ctl
