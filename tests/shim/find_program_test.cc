// SPDX-License-Identifier: Apache-2.0
#include "shim/program.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
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
        init_ = bundle_ / "docker-init";
    }
    void TearDown() override { fs::remove_all(bundle_); }

    void add_program(const fs::path& path) {
        fs::create_directories((bundle_ / path).parent_path());
        std::ofstream(bundle_ / path) << "#!/bin/sh\n";
        fs::permissions(bundle_ / path, fs::perms(0755));
    }

    // An init where hosts have theirs, in a mount namespace of this test's own.
    void add_init() {
        ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
        ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
        ASSERT_EQ(::mount("none", "/usr/local", "tmpfs", 0, "mode=755"), 0);
        fs::copy_file(bundle_ / "docker-init", init_ = "/usr/local/docker-init");
    }

    Result<FirstProgram> find(const std::string& args) {
        text_ = R"({"process": {"args": [)" + args +
                R"(], "cwd": "/", "env": ["PATH=/bin"], "user": {"uid": 7}}, "root": {"path": "rootfs"},
            "mounts": [{"destination": "/sbin/docker-init", "type": "bind", "source": ")" +
                init_ + R"(", "options": ["bind", "ro"]}]})";
        config_ = *oci::read_config(text_);
        const std::string bundle = bundle_.string();
        BundleRoot root(bundle, config_);
        return find_first_program(root, CapabilitySet::all());
    }

    fs::path bundle_;
    std::string init_;  // what is mounted at /sbin/docker-init
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
    ASSERT_NO_FATAL_FAILURE(add_init());
    const auto first = find(R"("/sbin/docker-init", "--", "app", "x")");
    ASSERT_TRUE(first) << first.error().message;
    EXPECT_EQ(first->program.word, "app");
    EXPECT_EQ(first->program.file.path, "/bin/app");
    EXPECT_TRUE(first->behind_init);
}

// Anybody may have a file mounted there, and a container may have made it, as root.
TEST_F(FirstProgramOfABundle, IsAFileAtTheInitsPlaceThatIsNoInit) {
    if (::geteuid() != 0) GTEST_SKIP() << "the file belongs to root";
    const auto first = find(R"("/sbin/docker-init", "--", "app", "x")");
    ASSERT_TRUE(first) << first.error().message;
    EXPECT_EQ(first->program.file.path, "/sbin/docker-init");
    EXPECT_FALSE(first->behind_init);
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

// A process that stands for a container's first one, and has made a user namespace for itself, in which nobody has a number.
class InItsOwnUserNamespace : public testing::Test {
protected:
    void SetUp() override {
        int ends[2];
        ASSERT_EQ(::pipe(ends), 0);
        pid_ = ::fork();
        if (pid_ == 0) {
            const char done = ::unshare(CLONE_NEWUSER) == 0 ? '+' : '-';
            (void)!::write(ends[1], &done, 1);
            while (true) ::pause();
        }
        char done = 0;
        (void)!::read(ends[0], &done, 1);
        (void)::close(ends[0]);
        (void)::close(ends[1]);
        if (done != '+') GTEST_SKIP() << "no user namespace can be made here";
    }
    void TearDown() override {
        (void)::kill(pid_, SIGKILL);
        (void)::waitpid(pid_, nullptr, 0);
    }

    [[nodiscard]] Result<Program> find(bool container_has_one) const {
        oci::ContainerState state;
        state.init_pid = pid_;
        state.user_namespace = container_has_one;
        oci::ProcessSpec spec;
        spec.args = {"/bin/true"};
        spec.cwd = "/";
        RunningRoot root(state);
        return find_program(root, spec, CapabilitySet::all());
    }

    pid_t pid_ = -1;
};

TEST_F(InItsOwnUserNamespace, CountsOnlyWhereTheRuntimeJoinsIt) {
    if (::geteuid() != 0) GTEST_SKIP() << "looking into the process takes privilege";
    const auto program = find(false);
    ASSERT_TRUE(program) << program.error().message;
    EXPECT_TRUE(program->file.owned);
    const auto joined = find(true);
    ASSERT_FALSE(joined);
    EXPECT_EQ(joined.error().message,
              "the user 0 does not exist in the container's user namespace: choose one that its id map has, or extend the map");
}

}  // namespace
}  // namespace aa::shim
