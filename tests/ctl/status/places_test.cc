// SPDX-License-Identifier: Apache-2.0
#include "ctl/status/places.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace aa::ctl::status {
namespace {

namespace fs = std::filesystem;

TEST(Places, TheLongestControlGroupCounts) {
    struct Case {
        const char* text;
        const char* expected;
    };
    const Case cases[] = {
        {"0::/system.slice/docker-3f.scope\n", "/system.slice/docker-3f.scope"},
        {"0::/\n", "/"},
        {"", "/"},
        {"no line of the kernel's\n", "/"},
        // A host with both hierarchies: the runtime makes no group in the one that it does not use.
        {"13:pids:/docker/3f\n12:cpu,cpuacct:/docker/3f\n1:name=systemd:/docker/3f\n0::/\n", "/docker/3f"},
        {"0::/a:b/c\n", "/a:b/c"},
    };
    for (const auto& row : cases) EXPECT_EQ(longest_cgroup(row.text), row.expected) << row.text;
}

class Tree : public testing::Test {
protected:
    void SetUp() override {
        std::string name = testing::TempDir() + "aa-places-XXXXXX";
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        root_ = name;
    }
    void TearDown() override { fs::remove_all(root_); }

    void process(const std::string& pid, const std::string& comm, const std::string& cgroup, int pid_namespace) {
        const fs::path directory = root_ / pid;
        fs::create_directories(directory / "ns");
        std::ofstream(directory / "comm") << comm << "\n";
        std::ofstream(directory / "cgroup") << "0::" << cgroup << "\n";
        fs::create_symlink("pid:[" + std::to_string(pid_namespace) + "]", directory / "ns/pid");
        fs::create_symlink("mnt:[7]", directory / "ns/mnt");
        fs::create_symlink("user:[8]", directory / "ns/user");
    }

    fs::path root_;
};

TEST_F(Tree, ProcessesAreReadInTheOrderOfTheirNumbers) {
    process("10", "sh (x)", "/b", 4);
    process("9", "init", "/a", 3);
    fs::create_directories(root_ / "self");
    fs::create_directories(root_ / "11");  // it ends while it is looked at
    process("12", "odd", "/", 5);
    fs::remove(root_ / "12/ns/user");
    fs::create_symlink("user:[]", root_ / "12/ns/user");
    const auto places = read_places(root_);
    ASSERT_TRUE(places) << places.error().message;
    ASSERT_EQ(places->size(), 2U);
    EXPECT_EQ(places->at(0).pid, 9);
    EXPECT_EQ(places->at(1).pid, 10);
    EXPECT_EQ(places->at(1).command, "sh (x)");
    EXPECT_EQ(places->at(1).cgroup, "/b");
    EXPECT_EQ(places->at(1).pid_namespace, 4U);
    EXPECT_EQ(places->at(1).mount_namespace, 7U);
    EXPECT_EQ(places->at(1).user_namespace, 8U);
    EXPECT_FALSE(read_places(root_ / "missing"));
}

constexpr std::uint64_t kHost = 1;

Place place(pid_t pid, std::string cgroup, std::uint64_t pid_namespace, std::uint64_t mount_namespace) {
    return {pid, "x", std::move(cgroup), pid_namespace, mount_namespace, 1};
}

// "1 2|3; 4": the processes of each container, then the strangers.
std::string shared_out(const std::vector<Place>& places, const std::vector<pid_t>& inits) {
    const auto grouping = share_out(places, inits, place(1000, "/user.slice/me", kHost, kHost));
    std::string text;
    const auto add = [&text](const std::vector<Place>& group) {
        for (const auto& one : group) text += std::to_string(one.pid) + (&one == &group.back() ? "" : " ");
    };
    for (std::size_t i = 0; i < grouping.containers.size(); ++i) {
        if (i > 0) text += "|";
        add(grouping.containers[i]);
    }
    text += "; ";
    add(grouping.strangers);
    return text;
}

TEST(ShareOut, ByControlGroupAndByPidNamespace) {
    EXPECT_EQ(shared_out({place(1, "/init.scope", kHost, kHost), place(10, "/docker/a", 20, 30), place(11, "/docker/a", 20, 30),
                          place(12, "/docker/a/child", 25, 35), place(20, "/docker/ab", 21, 31), place(21, "/elsewhere", 21, 31)},
                         {10, 20}),
              "10 11 12|20 21; ");
}

TEST(ShareOut, AProcessOfTheHostInAContainersGroupIsNotTheContainers) {
    EXPECT_EQ(shared_out({place(10, "/docker/a", 20, 30), place(11, "/docker/a", kHost, kHost)}, {10}), "10; ");
}

// As a service with mounts of its own sees it.
TEST(ShareOut, TheHostIsWhereItsFirstProcessIsToo) {
    constexpr std::uint64_t kHostsMounts = 2;
    EXPECT_EQ(shared_out({place(1, "/init.scope", kHost, kHostsMounts), place(10, "/docker/a", 20, 30),
                          place(11, "/docker/a", kHost, kHostsMounts), place(12, "/docker/a", kHost, 31)},
                         {10}),
              "10 12; ");
}

TEST(ShareOut, ContainersOfAPodMayShareAPidNamespace) {
    EXPECT_EQ(
        shared_out({place(10, "/pod/a", 20, 30), place(11, "/pod/b", 20, 31), place(12, "/pod/a", 20, 30), place(13, "/pod/b", 20, 31)},
                   {10, 11}),
        "10 12|11 13; ");
}

TEST(ShareOut, AContainerOfTheHostsPidNamespaceIsFoundByItsGroup) {
    EXPECT_EQ(shared_out({place(1, "/", kHost, kHost), place(10, "/docker/a", kHost, 30), place(11, "/docker/a", kHost, 30)}, {10}),
              "10 11; ");
}

TEST(ShareOut, AContainerWithoutAGroupOfItsOwnIsFoundByItsPidNamespace) {
    for (const char* group : {"/", "/user.slice/me", "/user.slice"}) {
        EXPECT_EQ(
            shared_out({place(1, group, kHost, kHost), place(10, group, 20, 30), place(11, group, 20, 30), place(12, group, kHost, 40)},
                       {10}),
            "10 11; ")
            << group;
    }
}

TEST(ShareOut, WhoeverHasAPidNamespaceAndNoContainerIsAStranger) {
    EXPECT_EQ(shared_out({place(1, "/", kHost, kHost), place(10, "/x", 20, 30), place(11, "/x", 20, 30), place(12, "/y", 21, 31)}, {}),
              "; 10 12");
}

TEST(ShareOut, AFirstProcessThatHasEndedHasNoProcesses) {
    EXPECT_EQ(shared_out({place(1, "/", kHost, kHost), place(11, "/docker/a", 20, 30)}, {10}), "; 11");
}

}  // namespace
}  // namespace aa::ctl::status
