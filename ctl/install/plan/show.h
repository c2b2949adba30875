// SPDX-License-Identifier: Apache-2.0
//
// A plan as people see it: the difference of every file, each link and directory, what stays open, and what to do next.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "ctl/host/host.h"
#include "ctl/install/plan/plan.h"

namespace aa::ctl::install {

// The changes alone: a unified diff of every file, then a line for each link.
std::string changes_text(const Host& host, const Plan& plan);

// One line for each file and link that changes.
std::string summary_text(const Host& host, const Plan& plan);

// What the operator should know, and what is to be done.
std::string advice_text(const Plan& plan);

// {"engine", "changed", "files", "links", "notes", "open", "next"}.
nlohmann::ordered_json to_json(const Plan& plan);

}  // namespace aa::ctl::install
