// SPDX-License-Identifier: Apache-2.0
#include "apparmor/findings/pieces.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace aa::apparmor {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// The depth and the words of each piece, with how it ends: "," "$" "{" "}" and "?" for an end that is missing.
std::vector<std::string> pieces(std::string_view text) {
    std::vector<std::string> result;
    for (const auto& piece : pieces_of(text)) {
        std::string line = std::to_string(piece.depth) + ":";
        for (const auto word : piece.words) line += std::string(line.back() == ':' ? "" : "|") + std::string(word);
        result.push_back(line + ",${}?"[static_cast<std::size_t>(piece.end)]);
        EXPECT_LE(piece.begin, piece.words_end);
        EXPECT_LE(piece.words_end, piece.stop);
        EXPECT_LE(piece.stop, text.size());
    }
    return result;
}

TEST(Pieces, OfATextWithoutFaultsAreItsStatements) {
    EXPECT_THAT(
        pieces("include <a>\n@{x} = /a\nprofile p /b flags=(audit,\n complain) {\n deny /c r,\n ^h {\n }\n}\n"),
        ElementsAre("0:include|<a>$", "0:@{x}|=|/a$", "0:profile|p|/b|flags=(audit,\n complain){", "1:deny|/c|r,", "1:^h{", "1:}", "0:}"));
    EXPECT_THAT(
        pieces(
            "profile p\n /a\n{\n dbus send\n  bus=session,\n mount options=(ro)\n  /a -> /b,\n /a px\n  -> b,\n audit\n deny\n /x w,\n}"),
        ElementsAre("0:profile|p|/a{", "1:dbus|send|bus=session,", "1:mount|options=(ro)|/a|->|/b,", "1:/a|px|->|b,", "1:audit|deny|/x|w,",
                    "0:}"));
    EXPECT_THAT(pieces(""), IsEmpty());
}

TEST(Pieces, EndWhereACommaOrABraceIsMissing) {
    EXPECT_THAT(pieces("profile p {\n /a r\n deny /b w\n r /c\n network tcp\n include <d>\n capability\n /e r\n}\n"),
                ElementsAre("0:profile|p{", "1:/a|r?", "1:deny|/b|w?", "1:r|/c?", "1:network|tcp?", "1:include|<d>$", "1:capability?",
                            "1:/e|r?", "0:}"));
    EXPECT_THAT(pieces("profile /a flags(enforce)\n\n# why\n\ninclude <b>\ninclude <c>\nallow /d ix,\n"),
                ElementsAre("0:profile|/a|flags(enforce)?", "0:include|<b>$", "0:include|<c>$", "0:allow|/d|ix,"));
}

TEST(Pieces, AQuoteThatIsNotClosedEndsWithItsLine) {
    EXPECT_THAT(pieces("profile p {\n \"/a b r,\n /c r,\n}\n"), ElementsAre("0:profile|p{", "1:\"/a b r,?", "1:/c|r,", "0:}"));
    EXPECT_THAT(pieces("profile p flags=(a {\n /c r,\n}\n"), ElementsAre("0:profile|p|flags=(a {?", "0:/c|r,", "0:}"));
}

TEST(Pieces, KnowHeadersAndQualifiers) {
    const auto found = pieces_of("profile p {\n audit deny /a w,\n if $x {\n }\n owner {\n }\n hat h {\n }\n}\n/usr/bin/q\n/c r,");
    std::string headers;
    for (const auto& piece : found) headers += piece.is_header() ? 'h' : '.';
    EXPECT_EQ(headers, "h.....h..h.");
    EXPECT_EQ(found[1].keyword(), "/a");
    EXPECT_TRUE(found[1].has_qualifier("deny"));
    EXPECT_FALSE(found[1].has_qualifier("owner"));
}

TEST(Places, AreAsPeopleCount) {
    const std::string_view text = "a\nbc\n";
    EXPECT_EQ(origin_of("f", text, 0).text(), "f:1:1");
    EXPECT_EQ(origin_of("f", text, 3).text(), "f:2:2");
    EXPECT_EQ(origin_of("f", text, 99).text(), "f:3:1");
    EXPECT_EQ((std::vector{line_offset(text, 1), line_offset(text, 2), line_offset(text, 3), line_offset(text, 9)}),
              (std::vector<std::size_t>{0, 2, 5, 5}));
}

}  // namespace
}  // namespace aa::apparmor
