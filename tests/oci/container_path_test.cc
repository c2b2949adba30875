// SPDX-License-Identifier: Apache-2.0
#include "oci/container_path.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace aa::oci {
namespace {

namespace fs = std::filesystem;

class ContainerPathTest : public testing::Test {
protected:
    void SetUp() override {
        std::string pattern = (fs::temp_directory_path() / "aa-root-XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        bundle_ = pattern;
        const auto root = bundle_ / "rootfs";
        fs::create_directories(root / "usr/bin");
        fs::create_directories(root / "srv");
        add_program("usr/bin/busybox");
        add_program("srv/app");
        std::ofstream(root / "usr/bin/data") << "";
        fs::create_symlink("usr/bin", root / "bin");
        fs::create_symlink("/usr/bin/busybox", root / "usr/bin/sh");
        fs::create_symlink("../../../../../../../../etc/passwd", root / "usr/bin/escape");
        fs::create_symlink("nowhere", root / "usr/bin/dangling");
        fs::create_symlink("loop", root / "usr/bin/loop");
        ASSERT_EQ(::mkfifo((root / "usr/bin/fifo").c_str(), 0755), 0);
        fs::create_symlink("/proc/self/exe", root / "usr/bin/magic");
    }
    void TearDown() override { fs::remove_all(bundle_); }

    void add_program(const char* name) const {
        const auto path = bundle_ / "rootfs" / name;
        std::ofstream(path) << "";
        fs::permissions(path, fs::perms(0755));
    }

    Result<std::string> resolve(std::string_view word, std::string path = "/bin:/srv", std::string cwd = "/srv") const {
        ProcessSpec spec;
        spec.path = std::move(path);
        spec.cwd = std::move(cwd);
        const auto root = ContainerRoot::of_bundle(bundle_.string(), "rootfs");
        if (!root) return root.error();
        return root->resolve_program(word, spec);
    }

    fs::path bundle_;
};

TEST_F(ContainerPathTest, ThePathThatAppArmorSees) {
    struct Case {
        const char* word;
        const char* expected;
    };
    const Case cases[] = {
        {"/usr/bin/busybox", "/usr/bin/busybox"},
        {"/bin/busybox", "/usr/bin/busybox"},
        {"/bin/sh", "/usr/bin/busybox"},  // an absolute link means the container's root
        {"sh", "/usr/bin/busybox"},
        {"app", "/srv/app"},
        {"./app", "/srv/app"},
        {"../bin/sh", "/usr/bin/busybox"},
        {"/../../bin/sh", "/usr/bin/busybox"},
    };
    for (const auto& c : cases) {
        const auto path = resolve(c.word);
        ASSERT_TRUE(path.has_value()) << c.word << ": " << path.error().message;
        EXPECT_EQ(*path, c.expected) << c.word;
    }
}

TEST_F(ContainerPathTest, WhatIsNoProgramIsNotFound) {
    for (const char* word :
         {"", "nosuch", "/nosuch", "data", "/usr/bin/data", "/usr/bin", "/usr/bin/fifo", "dangling", "/bin/escape", "/srv/app/x"}) {
        const auto path = resolve(word);
        ASSERT_FALSE(path.has_value()) << word;
        EXPECT_EQ(path.error().kind, ErrorKind::not_found) << word << ": " << path.error().message;
    }
}

TEST_F(ContainerPathTest, WhatCannotBeToldIsAnotherError) {
    const auto loop = resolve("/bin/loop");
    ASSERT_FALSE(loop.has_value());
    EXPECT_EQ(loop.error().kind, ErrorKind::system);
}

TEST_F(ContainerPathTest, AnEmptyPathEntryIsTheWorkingDirectory) {
    EXPECT_EQ(*resolve("app", ":/bin"), "/srv/app");
    EXPECT_EQ(resolve("app", "/bin").has_value(), false);
}

TEST_F(ContainerPathTest, OfARunningProcess) {
    const auto root = ContainerRoot::of_process(::getpid());
    ASSERT_TRUE(root.has_value());
    ProcessSpec spec;
    spec.cwd = "/";
    EXPECT_EQ(*root->resolve_program("/proc/../bin/true", spec), fs::canonical("/bin/true").string());
    EXPECT_FALSE(root->resolve_program("/proc/self/exe", spec).has_value());  // a magic link leads anywhere
}

TEST(ProgramWord, IsLookedForBehindAnInit) {
    struct Case {
        std::vector<std::string> args;
        const char* expected;
    };
    const Case cases[] = {
        {{}, ""},
        {{"nginx", "-g"}, "nginx"},
        {{"/sbin/docker-init", "--", "nginx"}, "nginx"},
        {{"/run/podman-init", "--", "nginx", "-g"}, "nginx"},
        {{"tini", "--"}, "tini"},
        {{"tini", "nginx"}, "tini"},
        {{"/usr/bin/my-init", "--", "nginx"}, "/usr/bin/my-init"},
    };
    for (const auto& c : cases) EXPECT_EQ(program_word(c.args), c.expected);
}

}  // namespace
}  // namespace aa::oci
