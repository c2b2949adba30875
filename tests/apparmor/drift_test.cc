// SPDX-License-Identifier: Apache-2.0
#include "apparmor/drift.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/apparmor/policy_files.h"

namespace aa::apparmor {
namespace {

// The copy has all of "a" alone.
class DriftTest : public PolicyFiles {
protected:
    // "NAME MODE" of each profile that was weakened, "NAME" of each that is another one.
    std::vector<std::string> drift() {
        const std::string bytes = copy();
        const auto catalog = CompiledCatalog::view(bytes, "copy");
        EXPECT_TRUE(catalog);
        const auto found = find_drift(*catalog, *kernel_);
        EXPECT_TRUE(found) << found.error().message;
        std::vector<std::string> result;
        for (const auto& one : *found) result.push_back(one.weakened ? one.profile + " " + std::string(mode_name(one.mode)) : one.profile);
        return result;
    }
};

TEST_F(DriftTest, NothingWhileItIsThePolicyThatWasLoaded) {
    EXPECT_EQ(drift(), std::vector<std::string>());
    // Whatever else was loaded since.
    set_revision(8);
    EXPECT_EQ(drift(), std::vector<std::string>());
}

TEST_F(DriftTest, AProfileThatWasReplaced) {
    set_revision(8);
    write("security/apparmor/policy/profiles/a.1/sha256", "another digest\n");
    write("security/apparmor/policy/profiles/b.1/sha256", "another digest\n");  // no confinement's
    EXPECT_EQ(drift(), std::vector<std::string>{"a"});
}

TEST_F(DriftTest, AProfileThatWasRemovedAndLoadedAgain) {
    set_revision(9);
    fs::rename(root_ / "security/apparmor/policy/profiles/a.1", root_ / "security/apparmor/policy/profiles/a.7");
    EXPECT_EQ(drift(), std::vector<std::string>());
    fs::remove(root_ / "security/apparmor/policy/profiles/a.7/sha256");
    EXPECT_EQ(drift(), std::vector<std::string>{"a"});
}

TEST_F(DriftTest, AProfileThatComplains) {
    set_revision(8);
    write("security/apparmor/profiles", "a (complain)\nb (complain)\n");
    EXPECT_EQ(drift(), std::vector<std::string>{"a complain"});
    write("security/apparmor/profiles", "a (unconfined)\n");
    EXPECT_EQ(drift(), std::vector<std::string>{"a unconfined"});
    write("security/apparmor/profiles", "a (kill)\n");
    EXPECT_EQ(drift(), std::vector<std::string>());
}

TEST_F(DriftTest, AKernelThatComplainsWithoutAnyPolicyHavingChanged) {
    write("module/parameters/mode", "complain\n");
    EXPECT_EQ(drift(), std::vector<std::string>{"a complain"});
}

TEST_F(DriftTest, WhatCannotBeReadIsAnError) {
    const std::string bytes = copy();
    const auto catalog = CompiledCatalog::view(bytes, "copy");
    fs::remove(root_ / "security/apparmor/revision");
    EXPECT_FALSE(find_drift(*catalog, *kernel_));
    set_revision(8);
    fs::remove(root_ / "security/apparmor/profiles");
    EXPECT_FALSE(find_drift(*catalog, *kernel_));
}

TEST_F(DriftTest, ACatalogWithoutPolicyHasNothingToCompare) {
    Catalog written;
    written.confinements.emplace_back().name = "only";
    written.otherwise = Use{"only"};
    const auto bytes = compile_catalog(written);
    fs::remove(root_ / "security/apparmor/revision");
    EXPECT_TRUE(find_drift(*CompiledCatalog::view(bytes, "copy"), *kernel_)->empty());
}

}  // namespace
}  // namespace aa::apparmor
