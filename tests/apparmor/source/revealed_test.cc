// SPDX-License-Identifier: Apache-2.0
#include "apparmor/source/revealed.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace aa::apparmor {
namespace {

namespace fs = std::filesystem;

void expect_revealed(const std::string& before, const std::string& after, std::size_t rules) {
    const auto result = revealed(before);
    EXPECT_EQ(result.text, after);
    EXPECT_EQ(result.rules, rules);
}

TEST(Revealed, EachDenyThatIsQuiet) {
    expect_revealed("profile a {\n  deny /x r,  # deny /y r,\n  deny network raw,\n  /deny r,\n}\n",
                    "profile a {\n  audit deny /x r,  # deny /y r,\n  audit deny network raw,\n  /deny r,\n}\n", 2);
    expect_revealed("profile a { priority=3 deny /x r, deny owner \"/with deny, and\" w, }",
                    "profile a { priority=3 audit deny /x r, audit deny owner \"/with deny, and\" w, }", 2);
}

TEST(Revealed, NothingElse) {
    for (const std::string text : {"profile a { audit deny /x r, /deny rw, allow /y r, signal peer=deny, }", "profile deny { }",
                                   "audit deny /x r,", "@{X}=deny\n", "", "include <deny>\n"}) {
        expect_revealed(text, text, 0);
    }
}

TEST(Revealed, Blocks) {
    expect_revealed("profile a { audit { deny /x r, } deny /y r, deny { /z r, /w r, } owner { deny /v r, } }",
                    "profile a { audit { deny /x r, } audit deny /y r, audit deny { /z r, /w r, } owner { audit deny /v r, } }", 3);
}

TEST(Revealed, WhatIsIncludedIsRevealedBeside) {
    std::string root = fs::temp_directory_path() / "revealed-XXXXXX";
    ASSERT_NE(::mkdtemp(root.data()), nullptr);
    const auto put = [&](const std::string& name, const std::string& text) {
        fs::create_directories(fs::path(root + "/" + name).parent_path());
        std::ofstream(root + "/" + name) << text;
    };
    const auto get = [&](const std::string& name) {
        std::ostringstream text;
        text << std::ifstream(root + "/" + name).rdbuf();
        return text.str();
    };
    put("etc/web",
        "include <tunables/global>\nprofile web {\n  include <base>\n  include if exists <more.d>\n  include if exists <none>\n"
        "  deny /a r,\n}\n");
    put("etc/tunables/global", "@{X}=/x\n");
    put("etc/base", "include <base>\ndeny /b r,\n");  // in a circle: that is for the parser to say
    put("etc/more.d/one", "deny /c r,\n");
    put("etc/more.d/two", "/d r,\n");
    fs::create_directories(root + "/out");
    const auto made = write_revealed(root + "/etc/web", root + "/out", root + "/etc");
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ(made->path, root + "/out/profiles/web");
    EXPECT_EQ(made->rules, 3U);
    EXPECT_NE(get("out/profiles/web").find("audit deny /a r"), std::string::npos);
    EXPECT_EQ(get("out/tunables/global"), "@{X}=/x\n");
    EXPECT_EQ(get("out/base"), "include <base>\naudit deny /b r,\n");
    EXPECT_EQ(get("out/more.d/one"), "audit deny /c r,\n");
    EXPECT_EQ(get("out/more.d/two"), "/d r,\n");
    EXPECT_FALSE(write_revealed(root + "/etc/none", root + "/out", root + "/etc"));
    fs::remove_all(root);
}

}  // namespace
}  // namespace aa::apparmor
