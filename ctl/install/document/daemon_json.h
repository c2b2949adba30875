// SPDX-License-Identifier: Apache-2.0
//
// Docker's daemon.json: our runtimes in it, and out of it again. Every byte that is not ours stays as it is.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ctl/install/document/wanted.h"

namespace aa::ctl::install {

// TEXT with the runtimes of WANTED, in the style of the file. NAME is what messages call it. Refused: what Docker's parser
// and others may read differently (duplicates, keys in another case), an entry of ours that we did not write, values of the
// wrong type.
Result<std::string> with_docker_runtimes(std::string_view text, const std::string& name, const Wanted& wanted);

// TEXT without our runtimes: those that bear our name and lead to a program of that name, other members being empty. A default-runtime of
// ours becomes what it is in ORIGINAL again, or goes.
Result<std::string> without_docker_runtimes(std::string_view text, const std::string& name, const std::optional<std::string>& original);

// What of aa-shim is in TEXT, each with its place.
std::vector<std::string> found_in_daemon_json(std::string_view text, const std::string& name);

// What the file says of the runtime that a container gets which asks for none; what it does not say is empty.
struct DockerSettings {
    std::optional<std::string> default_runtime;
    std::string path, type;  // the program of that runtime, or its shim ("runtimeType")
    std::string place;       // "NAME:LINE:COLUMN" of the default
};
Result<DockerSettings> read_docker_settings(std::string_view text, const std::string& name);

}  // namespace aa::ctl::install
