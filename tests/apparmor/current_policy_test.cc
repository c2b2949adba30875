// SPDX-License-Identifier: Apache-2.0
#include "apparmor/current_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apparmor/policy/loaded_policy.h"
#include "tests/apparmor/policy_files.h"

namespace aa::apparmor {
namespace {

using testing::HasSubstr;

TEST_F(PolicyFiles, TheLoadedPolicyIsReadFromThem) {
    LoadedPolicy policy(*kernel_);
    const auto kid = policy.find("a//kid");
    ASSERT_TRUE(kid) << kid.error().message;
    ASSERT_NE(*kid, nullptr);
    EXPECT_EQ((*kid)->name, "a//kid");
    EXPECT_EQ(*policy.find("nosuch"), nullptr);
    EXPECT_EQ(*policy.find(":other://x"), nullptr);
    EXPECT_EQ(policy.all()->size(), profiles_.size());
    std::vector<std::string> children;
    const auto list = policy.list("a", "/any");
    ASSERT_TRUE(list);
    for (const auto* child : *list) children.push_back(child->name);
    EXPECT_THAT(children, testing::UnorderedElementsAre("a//kid", "a///cx", "a//cap", "a//hat"));
    EXPECT_EQ(*policy.directory("a//kid"), "policy/profiles/a.1/profiles/kid.2");
}

// What the kernel says of a profile's mode counts, not what was written to it.
TEST_F(PolicyFiles, TheKernelsModeCounts) {
    write("security/apparmor/profiles", "b (complain)\na (enforce)\n");
    LoadedPolicy policy(*kernel_);
    EXPECT_EQ((*policy.find("b"))->mode, Mode::complain);
    EXPECT_EQ((*policy.find("a"))->mode, Mode::enforce);
    EXPECT_THAT(policy.list("", "/x")->front()->name, "b");

    write("module/parameters/mode", "complain\n");
    LoadedPolicy learning(*kernel_);
    EXPECT_EQ((*learning.find("a"))->mode, Mode::complain);
}

TEST_F(PolicyFiles, WhatIsMissingIsAnError) {
    write("security/apparmor/profiles", "a (enforce)\nghost (enforce)\nnew (enforce)\n");
    write("security/apparmor/policy/profiles/new.9/name", "new\n");
    LoadedPolicy policy(*kernel_);
    EXPECT_THAT(policy.find("ghost").error().message, HasSubstr("the kernel lists profile 'ghost' but has no files about it"));
    EXPECT_THAT(policy.find("new").error().message, HasSubstr("CONFIG_SECURITY_APPARMOR_EXPORT_BINARY"));
    fs::create_symlink(root_ / "security/apparmor/policy/raw_data/3/raw_data", root_ / "security/apparmor/policy/profiles/new.9/raw_data");
    EXPECT_EQ(policy.find("new").error().message, "the policy that the kernel gives for profile 'new' does not hold it");
    EXPECT_FALSE(policy.all());
    write("security/apparmor/policy/raw_data/3/raw_data", "nonsense");
    LoadedPolicy damaged(*kernel_);
    EXPECT_EQ(damaged.find("a").error().kind, ErrorKind::config);
}

// Whether the copy was asked shows by what the kernel's files say since: nothing at all.
TEST_F(PolicyFiles, TheCopyAnswersWhileItIsCurrent) {
    const std::string bytes = copy();
    const auto catalog = CompiledCatalog::view(bytes, "copy");
    ASSERT_TRUE(catalog);
    const auto label = [&](const char* path) -> std::string {
        CurrentPolicy policy(*catalog, *kernel_);
        const auto outcome = policy.exec("a", {path, true, {}});
        return outcome ? outcome->label : "error: " + outcome.error().message;
    };
    fs::rename(root_ / "security/apparmor/profiles", root_ / "profiles");
    EXPECT_EQ(label("/px"), "at");
    EXPECT_EQ(label("/kid"), "a//kid");

    // Other policy came: the profile's digest says that it did not change, but lists have to be looked up.
    set_revision(8);
    EXPECT_EQ(label("/kid"), "a//kid");
    EXPECT_EQ(label("/ix"), "a");
    EXPECT_THAT(label("/px"), HasSubstr("error: "));
    fs::rename(root_ / "profiles", root_ / "security/apparmor/profiles");
    EXPECT_EQ(label("/px"), "at");

    // The profile itself was replaced.
    write("security/apparmor/policy/profiles/a.1/sha256", "another digest\n");
    write("security/apparmor/policy/raw_data/3/raw_data", policy_bytes("3.0-6.1", "attach"));
    EXPECT_THAT(label("/ix"), HasSubstr("does not hold it"));
}

TEST_F(PolicyFiles, ACeilingIsEvaluatedAnewWhenPolicyChanged) {
    const std::string bytes = copy();
    const auto catalog = CompiledCatalog::view(bytes, "copy");
    ASSERT_TRUE(catalog);
    CurrentPolicy policy(*catalog, *kernel_);
    EXPECT_EQ(*policy.ceiling("bare", CapabilitySet(0b11)), CapabilitySet(0b11));
    set_revision(8);
    EXPECT_EQ(policy.ceiling("bare", CapabilitySet(0b11))->names(), "NET_ADMIN");
    EXPECT_THAT(policy.ceiling("a", CapabilitySet(0b11)).error().message,
                HasSubstr("\"capabilities\": \"from-profile\" has no bound for profile 'a': "));
}

}  // namespace
}  // namespace aa::apparmor
