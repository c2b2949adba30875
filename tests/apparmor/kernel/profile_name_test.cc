// SPDX-License-Identifier: Apache-2.0
#include "apparmor/kernel/profile_name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace aa::apparmor {
namespace {

using ::testing::ElementsAre;

TEST(CheckLabel, TakesNamesThatMeanOneProfile) {
    for (const char* label : {
             "web",
             "docker-default",
             "cri-containerd.apparmor.d",
             "/usr/sbin/nginx",
             "/usr/bin/foo*{a,b}[0-9]",
             "web//backup",
             "web///usr/bin/pg_dump",  // a child that is named by a path
             "web//hat//deeper",
             "web//&db",
             "web//backup//&db//&docker-default",
             "unconfinedx",
             "xunconfined",
             "U",
             "Unconfined",
             "web//u",  // below a parent the kernel compares exactly
             "a:b",
             "a&b",
             "a=b",
             "café",
             "caf\xC3\xA0x",  // 0xA0 inside the name
             "_web",
         }) {
        const auto judged = check_label(label);
        EXPECT_TRUE(judged) << label << ": " << (judged ? "" : judged.error().message);
    }
}

struct Case {
    const char* name;
    std::string label;
    std::string message;
};

const Case kRefused[] = {
    {"empty", "", "a profile name is empty"},
    {"u", "u", "profile name 'u' has 'u' where a profile belongs; the kernel takes every beginning of 'unconfined' for no confinement"},
    {"un", "un", "profile name 'un' has 'un' where a profile belongs; the kernel takes every beginning of 'unconfined' for no confinement"},
    {"all but one letter", "unconfine",
     "profile name 'unconfine' has 'unconfine' where a profile belongs; the kernel takes every beginning of 'unconfined' for no "
     "confinement"},
    {"the word itself", "unconfined",
     "profile name 'unconfined' has 'unconfined' where a profile belongs; the kernel takes that word for no confinement"},
    {"u in a stack", "web//&u",
     "profile name 'web//&u' has 'u' where a profile belongs; the kernel takes every beginning of 'unconfined' for no confinement"},
    {"unconfined in a stack", "unconfined//&web",
     "profile name 'unconfined//&web' has 'unconfined' where a profile belongs; the kernel takes that word for no confinement"},
    {"colon", ":", "profile name ':' names a policy namespace; only profiles of the root namespace can be used"},
    {"namespace", ":ns:web", "profile name ':ns:web' names a policy namespace; only profiles of the root namespace can be used"},
    {"namespace, other spelling", ":ns://web",
     "profile name ':ns://web' names a policy namespace; only profiles of the root namespace can be used"},
    {"namespace in a stack", "web//&:ns:x",
     "profile name 'web//&:ns:x' names a policy namespace; only profiles of the root namespace can be used"},
    {"empty last component", "web//&", "profile name 'web//&' has an empty component, which the kernel takes for no confinement"},
    {"empty first component", "//&web", "profile name '//&web' has an empty component, which the kernel takes for no confinement"},
    {"empty middle component", "a//&//&b", "profile name 'a//&//&b' has an empty component, which the kernel takes for no confinement"},
    {"leading ampersand", "&web", "profile name '&web' has a '&' that does not follow the first profile of a stack"},
    {"two ampersands", "a//&&b", "profile name 'a//&&b' has a '&' that does not follow the first profile of a stack"},
    {"leading equals", "=web", "profile name '=web' begins a profile name with '=', which the kernel reserves"},
    {"no child", "web//", "profile name 'web//' has an empty profile name before or after '//'"},
    {"no parent", "//web", "profile name '//web' has an empty profile name before or after '//'"},
    {"empty child in the middle", "web////x", "profile name 'web////x' has an empty profile name before or after '//'"},
    {"slash at the end", "web/", "profile name 'web/' has a profile name that ends in '/'"},
    {"slash before a stack", "web///&x", "profile name 'web///&x' has a profile name that ends in '/'"},
    {"space", "my web", "profile name 'my web' contains white space; an engine cannot pass such a name on, rename the profile"},
    {"leading space", " web", "profile name ' web' contains white space; an engine cannot pass such a name on, rename the profile"},
    {"trailing newline", "web\n", "profile name 'web\\x0a' contains white space; an engine cannot pass such a name on, rename the profile"},
    {"tab", "a\tb", "profile name 'a\\x09b' contains white space; an engine cannot pass such a name on, rename the profile"},
    {"NUL", std::string("web\0x", 5), "profile name 'web\\x00x' contains a control character"},
    {"escape", "a\x1B[2J", "profile name 'a\\x1b[2J' contains a control character"},
    {"delete", "a\x7F", "profile name 'a\\x7f' contains a control character"},
    {"C1 control", "a\xC2\x9B", "profile name 'a\\xc2\\x9b' contains a control character"},
    {"not UTF-8", "a\xFF", "profile name 'a\\xff' is not valid UTF-8"},
    {"cut UTF-8", "a\xC3", "profile name 'a\\xc3' is not valid UTF-8"},
    {"byte that the kernel trims", "caf\xC3\xA0",
     "profile name 'caf\xC3\xA0' ends in the byte 0xA0, which the kernel takes for white space"},
};

TEST(CheckLabel, RefusesWhatTheKernelWouldTakeForSomethingElse) {
    for (const auto& c : kRefused) {
        const auto judged = check_label(c.label);
        ASSERT_FALSE(judged) << c.name;
        EXPECT_EQ(judged.error().message, c.message) << c.name;
        EXPECT_EQ(judged.error().kind, ErrorKind::config) << c.name;
    }
}

TEST(CheckLabel, RefusesEveryBeginningOfUnconfined) {
    const std::string word = "unconfined";
    for (std::size_t length = 0; length <= word.size(); ++length) {
        EXPECT_FALSE(check_label(word.substr(0, length))) << length;
        EXPECT_FALSE(check_label("web//&" + word.substr(0, length))) << length;
        EXPECT_FALSE(check_label(word.substr(0, length) + "//&web")) << length;
    }
}

TEST(CheckLabel, HasALimit) {
    EXPECT_TRUE(check_label(std::string(kMaxLabel, 'a')));
    const auto judged = check_label(std::string(kMaxLabel + 1, 'a'));
    ASSERT_FALSE(judged);
    EXPECT_THAT(judged.error().message, ::testing::EndsWith("is 4001 bytes long; the kernel's limit is 4000"));
}

TEST(Components, AreWhatStandsBetweenTheSeparators) {
    EXPECT_THAT(components("a"), ElementsAre("a"));
    EXPECT_THAT(components("a//b"), ElementsAre("a//b"));
    EXPECT_THAT(components("a//b//&c//&/d/e"), ElementsAre("a//b", "c", "/d/e"));
    EXPECT_THAT(components("a//&"), ElementsAre("a", ""));
}

TEST(Stack, LeavesOutWhatIsThere) {
    EXPECT_EQ(stack("a", "b"), "a//&b");
    EXPECT_EQ(stack("a", "a"), "a");
    EXPECT_EQ(stack("a//&b", "b"), "a//&b");
    EXPECT_EQ(stack("a//&b", "c//&a//&d"), "a//&b//&c//&d");
    EXPECT_EQ(stack("a", "a//b"), "a//&a//b");
    EXPECT_EQ(stack("a", "b//&b"), "a//&b");
}

TEST(SameLabel, ComparesComponentsInAnyOrder) {
    EXPECT_TRUE(same_label("a", "a"));
    EXPECT_TRUE(same_label("a//&b", "b//&a"));
    EXPECT_TRUE(same_label("a//&b//&a", "b//&a"));
    EXPECT_FALSE(same_label("a//&b", "a"));
    EXPECT_FALSE(same_label("a", "a//&b"));
    EXPECT_FALSE(same_label("a//b", "a//&b"));
    EXPECT_FALSE(same_label("a", "b"));
    EXPECT_FALSE(same_label("web", "web2"));
}

TEST(EngineDefault, KnowsTheEnginesNames) {
    for (const char* name :
         {"docker-default", "cri-containerd.apparmor.d", "crio-default", "nerdctl-default", "containers-default-0.57.4"}) {
        EXPECT_TRUE(is_engine_default(name)) << name;
    }
    for (const char* name : {"", "web", "docker-default2", "my-docker-default", "containers-default", "docker-default//&web"}) {
        EXPECT_FALSE(is_engine_default(name)) << name;
    }
}

TEST(IsUnder, AComponentOrItsChild) {
    for (const auto* label : {"twin", "a//&twin", "twin//kid", "twin//null-/bin/x"}) EXPECT_TRUE(is_under(label, "twin")) << label;
    for (const auto* label : {"twin2", "a", "unconfined", "", "a//twin"}) EXPECT_FALSE(is_under(label, "twin")) << label;
}

}  // namespace
}  // namespace aa::apparmor
