// SPDX-License-Identifier: Apache-2.0
#include "shim/judged_mounts.h"

#include <gtest/gtest.h>

#include <string>

namespace aa::shim {
namespace {

TEST(JudgedMounts, ATextThatIsNone) {
    const std::string good = to_text({{0x802, 7, "/in"}});
    std::vector<JudgedMount> mounts;
    EXPECT_TRUE(read_judged_mounts("", mounts));
    EXPECT_TRUE(mounts.empty());
    EXPECT_TRUE(read_judged_mounts(good, mounts));
    EXPECT_EQ(mounts, (std::vector<JudgedMount>{{0x802, 7, "/in"}}));
    const std::string digits(32, '0');
    for (const auto& text : {good.substr(0, good.size() - 1), good + "x", digits, digits + ":", digits + "3",
                             digits + "-1:", digits + "99999999999999999999:x", std::string(32, 'x') + "1:x"}) {
        EXPECT_FALSE(read_judged_mounts(text, mounts)) << text;
    }
}

TEST(JudgedMounts, WhatIsMountedAndStaysInSight) {
    oci::Config config;
    for (const char* destination : {"/in", "/in/below", "/kept", "/in", "/dev/x"}) config.mounts.emplace_back().destination = destination;
    HostFacts facts;
    for (std::size_t i = 0; i < config.mounts.size(); ++i) {
        auto& path = facts.paths.emplace_back();
        path.mount = i;
        path.destination = config.mounts[i].destination;
        path.inode = i + 1;
    }
    auto& root = facts.paths.emplace_back();
    root.destination = "/";
    root.inode = 9;
    facts.paths.emplace_back().destination = "/not-told";
    // The mounts at /in and below it are covered by the later one.
    EXPECT_EQ(judged_mounts(config, facts, {}), (std::vector<JudgedMount>{{0, 3, "/kept"}, {0, 4, "/in"}, {0, 5, "/dev/x"}, {0, 9, "/"}}));
    config.mounts.emplace_back().destination = "/kep";
    config.mounts.emplace_back().destination = "kept";
    EXPECT_EQ(judged_mounts(config, facts, {}).size(), 4U);
    config.mounts.emplace_back().destination = "/";
    EXPECT_EQ(judged_mounts(config, facts, {}), (std::vector<JudgedMount>{{0, 9, "/"}}));
}

// Such as a device that the confinement does not list: it is not mounted, and covers nothing.
TEST(JudgedMounts, WhatIsTakenAway) {
    oci::Config config;
    HostFacts facts;
    for (std::size_t i = 0; i < 2; ++i) {
        config.mounts.emplace_back().destination = "/dev/x";
        auto& path = facts.paths.emplace_back();
        path.mount = i;
        path.destination = "/dev/x";
        path.inode = i + 1;
    }
    facts.paths.back().is_device = true;
    EXPECT_EQ(judged_mounts(config, facts, {}), (std::vector<JudgedMount>{{0, 2, "/dev/x"}}));
    EXPECT_EQ(judged_mounts(config, facts, {false, true}), (std::vector<JudgedMount>{{0, 1, "/dev/x"}}));
}

}  // namespace
}  // namespace aa::shim
