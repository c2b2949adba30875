// SPDX-License-Identifier: Apache-2.0
//
// Putting a catalog in force: find the sources of the profiles that it names, have apparmor_parser compile and load them,
// see that the kernel has them, and publish the compiled catalog with one rename.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/catalog/catalog.h"
#include "apparmor/catalog/json.h"
#include "apparmor/catalog/policy_snapshot.h"
#include "apparmor/kernel/kernel.h"
#include "apparmor/policy/loaded_policy.h"
#include "apparmor/source/policy_cache.h"
#include "base/fd.h"
#include "base/result.h"

namespace aa::apparmor {

inline constexpr std::string_view kCatalogDirectory = "/etc/aa-shim/catalog.d";
inline constexpr std::string_view kProfileDirectory = "/etc/aa-shim/apparmor.d";

// A profile that the catalog names, and the file that defines it (empty: none was found, the kernel must have it).
struct ProfileSource {
    std::string profile;
    std::string file;
};

// Where profiles are looked for besides the catalog's own profileDirs, and what compiles them.
struct LoadSettings {
    std::vector<std::string> directories = {std::string(kProfileDirectory), "/etc/apparmor.d"};
    std::string parser = {};    // empty: the packaged one
    std::string compiled = {};  // an empty directory in which check_profiles() leaves what load_profiles() then loads; empty: none
    std::shared_ptr<PolicyCache> cache = {};  // what was compiled before
};

// Where the profiles of a catalog are looked for: in the directories of its OWN `profileDirs`, then in those of SETTINGS.
std::vector<std::string> profile_directories(std::vector<std::string> own, const LoadSettings& settings = {});

// A profile that a catalog names, with the place that named it first.
struct NamedProfile {
    std::string profile;
    Origin origin;
};

// The profiles that CATALOG names, each once, in the order of the catalog: stacks by component, before each child its parent.
std::vector<NamedProfile> named_profiles(const Catalog& catalog);

// The profiles of CATALOG (stack components and children's parents included, each once) with their source files, looked
// for by profile *name* as the parser reports it, in the catalog's profileDirs, /etc/aa-shim/apparmor.d and
// /etc/apparmor.d with its subfolders. A profile defined by two files is an error, and so is a file that others can write. What SETTINGS have
// a cache for is compiled on the way, for KERNEL.
Result<std::vector<ProfileSource>> find_profile_sources(const Catalog& catalog, const Kernel& kernel, const LoadSettings& settings = {});

// What stands in the way of enforcing CATALOG with SOURCES: sources that do not compile, names with neither a source nor
// a loaded profile. Nothing is loaded. On a kernel without AppArmor the sources are only compiled, and a name without a source, but for the
// catalog's externalProfiles, gets the code AA505: another tool may load it on the host.
std::vector<Complaint> check_profiles(const Catalog& catalog, const std::vector<ProfileSource>& sources, const Kernel& kernel,
                                      const LoadSettings& settings = {});

// What is no error of CATALOG and its SOURCES, but should be known: profiles that are forced to complain.
std::vector<Complaint> profile_notes(const Catalog& catalog, const std::vector<ProfileSource>& sources);

// Loads SOURCES into the kernel, as check_profiles() has compiled them or the cache knows them, and checks that every profile of
// CATALOG is there afterwards, by exact name.
Result<void> load_profiles(const Catalog& catalog, const std::vector<ProfileSource>& sources, const Kernel& kernel,
                           const LoadSettings& settings = {});

// The last part of that: an error unless KERNEL has every profile of CATALOG.
Result<void> require_all_loaded(const Catalog& catalog, const Kernel& kernel);

// The profiles of CATALOG that the kernel holds in a mode which enforces nothing, as "'NAME' is in complain mode".
Result<std::vector<std::string>> not_enforced(const Catalog& catalog, const Kernel& kernel);

// CATALOG's ceilings "from-profile", evaluated by what the kernel has loaded, and the policy that goes into the compiled catalog.
struct LoadedState {
    std::unique_ptr<LoadedPolicy> policy;
    std::optional<PolicySnapshot> snapshot;  // points into `policy`
    std::string remark;                      // why there is no snapshot; aa-shim then reads the kernel's policy at each exec
};

// Evaluates what CATALOG leaves to the policy, once its profiles are loaded. Errors name the confinement: a ceiling without
// bound, a profile whose transitions cannot be evaluated.
Result<LoadedState> evaluate_profiles(Catalog& catalog, const Kernel& kernel);

// Waits until no other load into the directory of PATH is under way, and keeps others waiting until the result is closed:
// profiles and catalog must come from the same load. Makes the directory (0755, root) if it is missing.
Result<Fd> lock_for_load(const std::string& path);

// Keeps loads into the directory of PATH waiting as well, without waiting itself: nothing while one is under way.
Result<std::optional<Fd>> try_to_hold_loads(const std::string& path);

// Writes COMPILED, the bytes of a catalog, to PATH, replacing the old one atomically. The directory is made (0755, root) if missing.
Result<void> publish_catalog(std::string_view compiled, const std::string& path);

}  // namespace aa::apparmor
