// SPDX-License-Identifier: Apache-2.0
#include "oci/path/host_place.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace aa::oci {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMountinfo =
    "25 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
    "26 25 0:5 / /dev rw shared:2 - devtmpfs udev rw\n"
    "27 25 0:20 / /sys/kernel/security rw - securityfs securityfs rw\n"
    "40 25 8:1 / /var/lib/docker/volumes/host/_data rw shared:1 - ext4 /dev/sda1 rw\n"
    "41 25 8:1 /data/a\\040b /srv rw shared:1 - ext4 /dev/sda1 rw\n"
    "42 25 8:2 /@home /home rw - btrfs /dev/sdb rw\n";

std::vector<std::string> names(const HostMounts& mounts, std::uint64_t id, std::string_view path) {
    const auto* mount = mounts.find(id);
    return mount == nullptr ? std::vector<std::string>() : mounts.names(*mount, path);
}

TEST(HostMounts, TellAllNamesOfAPlace) {
    using Names = std::vector<std::string>;
    const auto mounts = HostMounts::parse(std::string(kMountinfo));
    ASSERT_TRUE(mounts);
    EXPECT_EQ(names(*mounts, 25, "/etc"), (Names{"/etc", "/var/lib/docker/volumes/host/_data/etc"}));
    EXPECT_EQ(names(*mounts, 40, "/var/lib/docker/volumes/host/_data"), (Names{"/", "/var/lib/docker/volumes/host/_data"}));
    EXPECT_EQ(names(*mounts, 40, "/var/lib/docker/volumes/host/_data/etc/shadow"),
              (Names{"/etc/shadow", "/var/lib/docker/volumes/host/_data/etc/shadow"}));
    EXPECT_EQ(names(*mounts, 41, "/srv/x"), (Names{"/data/a b/x", "/srv/x", "/var/lib/docker/volumes/host/_data/data/a b/x"}));
    EXPECT_EQ(names(*mounts, 42, "/home/u"), (Names{"/home/u"}));
    EXPECT_TRUE(HostMounts::shows(*mounts->find(25), *mounts->find(40), "/var/lib/docker/volumes/host/_data/etc"));
    EXPECT_FALSE(HostMounts::shows(*mounts->find(42), *mounts->find(40), "/var/lib/docker/volumes/host/_data"));
    EXPECT_FALSE(HostMounts::shows(*mounts->find(41), *mounts->find(25), "/etc"));
    EXPECT_EQ(mounts->find(27)->type, "securityfs");
    EXPECT_EQ(mounts->find(99), nullptr);
}

TEST(HostMounts, WhatIsNoMountinfoIsAnError) {
    for (const auto* text : {"x\n", "1 2 3:4 /\n", "1 2 3:4 / / rw\n"}) EXPECT_FALSE(HostMounts::parse(text)) << text;
}

TEST(HostMounts, OfThisProcess) {
    Budget budget;
    const auto place = find_host_place("/", budget);
    ASSERT_TRUE(place) << place.error().message;
    const auto mounts = HostMounts::read();
    ASSERT_TRUE(mounts) << mounts.error().message;
    ASSERT_NE(mounts->find(place->mount), nullptr);
    EXPECT_EQ(mounts->find(place->mount)->point, "/");
}

TEST(HostPlace, LiesIn) {
    EXPECT_TRUE(lies_in("/a/b", "/a"));
    EXPECT_TRUE(lies_in("/a", "/a"));
    EXPECT_TRUE(lies_in("/a", "/"));
    EXPECT_FALSE(lies_in("/ab", "/a"));
    EXPECT_FALSE(lies_in("/", "/a"));
}

TEST(HostPlace, LinksAreFollowed) {
    std::string name = fs::temp_directory_path() / "aa-place-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    const fs::path top = fs::canonical(name);
    fs::create_directory(top / "real");
    fs::create_directory_symlink("real", top / "link");
    Budget budget;
    const auto place = find_host_place(top / "link/../link", budget);
    ASSERT_TRUE(place) << place.error().message;
    EXPECT_EQ(place->path, top / "real");
    const auto missing = find_host_place(top / "none", budget);
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().kind, ErrorKind::not_found);

    // A file that has no path any more, reached by the descriptor that keeps it.
    std::ofstream(top / "gone") << "x";
    const Fd held(::open((top / "gone").c_str(), O_RDONLY | O_CLOEXEC));
    fs::remove(top / "gone");
    EXPECT_FALSE(find_host_place("/proc/self/fd/" + std::to_string(held.get()), budget));

    for (std::size_t i = 0; i <= kMaxKernelLookups; ++i) (void)find_host_place(top / "link", budget);
    const auto late = find_host_place(top / "link", budget);
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().kind, ErrorKind::limit);
    EXPECT_TRUE(find_host_place(top / "real", budget));
    fs::remove_all(top);
}

}  // namespace
}  // namespace aa::oci
