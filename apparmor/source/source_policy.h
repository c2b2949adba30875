// SPDX-License-Identifier: Apache-2.0
//
// The policy as the profile files of this host define it, compiled by apparmor_parser: what the kernel would hold if they were
// loaded. For explaining a catalog that is not in force, or a host without AppArmor; nothing is enforced by it.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "apparmor/policy/policy.h"
#include "apparmor/source/parser_process.h"
#include "apparmor/source/profile_files.h"
#include "base/result.h"

namespace aa::apparmor {

// What counts as loaded beside what is asked for.
enum class AlsoLoaded : std::uint8_t {
    at_boot,          // what this host loads when it starts
    at_boot_and_own,  // and whatever the directories hold that are not the host's: they are given as all that there is
};

class SourcePolicy {
public:
    // The files below DIRECTORIES, as ProfileFiles takes them, compiled for FEATURES (empty: the running kernel).
    SourcePolicy(Parser parser, std::span<const std::string> directories, std::string features, AlsoLoaded also = AlsoLoaded::at_boot)
        : parser_(parser), files_(std::move(parser), directories), features_(std::move(features)), also_(also) {}

    // PROFILES, compiled already, in place of what files define.
    void add(std::vector<Profile> profiles);

    // The profiles of LABEL and those that their rules name, and so on; where a rule leaves the choice to the profiles' attachments
    // (`px`), also those that count as loaded. What else the host may have loaded is not known here. It stays valid until the next question.
    // An error of kind not_found: no file defines a component of LABEL.
    Result<Policy*> policy_of(std::string_view label);

    // All that was added and asked for so far, and what their rules name.
    [[nodiscard]] std::vector<const Profile*> profiles() const;

    // The profiles that count as loaded, but for those that are there already; what does not compile is not loaded.
    Result<std::vector<Profile>> others();

private:
    Result<bool> add_file_of(const std::string& profile);
    Result<void> add_targets();

    Parser parser_;
    ProfileFiles files_;
    std::string features_;
    AlsoLoaded also_;
    std::set<std::string, std::less<>> asked_;     // profiles that were looked for
    std::set<std::string, std::less<>> compiled_;  // files
    std::vector<Profile> profiles_;                // as the kernel would list them: the last one loaded first
    std::unique_ptr<Policy> policy_;
};

}  // namespace aa::apparmor
