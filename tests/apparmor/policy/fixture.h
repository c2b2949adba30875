// SPDX-License-Identifier: Apache-2.0
//
// The compiled policies beside this file.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "apparmor/policy/reader.h"

namespace aa::apparmor {

// Who compiled a policy, and for which kernel.
inline constexpr const char* kCompilers[] = {"3.0-6.1", "4.1-7.2", "5.0-6.12", "5.0-7.2"};

inline std::string policy_bytes(const std::string& compiler, const std::string& name) {
    std::ifstream file(std::string(AA_POLICY) + "/compiled/" + compiler + "-" + name, std::ios::binary);
    EXPECT_TRUE(file.is_open()) << compiler << "-" << name;
    return {std::istreambuf_iterator<char>(file), {}};
}

inline std::vector<Profile> policy_profiles(const std::string& compiler, const std::string& name) {
    auto profiles = read_policy(policy_bytes(compiler, name), name);
    EXPECT_TRUE(profiles) << profiles.error().message;
    return profiles ? *std::move(profiles) : std::vector<Profile>();
}

// What is wrong with a policy.
inline std::string problem(const std::string& bytes) {
    const auto profiles = read_policy(bytes, "NAME");
    return profiles ? "none" : profiles.error().message;
}

}  // namespace aa::apparmor
