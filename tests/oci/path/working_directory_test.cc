// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "oci/path/container_path.h"
#include "tests/oci/tree.h"

namespace aa::oci {
namespace {

constexpr const char* kLies = " lies in /proc, from where a container could reach the host (CVE-2024-21626): choose another one";

// What is allowed is allowed by whatever spelling, and so is what is not.
struct Case {
    const char* cwd;
    const char* expected;  // "ok", "proc", or a part of the message
};

class WorkingDirectory : public testing::Test {
protected:
    void SetUp() override {
        for (const char* path : {"rootfs/srv/sub", "rootfs/process", "rootfs/tmp", "rootfs/dev", "rootfs/proc", "volume/sub"}) {
            tree_.add_directory(path);
        }
        tree_.add_link("rootfs/srv/direct", "/proc/self/fd/7");
        tree_.add_link("rootfs/srv/folder", "/proc");
        tree_.add_link("rootfs/srv/back", "/proc/../srv");
        tree_.add_link("rootfs/lnk", "/srv");
        tree_.add_link("volume/out", "/proc/self/fd/7");
        tree_.add_file("rootfs/srv/file");
    }

    static std::string shown(const Result<void>& result, std::string_view cwd) {
        if (result) return "ok";
        if (result.error().message == "the working directory '" + std::string(cwd) + "'" + kLies) return "proc";
        return result.error().message;
    }

    const Tree tree_;
};

TEST_F(WorkingDirectory, OfABundle) {
    const std::vector<Mount> mounts{
        {.destination = "/proc", .source = "proc", .type = "proc"},
        {.destination = "/dev", .source = "tmpfs", .type = "tmpfs"},
        {.destination = "/dev/shm", .source = "shm", .type = "tmpfs"},
        {.destination = "/lnk/volume", .source = tree_.bundle() + "/volume", .type = "bind", .recursive = true},
        {.destination = "/hostproc", .source = "/proc", .type = "bind", .recursive = true},
    };
    const Case cases[] = {
        {"", "ok"},
        {"/", "ok"},
        {"/srv", "ok"},
        {"/srv/sub/", "ok"},
        {"/process", "ok"},
        {"/srv/new/directory", "ok"},  // the runtime makes it
        {"/srv/volume/sub", "ok"},
        {"/dev/shm", "ok"},
        {"/proc", "proc"},
        {"//proc/self/fd/7", "proc"},
        {"/./proc/self/fd/7", "proc"},
        {"/tmp/../proc/self/fd/7", "proc"},
        {"/srv/direct", "proc"},
        {"/srv/folder", "proc"},
        {"/srv/folder/1/cwd", "proc"},
        {"/lnk/../srv/../proc", "proc"},
        {"/srv/volume/out", "proc"},  // a volume at a link's target
        {"/hostproc", "proc"},
        {"/hostproc/self/fd/7", "proc"},
        {"/srv/back", "ok"},
        {"/dev/fd/7",
         "the working directory: which file '/dev/fd/7' is cannot be told: what the runtime will put into '/dev' is not known "
         "before it has done so"},
    };
    for (const auto& c : cases) {
        const auto root = ContainerRoot::of_bundle(tree_.bundle(), "rootfs", mounts);
        ASSERT_TRUE(root) << root.error().message;
        EXPECT_EQ(shown(root->check_working_directory(c.cwd), c.cwd), c.expected) << c.cwd;
    }
}

TEST_F(WorkingDirectory, OfARunningContainer) {
    if (::geteuid() != 0 || !Inhabitant::possible()) GTEST_SKIP() << "only with the privilege to make mount namespaces";
    const Inhabitant inhabitant(
        tree_, [] { return ::mount("proc", "/proc", "proc", 0, nullptr) == 0 && ::symlink("/proc/self/fd", "/dev/fd") == 0; });
    ASSERT_TRUE(inhabitant.ready());
    const Case cases[] = {
        {"/", "ok"},
        {"/srv/sub", "ok"},
        {"/nosuch", "ok"},  // the runtime tells
        {"/srv/back", "ok"},
        {"/proc", "proc"},
        {"/proc/sys/kernel", "proc"},
        {"//proc/self/fd/7", "proc"},
        {"/./proc/self/cwd", "proc"},
        {"/tmp/../proc/1/root", "proc"},
        {"/srv/direct", "proc"},
        {"/srv/folder/1/cwd", "proc"},
        {"/dev/fd/7", "proc"},
    };
    for (const auto resolver : {Resolver::kernel, Resolver::walk}) {
        for (const auto& c : cases) {
            const auto root = ContainerRoot::of_process(inhabitant.pid(), {}, resolver);
            ASSERT_TRUE(root) << root.error().message;
            EXPECT_EQ(shown(root->check_working_directory(c.cwd), c.cwd), c.expected) << c.cwd;
        }
    }
}

}  // namespace
}  // namespace aa::oci
