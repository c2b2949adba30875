// SPDX-License-Identifier: Apache-2.0
//
// The files that containerd's configuration imports: what they may say beside ours, and where one of ours could stand.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ctl/host/host.h"
#include "ctl/install/document/wanted.h"
#include "ctl/install/toml/toml.h"

namespace aa::ctl::install {

inline constexpr std::string_view kContainerdDropIn = "50-aa-shim.toml";

struct Imports {
    std::vector<std::string> files;            // in the order in which they are read, that of ours left out
    std::optional<std::string> our_directory;  // the first one whose *.toml are all read
};

// The files that DOCUMENT, at PATH, imports. Refused: patterns in anything but the last part of a path.
Result<Imports> imports_of(const Host& host, const toml::Document& document, const std::string& path);

// An error if the imported file at PATH has what would make ours in a document of VERSION not count.
Result<void> judge_import(const Host& host, const std::string& path, int version, const Wanted& wanted);

}  // namespace aa::ctl::install
