// SPDX-License-Identifier: Apache-2.0
//
// Twins: the profiles under which containers are learned from (shim/learning.h), as text and in the kernel. A twin complains while it is
// learned from, and then has the rules of the profile whose twin it is, for the containers that still run under it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/kernel/kernel.h"
#include "base/result.h"
#include "ctl/twin/in_place.h"
#include "shim/learning.h"

namespace aa::ctl {

// What complains about everything: nothing is allowed without a word but what the kernel never tells. Execs stay under it: under
// no-new-privileges a change of label would fail, and an exec that a rule allows is told, too, if the rule says "audit". In complain mode
// the kernel (6.1, 6.12 and 7.2 were tried) lets through what a rule "audit deny" forbids, and refuses what a rule "deny" forbids: so what no
// container should ever do is refused without a word.
std::string complaining_twin(std::string_view name);

// PROFILE, as TEXT, a file's, has it, under the name NAME and enforced: with its children, the names of both in its rules, and what the file
// says before it; nothing if TEXT has no header that spells this name. It attaches to no program.
std::optional<std::string> renamed_profile(std::string_view text, std::string_view profile, std::string_view name);

// What forbids everything.
std::string empty_profile(std::string_view name);

struct Twin {
    std::string name;
    std::string confinement;
    bool complains = false;
    bool is_learned = false;  // somebody is there to learn
    bool in_place = false;    // it is the confinement's own profile (in_place.h)
};

// Where who learns says so, and what is learned from in place stands.
struct TwinPlaces {
    std::string learning = shim::kLearningDirectory;
    std::string in_place = kInPlaceDirectory;
};

// The twins that KERNEL holds, without their children, and the profiles that are their own.
Result<std::vector<Twin>> find_twins(const apparmor::Kernel& kernel, const TwinPlaces& places = {});

// The binary policy of TEXT, profiles as people write them.
Result<std::string> compile_text(const std::string& text);

// Has KERNEL hold the twin NAME, complaining.
Result<void> load_complaining(const apparmor::Kernel& kernel, const std::string& name);

// Has KERNEL hold the twin NAME of PROFILE (empty: that is not known) in enforce mode, with the rules that PROFILE has in DIRECTORIES, or those
// of the baseline, or none at all; which of these, in words.
Result<std::string> load_enforcing(const apparmor::Kernel& kernel, const std::vector<std::string>& directories, const std::string& name,
                                   const std::string& profile);

// Takes away what has aa-shim learn from CONFINEMENT, and unless others learn the directory too: aa-shim sees by it that nobody does.
void remove_learning(std::string_view confinement);

// Has every twin in KERNEL that nobody learns from any more enforce, or be what it was in place, and takes away the files that such left; what was done, in words.
Result<std::vector<std::string>> settle_twins(const apparmor::Kernel& kernel, const std::vector<std::string>& directories);

}  // namespace aa::ctl
