// SPDX-License-Identifier: Apache-2.0
//
// What the operator wants an engine to know: aa-shim, and a handler for each name. A handler NAME is a symbolic link
// aa-shim-NAME beside aa-shim; an engine knows it by the same name.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace aa::ctl::install {

struct Wanted {
    std::string shim = "/usr/bin/aa-shim";  // as the host's processes see it
    std::vector<std::string> handlers;
    bool make_default = false;
    bool mandatory = false;        // close the side doors that can be closed
    bool replace_runtime = false;  // containers may get another runtime below aa-shim than the one they have now
};

struct EngineRuntime {
    std::string name;  // "aa-shim", "aa-shim-web"
    std::string path;
};

// Aa-shim and its handlers, in the order in which they were given.
std::vector<EngineRuntime> runtimes(const Wanted& wanted);

// An error unless the path and the names can be used: an absolute, clean path to a file "aa-shim"; each name a DNS label (it
// becomes a RuntimeClass), given once.
Result<void> check(const Wanted& wanted);

// Whether NAME is one that we give to a runtime.
bool is_our_name(std::string_view name);

// Where `runc` and `crun` are aa-shim: the first place in an engine's PATH when its side doors are closed.
inline constexpr std::string_view kEnginePath = "/usr/lib/aa-shim/engine-path";

}  // namespace aa::ctl::install
