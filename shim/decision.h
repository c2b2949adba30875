// SPDX-License-Identifier: Apache-2.0
//
// The decision: what happens to a container, and why (exec_decision: to an exec). Judging is pure: it takes facts and the operator's
// catalog and returns a value; nothing here touches a file or the kernel. `aa-shimctl explain` calls the same functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/catalog/catalog.h"
#include "apparmor/catalog/compiled_catalog.h"
#include "apparmor/catalog/facts.h"
#include "apparmor/current_policy.h"
#include "base/capability_set.h"
#include "base/result.h"
#include "oci/bundle/host_request.h"
#include "shim/log/subject.h"

namespace aa::shim {

// What a container's processes may have.
struct Bounds {
    std::optional<std::string> profile;  // the base profile, from which they start; nullopt: AppArmor is off, and the catalog accepts that
    std::optional<CapabilitySet> ceiling;  // nullopt: the catalog says "allCapabilities"
    bool no_new_privileges = false;
    std::vector<std::string> deny_syscalls;

    friend bool operator==(const Bounds&, const Bounds&) = default;
};

// A place of the host that a container is to get.
struct JudgedMount {
    std::uint64_t device = 0;  // of the file system, as stat(2) has it
    std::uint64_t inode = 0;   // what it was when it was judged
    std::string destination;   // in the container

    friend bool operator==(const JudgedMount&, const JudgedMount&) = default;
};

struct Decision {
    std::string id;           // 16 hexadecimal digits; the same in the record, the log and the error
    bool pass = false;        // the container stays as its engine made it
    std::string confinement;  // empty if pass
    Bounds bounds;
    oci::HostChanges host;                    // what it is not given of what it asks of the host; only of a decision made now
    std::vector<JudgedMount> mounts;          // what it is given, as far as somebody asked for it
    std::optional<std::uint32_t> namespaces;  // those it may share with the host (a set), where it joins some by a path
    bool start_hooks = false;                 // the runtime executes programs in it before its own
    bool may_be_mistaken = false;  // other programs of a run for its own, as it has hooks or no mounts of its own; of one made now
    std::optional<std::string> start_label;  // of the first program, where it is not the base profile (`start` "from-profile")
    std::string learning;                    // the twin in its profile's place (learning.h); empty: it is not learned from
    std::string not_learned;                 // why not, where somebody says that it is
    std::string rule;                        // where in the catalog it was decided: "rule FILE:LINE:COLUMN"
    std::vector<std::string> reasons;        // each step in words
    Subject subject;

    // The label of the first program; there is one if `bounds` has a profile.
    [[nodiscard]] const std::string& first_label() const { return start_label ? *start_label : *bounds.profile; }
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
                                 AppArmorState apparmor, apparmor::PolicyQuestions& policy);

// The ceiling of CONFINEMENT as a set; nullopt for "allCapabilities". "from-profile" is what POLICY says.
Result<std::optional<CapabilitySet>> judge_ceiling(const apparmor::Confinement& confinement, AppArmorState apparmor,
                                                   apparmor::PolicyQuestions& policy);

// The label that PROFILE, combined as COMBINE says, makes of the one that was asked for. An error if the asked one is no
// label beyond doubt.
Result<std::string> combine_labels(const std::optional<std::string>& asked, const apparmor::ProfileChoice& profile,
                                   apparmor::Combine combine);

}  // namespace aa::shim
