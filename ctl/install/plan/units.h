// SPDX-License-Identifier: Apache-2.0
//
// What systemd starts an engine with, read as systemd reads it: the unit, the drop-ins to it, and the environment files that they
// name; an empty assignment takes back what was assigned before (systemd.unit(5), systemd.service(5), systemd.exec(5)).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "ctl/install/plan/plan.h"

namespace aa::ctl::install {

// The value of a setting. It may go on over several lines of its file.
struct UnitText {
    std::string text;
    std::vector<std::pair<std::size_t, std::string>> places;  // where in `text` each line begins, and its "FILE:LINE"

    [[nodiscard]] const std::string& place_of(std::size_t offset) const;
};

struct Unit {
    std::string name;
    bool exists = false;                          // and is not masked
    std::vector<UnitText> commands;               // of ExecStart
    std::map<std::string, UnitText> environment;  // what Environment and EnvironmentFile set

    // The option FLAG ("--config") of a command, or of a variable that a command takes words from: where it is, and its value if it
    // has one.
    struct Option {
        std::string place;
        std::string value;
    };
    [[nodiscard]] std::optional<Option> option(std::string_view flag) const;
    // Where the environment variable WANTED is set; nullptr: it is not.
    [[nodiscard]] const std::string* variable(const std::string& wanted) const;
    // The program that is started; empty if there is none, or one without an absolute path.
    [[nodiscard]] std::string program() const;
    // The directories of its PATH but for the one in which `runc` and `crun` are aa-shim.
    [[nodiscard]] std::vector<std::string> search_path() const;
};

// The unit NAME ("docker.service"), from where systemd looks for it, without what aa-shimctl adds to it. What cannot be read counts as
// not there.
Unit read_unit(const Host& host, const std::string& name);

// The drop-in of ENGINE's install to the unit NAME.
std::string drop_in_path(std::string_view name, std::string_view engine);

// Wants a drop-in to UNIT: the place where `runc` and `crun` are aa-shim first in PATH, and VARIABLES ("NAME=VALUE"). Refused: a
// unit that sets one of them already.
Result<void> want_engine_path(Draft& draft, const Unit& unit, const std::vector<std::string>& variables);

}  // namespace aa::ctl::install
