// SPDX-License-Identifier: Apache-2.0
//
// Edits of findings, applied: what changes, what does not, and when nothing does.
#include "apparmor/findings/fix.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "apparmor/findings/mended.h"
#include "apparmor/findings/syntax.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

Finding with(std::vector<Edit> fix, std::string_view code = "AA101") { return {code, {"p", 1, 1}, "", "", "", std::move(fix)}; }

TEST(Edits, ChangeNothingElse) {
    EXPECT_EQ(apply_fixes("abcdef", {}), "abcdef");
    EXPECT_EQ(apply_fixes("abcdef", std::vector{with({{4, 1, "EE"}}), with({{0, 0, ">"}}), with({{2, 1, ""}})}), ">abdEEf");
    EXPECT_EQ(apply_fixes("a\tb\r\n\xef\xbb\xbf", std::vector{with({{2, 1, "c"}})}), "a\tc\r\n\xef\xbb\xbf");
    EXPECT_EQ(apply_fixes("a", std::vector{with({{1, 0, "}"}})}), "a}");
}

TEST(Edits, OfOneFindingAreMadeTogetherOrNotAtAll) {
    EXPECT_EQ(apply_fixes("abcdef", std::vector{with({{2, 2, "X"}}), with({{0, 1, "A"}, {3, 1, "D"}})}), "abXef");
    EXPECT_EQ(apply_fixes("abcdef", std::vector{with({{2, 2, "X"}}), with({{4, 0, "Y"}}), with({{5, 0, "Z"}})}),
              "abXeZf");  // touching: later
}

TEST(Edits, OutsideOfTheTextAreNone) {
    EXPECT_EQ(apply_fixes("abc", std::vector{with({{4, 0, "x"}}), with({{2, 2, "x"}}), with({{~std::size_t{0}, 1, "x"}})}), "abc");
}

TEST(Mended, KnowsWhatIsStillTheOriginals) {
    Mended copy("abcdef");
    copy.apply({2, 2, "XYZ"});  // abXYZef
    EXPECT_EQ(copy.text(), "abXYZef");
    EXPECT_EQ(copy.original(1), 1U);
    EXPECT_EQ(copy.original(5), 4U);
    EXPECT_EQ(copy.original(Edit{5, 1, "!"}), (Edit{4, 1, "!"}));
    EXPECT_EQ(copy.original(Edit{1, 2, "!"}), std::nullopt);
    copy.blank(0, 2);
    EXPECT_EQ(copy.text(), "  XYZef");
}

const MayReplace kAlways = [](const std::string&, const std::string&) { return Result<void>(); };

// Finds each x, and fixes it: by Y, or as TO says.
Examine examine_x(std::string to = "Y") {
    return [to](const std::string& text) -> Result<std::vector<Finding>> {
        std::vector<Finding> found;
        for (std::size_t i = 0; i < text.size(); ++i) {
            if (text[i] == 'x') found.push_back(with({{i, 1, to}}));
        }
        return found;
    };
}

TEST(Fix, GoesOnUntilNothingIsLeft) {
    const auto fixed = fix_text("p", "axxb", examine_x(), kAlways);  // two that touch
    ASSERT_TRUE(fixed);
    EXPECT_EQ(fixed->text, "aYYb");
    EXPECT_THAT(fixed->left, IsEmpty());
}

TEST(Fix, EndsThoughItsEditsBringNewFaults) {
    const auto fixed = fix_text("p", "ax", examine_x("yx"), kAlways);
    ASSERT_TRUE(fixed);
    EXPECT_THAT(fixed->text, HasSubstr("yyx"));
}

TEST(Fix, LeavesAFileThatItWouldMakeWorse) {
    const auto fixed = fix_text("p", "ax", examine_x("xyx"), kAlways);
    ASSERT_FALSE(fixed);
    EXPECT_EQ(fixed.error().message, "'p' would have more errors with its fixes than without: it stays as it is; mend it by hand");
}

TEST(Fix, AsksWhetherItMay) {
    const auto refuse = [](const std::string& before, const std::string& after) -> Result<void> {
        return Error{ErrorKind::config, before + " to " + after};
    };
    const auto fixed = fix_text("p", "ax", examine_x(), refuse);
    ASSERT_FALSE(fixed);
    EXPECT_EQ(fixed.error().message, "'p': ax to aY");
    EXPECT_TRUE(fix_text("p", "ab", examine_x(), refuse));  // nothing to replace
}

TEST(Fix, NeverChangesWhatAProfileAllows) {
    const auto parser = Parser::find();
    if (!parser) GTEST_SKIP() << parser.error().message;
    const auto may_replace = same_policy(*parser, *packaged_features());
    EXPECT_TRUE(may_replace("profile p {\n /a RW,\n}\n", "profile p {\n /a rw,\n}\n"));
    EXPECT_TRUE(may_replace("profile p {\n /a rw\n}\n", "profile p {\n /a rw,\n}\n"));  // allowed nothing
    const auto wider = may_replace("profile p {\n /a r,\n}\n", "profile p {\n /a rw,\n}\n");
    ASSERT_FALSE(wider);
    EXPECT_EQ(wider.error().message,
              "the profile loads as it is, and its fixes would change what it allows: it stays as it is; mend it by hand");
    EXPECT_FALSE(may_replace("profile p {\n /a r,\n}\n", "profile p {\n /a r\n}\n"));  // loads no more
}

TEST(Fix, KeepsEveryOtherByteOfAProfile) {
    const auto parser = Parser::find();
    if (!parser) GTEST_SKIP() << parser.error().message;
    const std::string features = *packaged_features();
    const auto examine = [&](const std::string& text) { return syntax_findings(*parser, "p", text, features); };
    struct Case {
        const char* name;
        std::string before, after;
    } const cases[] = {
        {"CRLF", "profile p {\r\n\t/a r\r\n  deny /b rix, # why\r\n}\r\n", "profile p {\r\n\t/a r,\r\n  deny /b rx, # why\r\n}\r\n"},
        {"no line end at the end", "profile p {\n /a r\n}", "profile p {\n /a r,\n}"},
        {"no line end and no brace", "profile p {\n /a r,", "profile p {\n /a r,\n}\n"},
        {"a mark before it", "\xef\xbb\xbf# caf\xc3\xa9\nprofile p {\n /a RW,\n}\n", "# caf\xc3\xa9\nprofile p {\n /a rw,\n}\n"},
        {"CRLF and tunables", "# top\r\nprofile p {\r\n @{HOME}/x r,\r\n}\r\n",
         "# top\r\ninclude <tunables/global>\r\nprofile p {\r\n @{HOME}/x r,\r\n}\r\n"},
    };
    for (const auto& test : cases) {
        const auto fixed = fix_text("p", test.before, examine, same_policy(*parser, features));
        ASSERT_TRUE(fixed) << test.name << ": " << fixed.error().message;
        EXPECT_EQ(fixed->text, test.after) << test.name;
        EXPECT_THAT(fixed->left, IsEmpty()) << test.name;
    }
}

}  // namespace
}  // namespace aa::apparmor
