// SPDX-License-Identifier: Apache-2.0
#include "apparmor/catalog/pattern.h"

#include <gtest/gtest.h>

namespace aa::apparmor {
namespace {

struct MatchCase {
    const char* pattern;
    const char* text;
    bool expected;
};

// What apparmor_parser 3.0.8 makes of the same patterns (`--dump=rule-exprs`) was the model.
constexpr MatchCase kMatches[] = {
    {"", "", true},
    {"", "a", false},
    {"nginx", "nginx", true},
    {"nginx", "nginx2", false},
    {"nginx", "ngin", false},
    {"*", "", true},
    {"*", "abc", true},
    {"*", "a/b", false},
    {"**", "", true},
    {"**", "a/b/c", true},
    {"a*c", "abbc", true},
    {"a*c", "ac", true},
    {"a*c", "ab/c", false},
    {"a**c", "ab/c", true},
    {"a*b*c", "axbxbxc", true},
    {"a*b*c", "axcxb", false},
    {"?", "a", true},
    {"?", "/", false},
    {"?", "", false},
    {"a?c", "abc", true},
    // A star that stands for a whole component is never empty, and does not begin with '/'.
    {"/a/*", "/a/", false},
    {"/a/*", "/a/b", true},
    {"/a/*", "/a/b/c", false},
    {"/a/*/b", "/a//b", false},
    {"/a/*/b", "/a/x/b", true},
    {"/a/**", "/a/", false},
    {"/a/**", "/a//b", false},
    {"/a/**", "/a/b/c", true},
    {"/a/**/b", "/a/x/y/b", true},
    {"/a/**/b", "/a/b", false},
    {"/a/***", "/a/b/c", true},
    {"/a/*b", "/a/b", true},
    {"/a/**b", "/a/b", true},
    {"/a/b*", "/a/b", true},
    {"/{b,/*}", "//", true},  // a brace follows the star: not a component
    {"/{b,c/}*", "/c/", true},
    // Brackets.
    {"[abc]", "b", true},
    {"[abc]", "d", false},
    {"[a-c]", "b", true},
    {"[a-c]", "-", false},
    {"[a-]", "-", true},
    {"[-a]", "-", true},
    {"[^a]", "b", true},
    {"[^a]", "a", false},
    {"[^a]", "/", true},
    {"[a^]", "^", true},
    {"[!a]", "!", true},
    {"[\\]]x", "]x", true},
    {"[a\\-c]", "b", false},
    {"[a\\-c]", "-", true},
    {"[,{]", "{", true},
    {"x[0-9a-f]*", "x7zz", true},
    // Braces.
    {"{a,b}", "a", true},
    {"{a,b}", "b", true},
    {"{a,b}", "a,b", false},
    {"{,usr/}bin", "bin", true},
    {"{,usr/}bin", "usr/bin", true},
    {"/{,usr/}bin/{ba,da,}sh", "/usr/bin/dash", true},
    {"/{,usr/}bin/{ba,da,}sh", "/bin/sh", true},
    {"/{,usr/}bin/{ba,da,}sh", "/bin/zsh", false},
    {"a{b,c{d,e}f,}g", "ag", true},
    {"a{b,c{d,e}f,}g", "acefg", true},
    {"a{b,c{d,e}f,}g", "acg", false},
    {"{a,{b,{c,{d,e}}}}", "e", true},
    {"{{a,b},c}d", "bd", true},
    {"{*,x/}y", "zzy", true},
    {"{a*,b}", "axx", true},
    {"{a**,b}", "ax/x", true},
    {"{[,],b}", ",", true},
    {"a,b", "a,b", true},
    {"a{b,c},d", "ab,d", true},
    // Escapes.
    {"\\*", "*", true},
    {"\\*", "a", false},
    {"\\{a,b\\}", "{a,b}", true},
    {"{a\\,b,c}", "a,b", true},
    {"a\\\\b", "a\\b", true},
    {"\\a", "a", true},
    {"\\**", "*xyz", true},
    {"\\**", "*x/y", false},
    // Bytes above 0x7F are bytes.
    {"[\xC3]?", "\xC3\xA4", true},
    {"?", "\xC3\xA4", false},
    // A pattern that is not one matches nothing.
    {"a{b", "a{b", false},
    {"a[b", "a[b", false},
};

TEST(Pattern, matches) {
    for (const auto& c : kMatches) EXPECT_EQ(matches(c.pattern, c.text), c.expected) << c.pattern << " on " << c.text;
}

struct FlawCase {
    const char* pattern;
    const char* problem;
};

constexpr FlawCase kFlaws[] = {
    {"a{b", "the pattern 'a{b' has a '{' that is never closed, at its character 2"},
    {"a{b,{c,d}", "the pattern 'a{b,{c,d}' has a '{' that is never closed, at its character 2"},
    {"ab}", "the pattern 'ab}' has a '}' that closes nothing (write \\} for the character itself), at its character 3"},
    {"a{b}",
     "the pattern 'a{b}' has braces around a single alternative (write {a,b}, or \\{ for the character itself), at its character 2"},
    {"{}", "the pattern '{}' has braces around a single alternative (write {a,b}, or \\{ for the character itself), at its character 1"},
    {"a[b", "the pattern 'a[b' has a '[' that is never closed (write \\[ for the character itself), at its character 2"},
    {"a[", "the pattern 'a[' has a '[' that is never closed (write \\[ for the character itself), at its character 2"},
    {"a[^", "the pattern 'a[^' has a '[' that is never closed (write \\[ for the character itself), at its character 2"},
    {"a[b\\", "the pattern 'a[b\\x5c' has a '[' that is never closed (write \\[ for the character itself), at its character 2"},
    {"a[b-", "the pattern 'a[b-' has a '[' that is never closed (write \\[ for the character itself), at its character 2"},
    {"a[b-\\", "the pattern 'a[b-\\x5c' has a '[' that is never closed (write \\[ for the character itself), at its character 2"},
    {"[]", "the pattern '[]' has an empty [] (write \\] for the character itself), at its character 1"},
    {"[^]", "the pattern '[^]' has an empty [] (write \\] for the character itself), at its character 1"},
    {"a]", "the pattern 'a]' has a ']' that closes nothing (write \\] for the character itself), at its character 2"},
    {"[z-a]", "the pattern '[z-a]' has a range in [] that runs backwards, at its character 2"},
    {"[a*]", "the pattern '[a*]' has a wildcard inside [] (write \\*, \\? or \\[ for the character itself), at its character 3"},
    {"a\\", "the pattern 'a\\x5c' ends in a backslash (write \\\\ for the character itself), at its character 2"},
};

TEST(Pattern, tells_what_is_wrong) {
    for (const auto& c : kFlaws) {
        const auto checked = check_pattern(c.pattern);
        ASSERT_FALSE(checked) << c.pattern;
        EXPECT_EQ(checked.error().kind, ErrorKind::config);
        EXPECT_EQ(checked.error().message, c.problem);
    }
}

TEST(Pattern, has_limits) {
    EXPECT_TRUE(check_pattern(std::string(kMaxPattern - 1, 'a')));
    EXPECT_TRUE(matches(std::string(kMaxPattern - 1, '?'), std::string(kMaxPattern - 1, 'a')));
    EXPECT_FALSE(check_pattern(std::string(kMaxPattern, 'a')));
    EXPECT_FALSE(matches(std::string(kMaxPattern, 'a'), std::string(kMaxPattern, 'a')));
    const auto nested = [](std::size_t depth) {
        std::string text(depth, '{');
        for (std::size_t i = 0; i < depth; ++i) text += ",a}";
        return text;
    };
    EXPECT_TRUE(matches(nested(kMaxPatternDepth), "a"));
    EXPECT_FALSE(check_pattern(nested(kMaxPatternDepth + 1)));
}

// Takes minutes, or for ever, where matching goes back and tries again.
TEST(Pattern, takes_linear_time) {
    std::string pattern;
    for (int i = 0; i < 100; ++i) pattern += "**a";
    EXPECT_FALSE(matches(pattern, std::string(10000, 'a') + "b"));
    EXPECT_TRUE(matches(pattern, std::string(10000, 'a')));
    std::string braces;
    for (int i = 0; i < 100; ++i) braces += "{a,aa,*}";
    EXPECT_FALSE(matches(braces, std::string(10000, 'a') + "/"));
}

struct PrefixCase {
    const char* pattern;
    const char* text;
    bool whole;
};

constexpr PrefixCase kPrefixes[] = {
    {"", "", true},       {"abc", "abc", true},   {"ab*", "ab", false}, {"*", "", false},   {"a\\*b", "a*b", true},
    {"a,b", "a,b", true}, {"a{b,c}", "a", false}, {"a[b]", "a", false}, {"a?", "a", false}, {"a\\{b*", "a{b", false},
};

TEST(Pattern, literal_prefix) {
    for (const auto& c : kPrefixes) {
        const auto prefix = literal_prefix(c.pattern);
        EXPECT_EQ(prefix.text, c.text) << c.pattern;
        EXPECT_EQ(prefix.whole, c.whole) << c.pattern;
    }
}

struct CoverCase {
    const char* general;
    const char* specific;
    bool expected;
};

constexpr CoverCase kCovers[] = {
    {"**", "a/b", true},       {"**", "{a,b/*}", true},       {"a*", "ab*", true},       {"a*", "ab**", false},
    {"a*", "ab/c", false},     {"a*", "a?b", true},           {"a**", "ab/c*", true},    {"ab*", "a*", false},
    {"a*", "a[^b]", false},  // could be '/'
    {"{a,b}", "a", true},      {"{a,b}", "{b,a}", true},      {"{a,b}", "{a,c}", false}, {"{a*,b}", "{ab,b}", true},
    {"/a/**", "/a/b/*", true}, {"/a/**", "/a/", false},       {"/a/**", "/a/*", true},   {"/a/**", "/a//b*", false},
    {"/a/*", "/a/**", false},  {"/a/**", "/a/{b,c}/*", true}, {"x", "x", true},          {"x", "y", false},
    {"x", "x*", false},        {"a{b", "ab", false},
};

TEST(Pattern, covers) {
    for (const auto& c : kCovers) EXPECT_EQ(pattern_covers(c.general, c.specific), c.expected) << c.general << " over " << c.specific;
}

}  // namespace
}  // namespace aa::apparmor
