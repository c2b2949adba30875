// SPDX-License-Identifier: Apache-2.0
//
// What the explanations of a container (explain.cc) and of an exec (explain_exec.cc) share: the command line, the catalog that
// is explained, and the form in which it is printed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/catalog/compiled_catalog.h"
#include "base/result.h"
#include "ctl/cli/command.h"
#include "shim/decision.h"

namespace aa::ctl {

struct ExplainOptions {
    std::vector<std::string> catalog;  // source files or directories; empty: the compiled catalog in force

    std::string bundle;
    std::string id;
    std::string root;

    std::string handler;
    std::string engine;  // empty: any
    std::string kubernetes_namespace, pod, name, image, entrypoint;
    std::vector<std::string> labels, annotations;  // KEY=VALUE
    std::optional<std::uint32_t> user;
    std::optional<bool> privileged;
    bool sandbox = false;
    std::vector<std::string> host_paths, devices, host_namespaces;
    bool host_paths_as_named = false;  // no link leads elsewhere, and whether they are there does not matter; else they are this host's
    bool unmasked = false;
    bool hooks = false;

    std::string profile;
    std::vector<std::string> capabilities;

    bool exec = false;
    std::vector<std::string> profiles;  // files or directories of them; empty: the policy in force, or that of this host's files
    std::string confinement;
    bool owned = false;
    bool not_owned = false;
    std::string target;                // a container, or the path of a program
    std::vector<std::string> command;  // with its arguments

    // Whether --exec means a program under a profile; else a command in a running container.
    [[nodiscard]] bool is_path() const { return !profile.empty() || !confinement.empty(); }
};

// A compiled catalog and, if it was compiled just now, its bytes.
struct OpenCatalog {
    std::unique_ptr<std::string> bytes;
    apparmor::CompiledCatalog catalog;
    std::vector<std::string> profile_dirs;  // only of one that was compiled just now

    [[nodiscard]] bool in_force() const { return bytes == nullptr; }
};

// The catalog in PATHS, or, if there are none, the one in force.
Result<OpenCatalog> open_catalog(const std::vector<std::string>& paths);

// A host without AppArmor can still explain what one with it would do.
shim::AppArmorState assumed_state(const apparmor::CompiledCatalog& catalog);

// One line of an explanation: NAME, then VALUE in a column.
void print_row(std::string_view name, std::string_view value);

// aa-shimctl explain --exec.
int explain_exec(const Context& context, const ExplainOptions& options);

}  // namespace aa::ctl
