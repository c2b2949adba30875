// SPDX-License-Identifier: Apache-2.0
//
// Changing a command line: the few words that a decision needs, in the spelling in which they were written.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/capability_set.h"
#include "oci/command_line/command_line.h"

namespace aa::oci {

// What a decision changes on a command line.
struct ArgumentChanges {
    std::optional<std::string> process_file;  // exec --process
    std::optional<std::string> apparmor;      // exec without --process
    bool set_no_new_privs = false;            // exec without --process
    std::optional<CapabilitySet> ceiling;     // exec without --process: --cap beyond it is dropped
    std::optional<std::string> lsm_profile;   // restore: the whole value, "apparmor:NAME"
    std::optional<std::string> resources;     // update --resources
};

// The arguments of LINE as CHANGES demand; every token that need not change is the same pointer as before, in the same order. LINE is
// what parse_command_line() made of them: nothing is read a second time. New tokens are owned by STORAGE, to which more may be added
// later without harm.
//
// A --process makes both runtimes ignore --apparmor, --no-new-privs and --cap, so with one (or with a new one) only
// the file is set. runc adds --cap to the container's sets; crun puts the list in the place of all but the inheritable
// set, and takes the container's own sets when every --cap had to be dropped.
std::vector<const char*> change_arguments(const CommandLine& line, const ArgumentChanges& changes, std::vector<std::string>& storage);

}  // namespace aa::oci
