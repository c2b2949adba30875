// SPDX-License-Identifier: Apache-2.0
//
// What a catalog leaves to the compiled policy, evaluated once its profiles are loaded; see load.h.
#include <algorithm>
#include <set>

#include "apparmor/current_policy.h"
#include "apparmor/kernel/profile_name.h"
#include "apparmor/load.h"
#include "apparmor/policy/transition.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

// Whether aa-shim will ask the policy where the processes of CONFINEMENT go.
bool evaluates(const Confinement& confinement) {
    return confinement.exec_otherwise == ExecOtherwise::transition || confinement.start == Start::from_profile;
}

// The profiles from which CATALOG's confinements start commands.
std::set<std::string, std::less<>> starting_profiles(const Catalog& catalog) {
    std::set<std::string, std::less<>> names;
    for (const auto& confinement : catalog.confinements) {
        const auto* label = std::get_if<std::string>(&confinement.profile);
        if (label == nullptr || !evaluates(confinement)) continue;
        for (const auto component : components(*label)) names.emplace(component);
    }
    return names;
}

// The file in which the kernel gives the digest of the profile at DIRECTORY, and what it says; nothing if it gives none
// (the parameter `hash_policy`). Linux 6.1 has SHA-1, later ones SHA-256.
void read_digest(const Kernel& kernel, const std::string& directory, SnapshotProfile& entry) {
    for (const std::string_view name : {"/sha256", "/sha1"}) {
        const std::string file = concat({directory, name});
        const auto digest = kernel.read(file);
        if (!digest || digest->empty()) continue;
        entry.digest_file = file;
        entry.digest = *digest;
        return;
    }
}

Result<PolicySnapshot> take_snapshot(const Catalog& catalog, LoadedPolicy& policy, const Kernel& kernel) {
    PolicySnapshot snapshot;
    snapshot.revision = TRY(kernel.policy_revision());
    snapshot.behaviour = policy.behaviour();
    const auto complete = starting_profiles(catalog);
    for (const Profile* const profile : TRY(policy.all())) {
        SnapshotProfile entry{profile, complete.contains(profile->name), {}, {}};
        read_digest(kernel, TRY(policy.directory(profile->name)), entry);
        snapshot.profiles.push_back(std::move(entry));
    }
    if (TRY(kernel.policy_revision()) != snapshot.revision) {
        return Error{ErrorKind::system, "other policy was loaded at the same time: run 'aa-shimctl load' again"};
    }
    return snapshot;
}

Result<void> evaluate(Confinement& confinement, LoadedPolicy& policy) {
    const auto* label = std::get_if<std::string>(&confinement.profile);
    if (label == nullptr) return {};
    const auto where = concat({"confinement ", quote(confinement.name), " (", confinement.origin.text(), ")"});
    if (auto* ceiling = std::get_if<FromProfile>(&confinement.ceiling)) {
        ceiling->evaluated = TRY(ceiling_from_profile(policy, *label).context(where));
    }
    // The path does not matter: what cannot be evaluated is to be known now and not when somebody needs a shell.
    if (evaluates(confinement)) TRY(exec_transition(policy, *label, {"/", true, {}}).context(where));
    return {};
}

}  // namespace

Result<LoadedState> evaluate_profiles(Catalog& catalog, const Kernel& kernel) {
    LoadedState state;
    state.policy = std::make_unique<LoadedPolicy>(kernel);
    for (auto& confinement : catalog.confinements) TRY(evaluate(confinement, *state.policy));
    const auto slow = [&](std::string_view why) {
        state.remark = concat({"each exec will read the kernel's policy, which takes longer: ", why});
    };
    if (TRY(kernel.module_mode()) != Mode::enforce) {
        slow("AppArmor's parameter 'mode' is not 'enforce'");
        return state;
    }
    auto snapshot = take_snapshot(catalog, *state.policy, kernel);
    if (snapshot) {
        state.snapshot = *std::move(snapshot);
    } else {
        slow(snapshot.error().message);
    }
    return state;
}

}  // namespace aa::apparmor
