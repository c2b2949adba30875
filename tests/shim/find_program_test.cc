// SPDX-License-Identifier: Apache-2.0
#include "shim/program.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace aa::shim {
namespace {

namespace fs = std::filesystem;

class FirstProgramOfABundle : public testing::Test {
protected:
    void SetUp() override {
        char name[] = "/tmp/aa-program-XXXXXX";
        ASSERT_NE(::mkdtemp(name), nullptr);
        bundle_ = name;
        add_program("rootfs/bin/app");
        fs::create_symlink("/bin/app", bundle_ / "rootfs/bin/alias");
        fs::create_symlink("loop", bundle_ / "rootfs/bin/loop");
        fs::create_symlink("nowhere", bundle_ / "rootfs/bin/dangling");
        add_program("docker-init");
    }
    void TearDown() override { fs::remove_all(bundle_); }

    void add_program(const fs::path& path) {
        fs::create_directories((bundle_ / path).parent_path());
        std::ofstream(bundle_ / path) << "#!/bin/sh\n";
        fs::permissions(bundle_ / path, fs::perms(0755));
    }

    Result<FirstProgram> find(const std::string& args) {
        text_ = R"({"process": {"args": [)" + args +
                R"(], "cwd": "/", "env": ["PATH=/bin"], "user": {"uid": 7}}, "root": {"path": "rootfs"},
            "mounts": [{"destination": "/sbin/docker-init", "type": "bind", "source": ")" +
                bundle_.string() + R"(/docker-init", "options": ["bind", "ro"]}]})";
        config_ = *oci::read_config(text_);
        return find_first_program(bundle_.string(), config_, CapabilitySet::all());
    }

    fs::path bundle_;
    std::string text_;
    oci::Config config_;
};

TEST_F(FirstProgramOfABundle, IsTheFileBehindItsLinks) {
    const auto first = find(R"("alias")");
    ASSERT_TRUE(first) << first.error().message;
    EXPECT_EQ(first->program.word, "alias");
    EXPECT_EQ(first->program.file.path, "/bin/app");
    EXPECT_FALSE(first->program.file.owned);
    EXPECT_FALSE(first->behind_init);
    EXPECT_EQ(first->program.file.attribute("user.none"), std::nullopt);
}

TEST_F(FirstProgramOfABundle, IsLookedForBehindTheEnginesInit) {
    if (::geteuid() != 0) GTEST_SKIP() << "an engine's init belongs to root";
    const auto first = find(R"("/sbin/docker-init", "--", "app", "x")");
    ASSERT_TRUE(first) << first.error().message;
    EXPECT_EQ(first->program.word, "app");
    EXPECT_EQ(first->program.file.path, "/bin/app");
    EXPECT_TRUE(first->behind_init);
}

// dockerd makes exit codes of these words: 127, 126, 125.
TEST_F(FirstProgramOfABundle, WhatCannotBeStartedIsToldInWordsThatEnginesKnow) {
    const struct {
        const char* word;
        const char* message;
    } kCases[] = {
        {"/bin/dangling",
         "the program '/bin/dangling': no such file or directory in the container (cannot find '/bin/dangling': it does not exist)"},
        {"/bin", "permission denied: the program '/bin': '/bin' is no program: not a regular file with an execute bit"},
        {"/bin/loop", "the program '/bin/loop': cannot find '/bin/loop': it leads through too many symbolic links"},
        {"none", "the program 'none': executable file not found in $PATH: 'none'"},
    };
    for (const auto& c : kCases) {
        const auto first = find("\"" + std::string(c.word) + "\"");
        ASSERT_FALSE(first) << c.word;
        EXPECT_EQ(first.error().message, c.message);
    }
}

}  // namespace
}  // namespace aa::shim
