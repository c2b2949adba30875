// SPDX-License-Identifier: Apache-2.0
//
// Which capabilities a command of aa-shimctl keeps. Nothing that others wrote is read before all the rest is given up for good:
// from the effective, permitted, inheritable, ambient and bounding sets, and with no-new-privileges, so that no program that is
// started gets any of it back. Root without capabilities still owns root's files: this limits what a mistake can reach, it is
// no sandbox.
#pragma once

#include "base/capability_set.h"
#include "base/result.h"

namespace aa::ctl {

// What is done, as far as it makes a difference here. The table in privileges.cc has a row for each.
enum class Task {
    nothing,  // whatever is not listed
    check,
    complete,
    explain,            // from facts, or a program under a profile
    explain_bundle,     // --bundle
    explain_container,  // --exec CONTAINER
    diff,
    graph,
    query,
    denials,
    denials_follow,   // --follow
    denials_reveal,   // --reveal
    install,          // and uninstall
    install_dry_run,  // and uninstall --dry-run
    install_podman,   // both, for Podman
    verify,           // install --verify
    verify_podman,    // the same, for Podman
    learn,
    learn_finish,  // and --export
    learn_status,
    load,
    metrics,
    metrics_file,        // --output
    metrics_containers,  // --containers
    metrics_containers_file,
    new_confinement,
    node,
    node_check,  // --check
    node_learn,  // --learn
    replay,
    status,
    test,
    version,
    watch,
    watch_kill,  // --kill
};

struct Privileges {
    CapabilitySet own;       // effective and permitted, as far as we have them
    CapabilitySet children;  // what a program that root's aa-shimctl starts may have of it: our bounding set
};

// The row of TASK.
Privileges privileges_of(Task task);

// Gives up everything but WANTED, with libcap, and reads it back: an error means that it has to end here. Who has nothing to give
// up, as an ordinary user, needs no system call that changes anything, and none may be allowed (a service with a system call
// filter). Without CAP_SETPCAP the bounding set stays as it is: then a program gets at most what we keep ourselves
// (no-new-privileges; security/commoncap.c, cap_bprm_creds_from_file()).
Result<void> keep_only(const Privileges& wanted);

}  // namespace aa::ctl
