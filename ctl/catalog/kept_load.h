// SPDX-License-Identifier: Apache-2.0
//
// A load that was in force, as it is kept: what it consisted of, each content by its SHA-256. history.h keeps the contents.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace aa::ctl {

// A file as it was read.
struct KeptFile {
    std::string path;
    std::string hash;

    friend bool operator==(const KeptFile&, const KeptFile&) = default;
};

// Binary policy as the kernel had it: what one file of profiles became.
struct KeptPolicy {
    std::vector<std::string> profiles;  // those that the catalog names
    std::string hash;

    friend bool operator==(const KeptPolicy&, const KeptPolicy&) = default;
};

struct KeptLoad {
    unsigned long long number = 0;
    long long time = 0;                          // in seconds since the epoch
    std::optional<unsigned long long> restores;  // the number of the load that it brought back
    std::string kernel;                          // the release that the policy was compiled for; empty: there was no AppArmor
    std::vector<KeptFile> catalog;               // in the order in which they were read
    std::vector<KeptFile> sources;               // the files that define the profiles, without what they include
    std::vector<KeptPolicy> policies;
    std::string compiled;  // the hash of the catalog that was published
    std::string missing;   // why it cannot be brought back; empty: it can

    // Whether it is the same policy as OTHER: the published bytes differ with each load, as they name the kernel's state.
    [[nodiscard]] bool same_policy(const KeptLoad& other) const;
    // The hashes of everything that it consists of.
    [[nodiscard]] std::vector<std::string> contents() const;
    // Whether one of its policies holds PROFILE.
    [[nodiscard]] bool brought(std::string_view profile) const;
};

// The form in which it is kept, and back. An error of kind config if TEXT is not that.
std::string to_text(const KeptLoad& load);
Result<KeptLoad> read_kept_load(std::string_view text);

}  // namespace aa::ctl
