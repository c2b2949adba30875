// SPDX-License-Identifier: Apache-2.0
//
// What aa-shimctl prints: text for people, or one JSON document.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/result.h"
#include "ctl/cli/command.h"

namespace aa::ctl {

using Json = nlohmann::ordered_json;

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
