// SPDX-License-Identifier: Apache-2.0
#include "apparmor/algebra/glob.h"

#include <gtest/gtest.h>

namespace aa::apparmor {
namespace {

Glob glob(std::string_view head) { return Glob::literal(head); }

TEST(Glob, TextItself) {
    const auto literal = glob("/etc/passwd");
    EXPECT_TRUE(literal.is_literal());
    EXPECT_TRUE(literal.matches("/etc/passwd"));
    EXPECT_FALSE(literal.matches("/etc/passwd2"));
    EXPECT_FALSE(literal.matches("/etc/passw"));
    EXPECT_TRUE(Glob().matches(""));
    EXPECT_FALSE(Glob().matches("a"));
}

// As apparmor_parser has it: behind a slash both stand for something.
TEST(Glob, Stars) {
    const auto star = glob("/a/").add_star();
    EXPECT_FALSE(star.is_literal());
    EXPECT_EQ(star.text(), "/a/*");
    EXPECT_TRUE(star.matches("/a/b"));
    EXPECT_FALSE(star.matches("/a/"));
    EXPECT_FALSE(star.matches("/a/b/c"));
    EXPECT_TRUE(glob("/a").add_star().matches("/a"));
    EXPECT_TRUE(glob("/a").add_star().add(".so").matches("/a.b.so"));
    const auto deep = glob("/a/").add_double_star();
    EXPECT_EQ(deep.text(), "/a/**");
    EXPECT_TRUE(deep.matches("/a/b/c"));
    EXPECT_FALSE(deep.matches("/a/"));
    EXPECT_FALSE(deep.matches(std::string_view("/a/b\0c", 6)));
    EXPECT_TRUE(glob("x").add_anything().matches("x"));
    EXPECT_TRUE(Glob().add_anything().add("/z").matches("/z"));
}

TEST(Glob, IsSpelledAsAProfileHasIt) {
    EXPECT_EQ(glob("/a*b[c]{d}").add_star().text(), "/a\\*b\\[c\\]\\{d\\}*");
    auto pair = glob("/a").add(std::string_view("\0", 1)).add_anything();
    EXPECT_EQ(pair.text(), std::string("/a\0**", 5));
    EXPECT_TRUE(pair.matches(std::string_view("/a\0b", 4)));
    EXPECT_EQ(glob("/x/").add(glob("").add_star()).text(), "/x/*");
}

}  // namespace
}  // namespace aa::apparmor
