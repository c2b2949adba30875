// SPDX-License-Identifier: Apache-2.0
#include "apparmor/catalog/first_match.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "apparmor/catalog/pattern.h"

namespace aa::apparmor {
namespace {

using Patterns = std::vector<std::string>;

const Patterns kPatterns{"a",      "b",   "/",      "?",   "[ab]",     "*",   "/*", "/**",  "a*",   "*b",
                         "{a,b}*", "**a", "/{a,b}", "a?b", "{/a,b}**", "*/*", "?*", "a\\*", "[^a]*"};

Patterns texts() {
    Patterns all{""};
    for (std::size_t begin = 0, length = 0; length < 4; ++length) {
        const std::size_t end = all.size();
        for (; begin < end; ++begin) {
            for (const char c : {'a', 'b', '/', '*'}) all.push_back(all[begin] + c);
        }
    }
    return all;
}

FirstMatchLists lists_of(const Patterns& before, const Patterns& after) {
    return {before.size(),
            after.size(),
            [&](std::size_t b) { return static_cast<std::size_t>(std::ranges::find(after, before[b]) - after.begin()); },
            [&](std::size_t b, std::size_t a) { return pattern_covers(before[b], after[a]); },
            [&](std::size_t b, std::size_t a) { return pattern_covers(after[a], before[b]); },
            [&](std::size_t b, std::size_t a) { return patterns_may_meet(before[b], after[a]); }};
}

// Some of the patterns in some order, none behind one that covers it, and at the end one that matches everything.
Patterns some(std::mt19937& random) {
    Patterns list;
    for (std::size_t count = random() % 5; count > 0; --count) {
        const auto& pattern = kPatterns[random() % kPatterns.size()];
        if (std::ranges::none_of(list, [&](const auto& earlier) { return pattern_covers(earlier, pattern); })) list.push_back(pattern);
    }
    list.emplace_back("**");
    return list;
}

std::size_t first(const Patterns& list, const std::string& text) {
    return static_cast<std::size_t>(std::ranges::find_if(list, [&](const auto& pattern) { return matches(pattern, text); }) - list.begin());
}

TEST(FirstMatch, WhateverDecidesIsAMeeting) {
    std::mt19937 random(7);
    const auto all = texts();
    for (int round = 0; round < 400; ++round) {
        const auto before = some(random);
        const auto after = some(random);
        const auto found = meetings(lists_of(before, after));
        for (const auto& text : all) {
            const Meeting wanted{first(before, text), first(after, text)};
            EXPECT_TRUE(
                std::ranges::any_of(found, [&](const Meeting& one) { return one.before == wanted.before && one.after == wanted.after; }))
                << "text " << text << ", before " << before[wanted.before] << ", after " << after[wanted.after];
        }
    }
}

TEST(FirstMatch, TheSameListMeetsItselfAlone) {
    const Patterns list{"/a/*", "/{a,b}/**", "/b", "**"};
    const auto found = meetings(lists_of(list, list));
    ASSERT_EQ(found.size(), list.size());
    for (const auto& one : found) EXPECT_EQ(one.before, one.after);
}

TEST(Patterns, MeetWhereATextMatchesBoth) {
    const auto all = texts();
    for (const auto& one : kPatterns) {
        for (const auto& other : kPatterns) {
            const bool meet = std::ranges::any_of(all, [&](const auto& text) { return matches(one, text) && matches(other, text); });
            if (meet) {
                EXPECT_TRUE(patterns_may_meet(one, other)) << one << ", " << other;
            }
        }
    }
    EXPECT_FALSE(patterns_may_meet("/{,usr/}bin/{ba,da,}sh", "/usr/bin/{psql,pg_dump}"));
    EXPECT_FALSE(patterns_may_meet("a*", "b*"));
    EXPECT_FALSE(patterns_may_meet("/srv/*", "/srv/a/b"));
    EXPECT_FALSE(patterns_may_meet("*x", "*y"));
    EXPECT_TRUE(patterns_may_meet("*x", "y*"));
}

}  // namespace
}  // namespace aa::apparmor
