// SPDX-License-Identifier: Apache-2.0
#include "ctl/cli/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <optional>

namespace aa::ctl {

CliOption CliOption::type_name(const char* name) const { return CliOption(option_->type_name(name)); }
CliOption CliOption::shows_default() const { return CliOption(option_->capture_default_str()); }
CliOption CliOption::required() const { return CliOption(option_->required()); }
CliOption CliOption::repeatable() const { return CliOption(option_->allow_extra_args(false)); }
CliOption CliOption::delimiter(char separator) const { return CliOption(option_->delimiter(separator)); }
CliOption CliOption::value_optional(const char* value) const { return CliOption(option_->expected(0, 1)->default_str(value)); }
CliOption CliOption::excludes(CliOption other) const { return CliOption(option_->excludes(other.option_)); }
CliOption CliOption::needs(CliOption other) const { return CliOption(option_->needs(other.option_)); }

// The descriptions would be appended to the type's name in the help.
CliOption CliOption::within(long least, long most) const { return CliOption(option_->check(CLI::Range(least, most).description(""))); }
CliOption CliOption::one_of(std::vector<std::string> names) const { return CliOption(option_->check(CLI::IsMember(std::move(names)))); }

CliCommand CliCommand::subcommand(const char* name, const char* text) const { return CliCommand(*app_->add_subcommand(name, text)); }
CliOption CliCommand::flag(const char* name, bool& value, const char* text) const { return CliOption(app_->add_flag(name, value, text)); }
void CliCommand::callback(std::function<void()> does) const { app_->callback(std::move(does)); }

template <typename T>
CliOption CliCommand::option(const char* name, T& value, const std::string& text) const {
    return CliOption(app_->add_option(name, value, text));
}
template CliOption CliCommand::option(const char*, std::string&, const std::string&) const;
template CliOption CliCommand::option(const char*, std::vector<std::string>&, const std::string&) const;
template CliOption CliCommand::option(const char*, int&, const std::string&) const;
template CliOption CliCommand::option(const char*, unsigned&, const std::string&) const;
template CliOption CliCommand::option(const char*, std::optional<unsigned>&, const std::string&) const;
template CliOption CliCommand::option(const char*, std::optional<bool>&, const std::string&) const;

CliOption CliCommand::choice(const char* name, std::vector<std::string> names, std::function<void(std::size_t)> take,
                             const char* text) const {
    const CLI::IsMember known(names);
    const auto set = [names = std::move(names), take = std::move(take)](const std::string& value) {
        take(static_cast<std::size_t>(std::find(names.begin(), names.end(), value) - names.begin()));
    };
    return CliOption(app_->add_option_function<std::string>(name, set, text)->check(known.description("")));
}

}  // namespace aa::ctl
