// SPDX-License-Identifier: Apache-2.0
//
// The decision: what happens to a container or to an exec, and why. Judging is pure: it takes facts and the operator's
// catalog and returns a value; nothing here touches a file or the kernel. `aa-shimctl explain` calls the same functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/catalog.h"
#include "apparmor/compiled_catalog.h"
#include "apparmor/facts.h"
#include "base/capability_set.h"
#include "base/result.h"

namespace aa::shim {

// What a container's processes may have.
struct Bounds {
    std::optional<std::string> profile;    // the label to put on them; nullopt: AppArmor is off, and the catalog accepts that
    std::optional<CapabilitySet> ceiling;  // nullopt: the catalog says "allCapabilities"
    bool no_new_privileges = false;
    std::vector<std::string> deny_syscalls;

    friend bool operator==(const Bounds&, const Bounds&) = default;
};

struct Decision {
    std::string id;           // 16 hexadecimal digits; the same in the record, the log and the error
    bool pass = false;        // the container stays as its engine made it
    std::string confinement;  // empty if pass
    Bounds bounds;
    std::string rule;                  // where in the catalog it was decided: "rule FILE:LINE:COLUMN"
    std::vector<std::string> reasons;  // each step in words
};

// What the kernel offers.
enum class AppArmorState { available, unavailable };

// What the engine asks for a container.
struct Asked {
    std::optional<std::string> profile;
    std::optional<std::string> confinement;  // the request annotation
};

// The decision on a container about to be created. An error of kind denied: the catalog, or the shape of the request, says
// no. The label is not known to be loaded yet.
Result<Decision> judge_container(const apparmor::CompiledCatalog& catalog, const apparmor::Facts& facts, const Asked& asked,
                                 AppArmorState apparmor);

// The label that PROFILE, combined as COMBINE says, makes of the one that was asked for. An error if the asked one is no
// label beyond doubt.
Result<std::string> combine_labels(const std::optional<std::string>& asked, const apparmor::ProfileChoice& profile,
                                   apparmor::Combine combine);

// What an exec runs.
struct ExecCommand {
    std::string word;  // args[0] as typed
    std::string path;  // resolved inside the container
};

// The label for COMMAND in a container whose processes start from BASE under CONFINEMENT: its first exec rule that matches,
// else `otherwise`. An error of kind denied is worded so that engines report 126.
Result<std::string> judge_exec(const apparmor::Confinement& confinement, const std::string& base, const ExecCommand& command,
                               std::vector<std::string>& reasons);

// A working directory below /proc can name a descriptor that the runtime left open (CVE-2024-21626).
Result<void> check_working_directory(std::string_view cwd);

}  // namespace aa::shim
