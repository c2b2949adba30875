// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

#include "ctl/twin/twin.h"

namespace aa::ctl {
namespace {

TEST(Twin, WhatIsNeverToBeDoneIsDeniedQuietlyAsTheKernelLetsThroughWhatIsAudited) {
    const auto text = complaining_twin("aa-shim-learning-web");
    EXPECT_NE(text.find("profile aa-shim-learning-web flags=(complain,attach_disconnected,mediate_deleted) {\n"), std::string::npos);
    EXPECT_NE(text.find("  audit /** ix,\n"), std::string::npos);
    EXPECT_NE(text.find("  deny /{,**/}attr/{,apparmor/}{current,exec} wl,\n"), std::string::npos);
    EXPECT_EQ(text.find("audit deny"), std::string::npos);
}

TEST(RenamedProfile, KeepsWhatStandsBeforeItAndItsChildren) {
    const auto text = renamed_profile(R"(abi <abi/3.0>,
@{X}=/srv
profile other { /x r, }
# the web
profile web /usr/sbin/nginx flags=(attach_disconnected, complain,mediate_deleted) {
  include <abstractions/base>
  /srv/web/** r, # web
  /bin/x px -> web//kid,
  change_profile -> "web//kid",
  signal peer=web, # web
  signal peer="{**//&,}web{,//**}",
  unix peer=(label=web),
  signal peer=webber,
  profile kid { /y r, }
  ^hat { /z r, }
}
profile after { }
)",
                                      "web", "twin");
    ASSERT_TRUE(text.has_value());
    EXPECT_EQ(*text, R"(abi <abi/3.0>,
@{X}=/srv

# the web
profile twin flags=(attach_disconnected,mediate_deleted) {
  include <abstractions/base>
  /srv/web/** r, # web
  /bin/x px -> twin//kid,
  change_profile -> "twin//kid",
  signal peer=twin, # web
  signal peer="{**//&,}twin{,//**}",
  unix peer=(label=twin),
  signal peer=webber,
  profile kid { /y r, }
  ^hat { /z r, }
}
)");
}

TEST(RenamedProfile, FindsNamesAsPeopleWriteThem) {
    EXPECT_EQ(renamed_profile("profile \"a b\" {}", "a b", "twin"), "profile twin {}\n");
    EXPECT_EQ(renamed_profile("/usr/bin/x flags=(complain) {}", "/usr/bin/x", "twin"), "profile twin {}\n");
    EXPECT_EQ(renamed_profile("profile x flags=(unconfined) { /a r, }", "x", "twin"), "profile twin { /a r, }\n");
}

TEST(RenamedProfile, IsNoneWithoutItsHeaderOrItsEnd) {
    EXPECT_FALSE(renamed_profile("profile web { profile kid {} }", "kid", "twin"));
    EXPECT_FALSE(renamed_profile("profile @{NAME} {}", "web", "twin"));
    EXPECT_FALSE(renamed_profile("profile web { /a r,", "web", "twin"));
    EXPECT_FALSE(renamed_profile("", "web", "twin"));
}

}  // namespace
}  // namespace aa::ctl
