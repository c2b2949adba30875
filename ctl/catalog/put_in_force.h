// SPDX-License-Identifier: Apache-2.0
//
// The last part of what `load` and `load --rollback` do: the catalog of profiles that are loaded is evaluated, compiled, kept, and
// published with one rename.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/catalog/catalog.h"
#include "apparmor/kernel/kernel.h"
#include "base/result.h"
#include "ctl/catalog/history.h"

namespace aa::ctl {

// A catalog on its way.
struct Candidate {
    apparmor::Catalog& catalog;
    const apparmor::Kernel& kernel;
    std::string path;                             // where it is published
    std::function<Result<void>()> load_profiles;  // what loads its profiles, where the kernel has AppArmor

    // What is to be kept of the load when it is compiled; KERNEL is nullptr where AppArmor is off.
    std::function<Result<KeptLoad>(History&, const apparmor::Kernel* kernel, std::string_view compiled)> keep;
};

// The history, if the catalog that is published to PATH is one of those that are kept: the one that aa-shim reads. To be used under
// lock_for_load().
Result<std::optional<History>> open_history(const std::string& path);

// Loads the profiles and publishes the catalog; the profiles stay out where that is in order. A load that cannot be kept is in
// force all the same. The result is what the operator should know although it worked.
Result<std::vector<std::string>> put_in_force(const Candidate& candidate, Result<std::optional<History>> history);

}  // namespace aa::ctl
