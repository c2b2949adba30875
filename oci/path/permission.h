// SPDX-License-Identifier: Apache-2.0
//
// Subject: the process that is about to be started, as the kernel's permission checks will see it, so that what it cannot
// reach or execute is told without becoming it (a change of our own fsuid would clear our parent-death signal).
#pragma once

#include <sys/stat.h>

#include <vector>

#include "base/capability_set.h"
#include "base/result.h"
#include "oci/bundle/id_map.h"
#include "oci/bundle/process_spec.h"
#include "oci/path/budget.h"

namespace aa::oci {

// Any of the three: the kernel executes no file that has none of them, not even for root.
inline constexpr mode_t kAnyExecute = S_IXUSR | S_IXGRP | S_IXOTH;

struct Subject {
    uid_t uid = 0;  // as the host numbers users
    gid_t gid = 0;
    std::vector<gid_t> groups;   // sorted
    CapabilitySet capabilities;  // effective
    const IdMaps* maps = nullptr;

    // The process of SPEC in a namespace with MAPS, which must outlive it. A spec without capabilities is taken to keep
    // those of the container, which for root include CAP_DAC_OVERRIDE. An error: it has more groups than a process can have.
    static Result<Subject> of(const ProcessSpec& spec, const IdMaps& maps);

    // Whether no file with an execute bit and no directory is closed to it.
    [[nodiscard]] bool is_powerful() const;
};

// Whether SUBJECT may search the directory, or execute the regular file, that is open as FD and has the attributes ST: mode
// bits, POSIX ACL, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH (linux fs/namei.c, generic_permission). What it costs
// is taken from BUDGET. An error: it cannot be told.
Result<bool> may_execute(const Subject& subject, int fd, const struct stat& st, Budget& budget);

// What the POSIX ACL whose extended attribute is ACL says to SUBJECT, who is not the owner; GROUP owns the file. An error: the
// attribute is none (linux/posix_acl_xattr.h: version 2, entries of tag, permissions, id).
Result<bool> acl_allows_execute(std::string_view acl, const Subject& subject, gid_t group);

}  // namespace aa::oci
