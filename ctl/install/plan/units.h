// SPDX-License-Identifier: Apache-2.0
//
// What systemd starts an engine with: the lines of its unit, of the drop-ins to it, and of the environment files that they name.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ctl/host/host.h"
#include "ctl/install/plan/plan.h"

namespace aa::ctl::install {

struct UnitLine {
    std::string place;  // "FILE:LINE"
    std::string text;   // without a comment, "KEY=VALUE" or a continuation
};

struct Unit {
    std::string name;
    bool exists = false;
    std::vector<UnitLine> lines;

    // The line with the command-line option FLAG ("--config"), and the option's value if the line has it.
    struct Option {
        const UnitLine* line = nullptr;
        std::string value;
    };
    [[nodiscard]] std::optional<Option> option(std::string_view flag) const;
    // The line that sets the environment variable WANTED.
    [[nodiscard]] const UnitLine* variable(std::string_view wanted) const;
};

// The unit NAME ("docker.service"), from where systemd looks for it.
Result<Unit> read_unit(const Host& host, const std::string& name);

// The drop-in of ENGINE's install to the unit NAME.
std::string drop_in_path(std::string_view name, std::string_view engine);

// Wants a drop-in to UNIT: the place where `runc` and `crun` are aa-shim first in PATH, and VARIABLES ("NAME=VALUE"). Refused: a
// unit that sets one of them already.
Result<void> want_engine_path(Draft& draft, const Unit& unit, const std::vector<std::string>& variables);

}  // namespace aa::ctl::install
