// SPDX-License-Identifier: Apache-2.0
#include "apparmor/findings/source_file.h"

#include <gtest/gtest.h>

#include "apparmor/findings/as_meant.h"

namespace aa::apparmor {
namespace {

TEST(SourceFile, HasProfilesWithTheirOwnRules) {
    const auto file = read_source_file({"f",
                                        "abi <abi/3.0>,\n"
                                        "include <tunables/global>\n"
                                        "profile web /usr/bin/web flags=(attach_disconnected, complain) {\n"
                                        "  /etc/** r,\n"
                                        "  audit {\n    /var/** rw,\n  }\n"
                                        "  profile kid (complain) {\n    /bin/* ix,\n  }\n"
                                        "  ^hat {\n    deny /x w,\n  }\n"
                                        "  signal,\n"
                                        "}\n"
                                        "\"/usr/bin/a b\" {\n}\n"});
    ASSERT_EQ(file.profiles.size(), 4U);
    const auto& web = file.profiles[0];
    EXPECT_EQ(web.name, "web");
    EXPECT_EQ(web.attachment, "/usr/bin/web");
    EXPECT_EQ(web.flags, (std::vector<std::string>{"attach_disconnected", "complain"}));
    EXPECT_EQ(web.origin.text(), "f:3:1");
    ASSERT_EQ(web.statements.size(), 3U);  // those of the block, but not of the children
    EXPECT_EQ(web.statements[1].origin.text(), "f:6:5");
    EXPECT_EQ(file.profiles[1].name, "web//kid");
    EXPECT_EQ(file.profiles[1].flags, (std::vector<std::string>{"complain"}));
    EXPECT_EQ(file.profiles[2].name, "web//hat");
    EXPECT_EQ(file.profiles[3].name, "/usr/bin/a b");
    EXPECT_EQ(file.find("web//hat"), &file.profiles[2]);
    EXPECT_EQ(file.find("hat"), nullptr);
    ASSERT_NE(file.abi(), nullptr);
    EXPECT_EQ(file.abi()->origin.text(), "f:1:1");
    EXPECT_EQ(read_source_file({"f", "profile a { }"}).abi(), nullptr);
}

TEST(SourceFile, KnowsRulesAboutFiles) {
    const auto rule = [](std::vector<std::string> words) { return file_rule({std::move(words), {}}); };
    const auto denied = rule({"audit", "deny", "owner", "/etc/** ", "r"});
    ASSERT_TRUE(denied);
    EXPECT_TRUE(denied->denies);
    EXPECT_EQ(denied->mode, "r");
    const auto reversed = rule({"file", "rw", "\"/a b\""});
    ASSERT_TRUE(reversed);
    EXPECT_FALSE(reversed->denies);
    EXPECT_EQ(reversed->path, "/a b");
    for (const auto& other : {std::vector<std::string>{"file"}, {"signal", "receive"}, {"/x", "->"}, {"network", "tcp"}, {"deny"}})
        EXPECT_FALSE(rule(other)) << other.front();
}

TEST(AsMeant, MendsLineForLine) {
    EXPECT_EQ(as_meant("profile web flags(complain)\n\n  include <etc/apparmor.d/abstractions/base>\n  deny /bin/** rmix,\n"),
              "profile web flags=(complain) {\n\n  include <abstractions/base>\n  deny /bin/** rmx,\n}\n");
    const std::string good = "profile web\n{\n  deny /bin/** x,\n  /bin/** rmix,\n}\n";
    EXPECT_EQ(as_meant(good), good);
}

}  // namespace
}  // namespace aa::apparmor
