// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace aa {
namespace {

using namespace std::string_literals;

TEST(Text, QuoteIsSafeForATerminal) {
    struct Case {
        std::string text;
        const char* expected;
    };
    const Case cases[] = {
        {"web", "'web'"},
        {"", "''"},
        {"it's", R"('it\x27s')"},
        {R"(a\b)", R"('a\x5cb')"},
        {"a\nb\x1b[2J\x7f", R"('a\x0ab\x1b[2J\x7f')"},
        {"\0x"s, R"('\x00x')"},
        {"häß", "'häß'"},
        {"\xff\xc3", R"('\xff\xc3')"},
        {"\xc2\x9b", R"('\xc2\x9b')"},          // CSI as a C1 control character
        {"\xed\xa0\x80", R"('\xed\xa0\x80')"},  // a surrogate is not UTF-8
    };
    for (const auto& c : cases) EXPECT_EQ(quote(c.text), c.expected);
}

TEST(Text, QuoteCutsWhatIsLong) {
    const auto quoted = quote(std::string(10000, 'x'));
    EXPECT_EQ(quoted, "'" + std::string(256, 'x') + "…'");
}

TEST(Text, QuoteSomeSaysHowManyMore) {
    EXPECT_EQ(quote_some(std::vector<std::string>{"a\n"}), R"('a\x0a')");
    EXPECT_EQ(quote_some(std::vector<std::string>{"a", "b", "c", "d"}), "'a', 'b', 'c', 'd'");
    EXPECT_EQ(quote_some(std::vector<std::string>{"a", "b", "c", "d", "e", "f"}), "'a', 'b', 'c', 'd' and 2 more");
}

TEST(Text, JsonEscapeIsValidJson) {
    EXPECT_EQ(json_escape("a\"b\\c\n\x01\x7f"), R"(a\"b\\c\u000a\u0001\u007f)");
    EXPECT_EQ(json_escape("\xff"), "\xEF\xBF\xBD");
    EXPECT_EQ(json_escape("häß"), "häß");
}

TEST(Text, Utf8Length) {
    struct Case {
        std::string text;
        std::size_t expected;
    };
    const Case cases[] = {
        {"", 0},
        {"a", 1},
        {"\x80", 0},      // a continuation byte alone
        {"\xc0\x80", 0},  // an overlong NUL
        {"\xc3\xa4", 2},
        {"\xc3", 0},
        {"\xe0\x80\x80", 0},  // overlong
        {"\xe2\x82\xac", 3},
        {"\xed\x9f\xbf", 3},  // the last before the surrogates
        {"\xed\xa0\x80", 0},
        {"\xf0\x8f\xbf\xbf", 0},  // overlong
        {"\xf0\x9f\x98\x80", 4},
        {"\xf4\x90\x80\x80", 0},  // above U+10FFFF
        {"\xf5\x80\x80\x80", 0},
    };
    for (const auto& c : cases) EXPECT_EQ(utf8_length(c.text), c.expected) << testing::PrintToString(c.text);
}

TEST(Text, ClosestIsNearOrNothing) {
    constexpr std::array<std::string_view, 3> kWords{"NET_ADMIN", "NET_RAW", "SYS_ADMIN"};
    EXPECT_EQ(closest("NET_ADMN", kWords), "NET_ADMIN");
    EXPECT_EQ(closest("net_raw", kWords), "NET_RAW");
    EXPECT_EQ(closest("FOWNER", kWords), "");
    EXPECT_EQ(closest("", kWords), "");
}

TEST(Text, Numbers) {
    EXPECT_EQ(decimal(0), "0");
    EXPECT_EQ(decimal(-9223372036854775807LL - 1), "-9223372036854775808");
    EXPECT_EQ(hex64(0xdeadbeefULL), "00000000deadbeef");
    unsigned long long value = 0;
    EXPECT_TRUE(parse_decimal("18446744073709551615", value));
    EXPECT_EQ(value, 18446744073709551615ULL);
    for (const char* text : {"", "-1", "+1", " 1", "1 ", "1x", "18446744073709551616"}) EXPECT_FALSE(parse_decimal(text, value)) << text;
}

TEST(Join, PutsTheSeparatorBetween) {
    EXPECT_EQ(join(std::vector<std::string>{}, ", "), "");
    EXPECT_EQ(join(std::vector<std::string>{"a"}, ", "), "a");
    EXPECT_EQ(join(std::vector<std::string>{"a", "", "a"}, ", "), "a, , a");
}

TEST(Lines, LoseTheirEnds) {
    using Views = std::vector<std::string_view>;
    EXPECT_EQ(lines(""), Views{});
    EXPECT_EQ(lines("a"), Views{"a"});
    EXPECT_EQ(lines("a\n\nb\n"), (Views{"a", "", "b"}));
}

}  // namespace
}  // namespace aa
