// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <optional>

#include "apparmor/policy/policy.h"
#include "apparmor/policy/transition.h"

namespace aa::apparmor {
namespace {

TEST(KernelBehaviour, OfARelease) {
    const struct {
        const char* release;
        bool complain, stack;
    } kRows[] = {
        {"6.1.0-49-cloud-amd64", false, false},
        {"6.11.9", false, false},
        {"6.12.107-cloud-amd64", false, true},
        {"6.12-rc1", false, true},
        {"7.1.9", false, true},
        {"7.2.13", true, true},
        {"7.10", true, true},
        {"8.0.0", true, true},
        {"10.1", true, true},
        {"", false, false},
        {"garbage", false, false},
        {"6", false, false},
    };
    for (const auto& row : kRows) {
        const auto behaviour = KernelBehaviour::of_release(row.release);
        EXPECT_EQ(behaviour.complain_replaces_missing_target, row.complain) << row.release;
        EXPECT_EQ(behaviour.missing_stack_target_is_not_found, row.stack) << row.release;
    }
}

TEST(KernelBehaviour, SaysHowAttachmentsAreCompared) {
    using Loops = std::optional<LoopDetection>;
    const struct {
        const char* release;
        Loops loops;
    } kRows[] = {
        {"6.1.0-49-cloud-amd64", LoopDetection::original},
        {"6.1.176", LoopDetection::original},
        {"6.1.177", std::nullopt},
        {"6.6.80", std::nullopt},
        {"6.12.106", std::nullopt},
        {"6.12.107+deb13-cloud-amd64", LoopDetection::fixed},
        {"6.16.3", std::nullopt},
        {"7.0.1", LoopDetection::fixed},
        {"7.2.13", LoopDetection::fixed},
        {"garbage", std::nullopt},
    };
    for (const auto& row : kRows) EXPECT_EQ(KernelBehaviour::of_release(row.release).loops, row.loops) << row.release;
}

TEST(Profile, SplitsItsNameAsTheKernelDoes) {
    const struct {
        const char* name;
        const char* parent;
        const char* local;
    } kRows[] = {
        {"web", "", "web"},
        {"web//child", "web", "child"},
        {"web///bin/x", "web", "/bin/x"},
        {"/usr/bin/x//kid", "/usr/bin/x", "kid"},
        {"a//b//c", "a//b", "c"},
        {"a///b//c", "a///b", "c"},
        {"", "", ""},
    };
    for (const auto& row : kRows) {
        Profile profile;
        profile.name = row.name;
        EXPECT_EQ(profile.parent(), row.parent) << row.name;
        EXPECT_EQ(profile.local_name(), row.local) << row.name;
    }
}

}  // namespace
}  // namespace aa::apparmor
