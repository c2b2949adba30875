// SPDX-License-Identifier: Apache-2.0
#include "ctl/host/host.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>

namespace aa::ctl {
namespace {

namespace fs = std::filesystem;

// A host below "HOST", and beside it a file and a directory that no path on that host may lead to.
class HostTest : public testing::Test {
protected:
    void SetUp() override {
        std::string pattern = (fs::temp_directory_path() / "aa-host-XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        base_ = pattern;
        fs::create_directories(base_ / "host/etc");
        fs::create_directories(base_ / "outside");
        std::ofstream(base_ / "outside/file") << "outside";
        auto opened = Host::open((base_ / "host/").string());
        ASSERT_TRUE(opened.has_value());
        host_.emplace(std::move(*opened));
    }
    void TearDown() override { fs::remove_all(base_); }

    [[nodiscard]] fs::path at(const std::string& path) const { return base_ / "host" / path.substr(1); }
    [[nodiscard]] HostFile file(std::string text) const { return {std::move(text), ::getuid(), ::getgid(), 0640}; }
    [[nodiscard]] static std::string text_of(const fs::path& path) {
        std::stringstream text;
        text << std::ifstream(path).rdbuf();
        return text.str();
    }
    [[nodiscard]] const Host& host() const { return *host_; }

    fs::path base_;
    std::optional<Host> host_;
};

TEST_F(HostTest, WritesReadsAndRemoves) {
    ASSERT_TRUE(host().make_directories("/etc/aa-shim/deep").has_value());
    ASSERT_TRUE(host().make_directories("/etc/aa-shim/deep").has_value());
    ASSERT_TRUE(host().write("/etc/aa-shim/deep/f", file("one")).has_value());
    ASSERT_TRUE(host().write("/etc/aa-shim/deep/f", file("two")).has_value());
    const auto read = host().read("/etc/aa-shim/deep/f");
    ASSERT_TRUE(read.has_value() && read->has_value());
    EXPECT_EQ(**read, file("two"));
    EXPECT_TRUE(host().status("/etc/aa-shim/deep/f").has_value());
    EXPECT_EQ(*host().list("/etc/aa-shim/deep"), std::vector<std::string>{"f"});
    ASSERT_TRUE(host().remove("/etc/aa-shim/deep/f").has_value());
    EXPECT_TRUE(host().remove("/etc/aa-shim/deep/f").has_value());
    EXPECT_EQ(*host().read("/etc/aa-shim/deep/f"), std::nullopt);
    EXPECT_EQ(host().status("/etc/aa-shim/deep/f").has_value(), false);
    EXPECT_TRUE(host().list("/etc/nowhere")->empty());
}

TEST_F(HostTest, NoLinkLeadsOut) {
    fs::create_symlink(base_ / "outside", at("/absolute"));
    fs::create_symlink("../../outside", at("/etc/relative"));
    fs::create_symlink(base_ / "outside/file", at("/etc/last"));
    for (const auto* path : {"/absolute/file", "/etc/relative/file", "/../outside/file", "/etc/../../outside/file"}) {
        const auto read = host().read(path);
        EXPECT_TRUE(read.has_value() && !read->has_value()) << path;
        EXPECT_FALSE(host().write(path, file("changed")).has_value()) << path;
    }
    EXPECT_FALSE(host().read("/etc/last").has_value());
    // A write takes the link's place.
    EXPECT_TRUE(host().write("/etc/last", file("here")).has_value());
    EXPECT_EQ(text_of(base_ / "outside/file"), "outside");
    EXPECT_EQ(text_of(at("/etc/last")), "here");

    // On this host the link means what it means to its own processes.
    fs::create_directories(at("/srv"));
    fs::create_symlink("/srv", at("/etc/own"));
    EXPECT_TRUE(host().write("/etc/own/file", file("inside")).has_value());
    EXPECT_EQ(text_of(at("/srv/file")), "inside");
}

TEST_F(HostTest, RefusesWhatIsNoFileOrTooLong) {
    ASSERT_EQ(::mkfifo(at("/etc/fifo").c_str(), 0600), 0);
    EXPECT_FALSE(host().read("/etc/fifo").has_value());
    EXPECT_FALSE(host().read("/etc").has_value());
    ASSERT_TRUE(host().write("/etc/five", file("12345")).has_value());
    EXPECT_TRUE(host().read("/etc/five", 5).has_value());
    EXPECT_FALSE(host().read("/etc/five", 4).has_value());
}

TEST_F(HostTest, ReplacesALinkAtOnce) {
    EXPECT_EQ(*host().replace_link("/etc/link", "first"), true);
    EXPECT_EQ(*host().replace_link("/etc/link", "first"), false);
    EXPECT_EQ(*host().replace_link("/etc/link", "second"), true);
    EXPECT_EQ(*host().read_link("/etc/link"), "second");
    std::ofstream(at("/etc/file")) << "a file is replaced, too";
    EXPECT_EQ(*host().replace_link("/etc/file", "third"), true);
    EXPECT_EQ(*host().list("/etc"), (std::vector<std::string>{"file", "link"}));
}

TEST_F(HostTest, MovesToNothingOrInExchange) {
    std::ofstream(at("/etc/a")) << "a";
    std::ofstream(at("/etc/b")) << "b";
    EXPECT_FALSE(host().move("/etc/a", "/etc/b").has_value());
    EXPECT_EQ(text_of(at("/etc/b")), "b");
    ASSERT_TRUE(host().move("/etc/a", "/etc/b", Host::Move::exchange).has_value());
    EXPECT_EQ(text_of(at("/etc/b")), "a");
    ASSERT_TRUE(host().move("/etc/b", "/etc/c").has_value());
    EXPECT_EQ(*host().list("/etc"), (std::vector<std::string>{"a", "c"}));
    EXPECT_FALSE(host().move("/etc/b", "/etc/c", Host::Move::exchange).has_value());
}

TEST_F(HostTest, RemovesATreeAndNothingThatItsLinksName) {
    fs::create_directories(at("/etc/tree/one/two"));
    std::ofstream(at("/etc/tree/one/two/file")) << "x";
    fs::create_directory_symlink(base_ / "outside", at("/etc/tree/one/link"));
    ASSERT_TRUE(host().remove_tree("/etc/tree").has_value());
    EXPECT_TRUE(host().remove_tree("/etc/tree").has_value());
    EXPECT_FALSE(fs::exists(at("/etc/tree")));
    EXPECT_EQ(text_of(base_ / "outside/file"), "outside");
}

TEST_F(HostTest, RemovesWhatACrashLeft) {
    for (const auto* name : {"/etc/.f.aa-shim.1234", "/etc/.g.aa-shim.1", "/etc/f"}) std::ofstream(at(name)) << name;
    ASSERT_TRUE(host().remove_half_written("/etc/f").has_value());
    EXPECT_EQ(*host().list("/etc"), (std::vector<std::string>{".g.aa-shim.1", "f"}));
}

TEST_F(HostTest, FindsTheFirstProgram) {
    fs::create_directories(at("/usr/bin"));
    for (const auto* name : {"/usr/bin/data", "/usr/bin/tool"}) std::ofstream(at(name)) << "#!";
    fs::permissions(at("/usr/bin/tool"), fs::perms::owner_all);
    constexpr std::string_view kPaths[] = {"/usr/bin", "/usr/bin/data", "/usr/bin/none", "/usr/bin/tool"};
    EXPECT_EQ(host().find_program(kPaths), "/usr/bin/tool");
    EXPECT_EQ(host().find_program(std::span(kPaths).first(3)), std::nullopt);
}

}  // namespace
}  // namespace aa::ctl
