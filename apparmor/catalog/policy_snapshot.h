// SPDX-License-Identifier: Apache-2.0
//
// The policy that `aa-shimctl load` puts into the compiled catalog, so that aa-shim need not read the kernel's at each exec:
// whole profiles where the catalog's confinements start from them, names and attachments of all others.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "apparmor/catalog/block_writer.h"
#include "apparmor/policy/policy.h"

namespace aa::apparmor {

struct SnapshotProfile {
    const Profile* profile = nullptr;
    bool complete = false;    // with its file and capability rules
    std::string digest_file;  // the kernel's file with the digest of this profile, below its AppArmor directory; empty: none
    std::string digest;       // what it said
};

struct PolicySnapshot {
    std::uint64_t revision = 0;  // of the kernel's policy when it was taken
    KernelBehaviour behaviour;
    std::vector<SnapshotProfile> profiles;  // in the order of the kernel's lists, parents before children
};

// Writes SNAPSHOT into FILE, and tells where its head lies.
std::uint32_t add_policy(BlockWriter& file, const PolicySnapshot& snapshot);

// The literal beginning that every path has on which AUTOMATON could make a profile attach.
std::string attachment_prefix(const Automaton& automaton);

}  // namespace aa::apparmor
