// SPDX-License-Identifier: Apache-2.0
#include "apparmor/source/word_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace aa::apparmor {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

WordIndex index_of(const std::vector<std::string>& texts) {
    WordIndex index;
    for (const auto& text : texts) index.add(text);
    return index;
}

TEST(WordIndex, TellsByTheWordThatTheFewestHave) {
    const auto index = index_of({"profile web {\n", "profile usr.bin.web {\n", "/usr/bin/web {\n", "profile web-1, web\n", ""});
    EXPECT_THAT(index.may_hold("web"), ElementsAre(0, 2, 3));
    EXPECT_THAT(index.may_hold("usr.bin.web"), ElementsAre(1));
    EXPECT_THAT(index.may_hold("/usr/bin/web"), ElementsAre(2));
    EXPECT_THAT(index.may_hold("profile web-1"), ElementsAre(3));
    EXPECT_THAT(index.may_hold("we"), IsEmpty());
    EXPECT_THAT(index.may_hold("web /other"), IsEmpty());
    EXPECT_THAT(index.may_hold("é"), ElementsAre(0, 1, 2, 3, 4));
    EXPECT_THAT(index_of({}).may_hold("web"), IsEmpty());
}

bool holds(const std::string& text, const std::string& name) {
    for (std::size_t at = text.find(name); at != std::string::npos; at = text.find(name, at + 1)) {
        const std::size_t end = at + name.size();
        if ((at == 0 || !is_word_character(text[at - 1])) && (end == text.size() || !is_word_character(text[end]))) return true;
    }
    return false;
}

TEST(WordIndex, NoTextIsMissed) {
    std::mt19937 random{3};  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same texts every time
    const auto some = [&](std::size_t most) {
        std::string text;
        for (std::size_t left = 1 + random() % most; left > 0; --left) text += "ab/ "[random() % 4];
        return text;
    };
    std::size_t held = 0;
    for (int round = 0; round < 300; ++round) {
        std::vector<std::string> texts;
        for (int i = 0; i < 8; ++i) texts.push_back(some(10));
        const auto index = index_of(texts);
        const auto name = some(4);
        const auto found = index.may_hold(name);
        EXPECT_TRUE(std::ranges::is_sorted(found));
        for (std::size_t at = 0; at < texts.size(); ++at) {
            if (!holds(texts[at], name)) continue;
            ++held;
            EXPECT_TRUE(std::ranges::binary_search(found, at)) << "'" << name << "' in '" << texts[at] << "'";
        }
    }
    EXPECT_GT(held, 200U);
}

// What is to be read again for many names: once the texts, and not once for each name.
TEST(WordIndex, ManyNamesAreLookedForInFewTexts) {
    constexpr std::size_t kMany = 1500;
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < kMany; ++i)
        texts.push_back("profile web-" + std::to_string(i) + " /usr/bin/web-" + std::to_string(i) + " {\n}\n");
    const auto index = index_of(texts);
    std::size_t read = 0;
    for (std::size_t i = 0; i < kMany; ++i) {
        read += index.may_hold("web-" + std::to_string(i)).size() + index.may_hold("/usr/bin/web-" + std::to_string(i)).size();
    }
    EXPECT_EQ(read, 2 * kMany);
}

}  // namespace
}  // namespace aa::apparmor
