// SPDX-License-Identifier: Apache-2.0
#include "apparmor/drift.h"

#include <memory>

#include "apparmor/catalog/compiled_policy.h"
#include "apparmor/policy/loaded_policy.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

bool forbids(Mode mode) { return mode == Mode::enforce || mode == Mode::kill; }

// Whether KERNEL's digest of the profile in DIRECTORY is THEN. A profile that was removed and loaded again has another directory.
bool is_same(const Kernel& kernel, const std::string& directory, const CompiledPolicy::Digest& then) {
    if (then.file.empty()) return true;  // the kernel has none
    const auto now = kernel.read(concat({directory, then.file.substr(then.file.rfind('/'))}));
    return now && *now == then.value;
}

}  // namespace

Result<std::vector<Drift>> find_drift(const CompiledCatalog& catalog, const Kernel& kernel) {
    std::vector<Drift> result;
    const auto copy = TRY(CompiledPolicy::open(catalog));
    if (copy == nullptr) return result;
    // The mode of the whole module is no change of policy.
    if (TRY(kernel.policy_revision()) == copy->revision() && TRY(kernel.module_mode()) == Mode::enforce) return result;
    LoadedPolicy loaded(kernel);
    for (const auto& now : TRY(loaded.held())) {
        const auto then = TRY(copy->remembered(now.name));
        if (!then) continue;
        const bool weakened = forbids(then->mode) && !forbids(now.mode);
        if (weakened || !is_same(kernel, now.directory, then->digest)) result.push_back({now.name, now.mode, weakened});
    }
    return result;
}

}  // namespace aa::apparmor
