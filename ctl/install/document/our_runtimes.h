// SPDX-License-Identifier: Apache-2.0
//
// What is ours in an engine's TOML by what it is, not by a comment: other tools write such files anew, and comments do not outlive that.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ctl/install/toml/toml.h"

namespace aa::ctl::install {

// Whether PATH leads to aa-shim or a handler of it, by its name.
bool is_our_program(std::string_view path);

// Whether ENTRY, which stands among lines of ours, is somebody else's: a default that is not aa-shim any more, a runtime of another name
// that does not lead to aa-shim; with WRITTEN, what we wrote there, whatever that does not have.
bool is_foreign(const toml::Document& document, const toml::Entry& entry, const toml::Document* written);

// TEXT without our runtimes (those that have our name and lead to a program of that name), our default, and aa-shim as the program of
// other runtimes; what these two were in ORIGINAL, they are again.
Result<std::string> without_our_runtimes(std::string_view text, const std::string& name, const std::optional<std::string>& original);

// What of aa-shim is in DOCUMENT: "NAME:LINE:COLUMN: the runtime …", for people.
std::vector<std::string> found_of_ours(const toml::Document& document);

}  // namespace aa::ctl::install
