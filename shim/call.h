// SPDX-License-Identifier: Apache-2.0
//
// One call of aa-shim by an engine: what was typed, what is known of it so far, and what the runtime will be called with.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/catalog/compiled_catalog.h"
#include "apparmor/kernel/kernel.h"
#include "base/result.h"
#include "oci/command_line/change.h"
#include "shim/decision.h"
#include "shim/log/trace.h"
#include "shim/runtime.h"

namespace aa::shim {

struct Call {
    const oci::CommandLine& line;
    const Runtime& runtime;
    std::string_view program;  // the file name by which aa-shim was called
};

// What an exec must obey, and the first process of its container.
struct BoundExec {
    Bounds bounds;
    pid_t init = 0;
};

// The arguments for the runtime; new ones are owned by `storage`.
struct Prepared {
    // Those of LINE, as CHANGES demand.
    static Prepared from(const oci::CommandLine& line, const oci::ArgumentChanges& changes) {
        Prepared prepared;
        prepared.arguments = oci::change_arguments(line, changes, prepared.storage);
        return prepared;
    }

    std::vector<const char*> arguments;
    std::vector<std::string> storage;
    std::optional<Decision> binds = {};        // what the processes of a container must obey that was not passed
    std::optional<BoundExec> binds_exec = {};  // what an exec must obey in such a one
};

// create, run, restore: judges the container and rewrites its bundle. On an error the bundle is as it was.
Result<Prepared> prepare_start(const Call& call, Trace& trace);

// Opens the catalog in force.
Result<apparmor::CompiledCatalog> open_catalog(Trace& trace);

// Sees that the kernel has every profile of LABEL.
Result<void> require_profile(const apparmor::Kernel& kernel, const std::string& label, Trace& trace);

// exec: judges the command and restricts its process.
Result<Prepared> prepare_exec(const Call& call, Trace& trace);

// update: takes the rules of the device cgroup out of what the container is to have from now on. Refused: what is no limit.
Result<Prepared> prepare_update(const Call& call);

}  // namespace aa::shim
