// SPDX-License-Identifier: Apache-2.0
//
// The text of a systemd unit or environment file: its settings and their words (systemd.syntax(7), systemd.exec(5)).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ctl/install/plan/units.h"

namespace aa::ctl::install {

struct UnitSetting {
    std::string key;
    UnitText value;
};

// The settings of SECTION in TEXT, in order, an empty value included; without a section, the assignments of an environment file. NAME
// is what messages call the file.
std::vector<UnitSetting> unit_settings(std::string_view text, const std::string& name, std::string_view section);

// The words of a setting's value, quotes and backslashes taken away.
std::vector<std::string> unit_words(std::string_view value);

// VALUE without the quotes around it.
std::string without_quotes(std::string_view value);

// Whether C can be part of a variable's name.
constexpr bool is_name_character(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

}  // namespace aa::ctl::install
