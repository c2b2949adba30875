// SPDX-License-Identifier: Apache-2.0
#include "apparmor/findings/silence.h"

#include <gtest/gtest.h>

namespace aa::apparmor {
namespace {

Finding at(std::uint32_t line, std::string_view code = "AA401") { return {code, {"web", line, 1}, "deaf", {}, {}, {}}; }

// What is left of FINDINGS in a file with TEXT.
std::string left(const std::string& text, std::vector<Finding> findings, Coverage coverage = Coverage::all) {
    const std::vector<SourceText> files{{"web", text}};
    std::string result;
    for (const auto& finding : without_silenced(std::move(findings), files, coverage)) result += finding.text() + "\n";
    return result;
}

const std::string kDeaf = "web:2:1: warning AA401: deaf\n";

TEST(Silence, MeansTheNextLineOrItsOwn) {
    EXPECT_EQ(left("# aa-shim: ignore AA401 because a test\nprofile web { }\n", {at(2)}), "");
    EXPECT_EQ(left("\nprofile web { } # aa-shim: ignore AA401 because a test\n", {at(2)}), "");
    EXPECT_EQ(left("#aa-shim: ignore AA401 because a test\n# about something else\n\nprofile web { }\n", {at(4)}), "");
    EXPECT_EQ(left("// aa-shim: ignore AA401 because a test\n{ }\n", {at(2)}), "");
    EXPECT_EQ(left("# aa-shim: ignore AA301 because one\n# aa-shim: ignore AA401 because two\nprofile web { }\n", {at(3), at(3, "AA301")}),
              "");
    EXPECT_EQ(left("# aa-shim: ignore AA301, AA401 because both\nprofile web { }\n", {at(2), at(2, "AA301")}), "");
}

TEST(Silence, MeansNothingElse) {
    const std::string unused =
        "web:1:1: warning AA902: there is no AA401 here to silence: a comment that stays would hide the next one; remove the comment\n";
    const std::string text = "# aa-shim: ignore AA401 because a test\nprofile web { }\n\n";
    EXPECT_EQ(left(text, {at(3)}), "web:3:1: warning AA401: deaf\n" + unused);
    EXPECT_EQ(left(text, {at(2, "AA301")}), "web:2:1: warning AA301: deaf\n" + unused);
    EXPECT_EQ(left(text, {}), unused);
    EXPECT_EQ(left(text, {}, Coverage::some), "");
    EXPECT_EQ(left(text, {{"AA401", {"other", 2, 1}, "deaf", {}, {}, {}}}), "other:2:1: warning AA401: deaf\n" + unused);
    // No comment, or no word of ours.
    EXPECT_EQ(left("aa-shim: ignore AA401 because a test\nprofile web { }\n", {at(2)}), kDeaf);
    EXPECT_EQ(left("# aa-shim: see AA401 because a test\nprofile web { }\n", {at(2)}), kDeaf);
}

TEST(Silence, NeedsAReason) {
    const std::string problem =
        "web:1:1: warning AA901: the comment that silences AA401 gives no reason: who reads it later cannot tell whether it still "
        "holds, so it silences nothing; write `aa-shim: ignore AA401 because …`\n";
    for (const char* comment : {"# aa-shim: ignore AA401", "# aa-shim: ignore AA401 because", "# aa-shim: ignore AA401 because  \t",
                                "# aa-shim: ignore AA401 for a test"})
        EXPECT_EQ(left(std::string(comment) + "\nprofile web { }\n", {at(2)}), kDeaf + problem) << comment;
}

TEST(Silence, IsNotForEverything) {
    EXPECT_EQ(
        left("# aa-shim: ignore AA4011 because a test\nprofile web { }\n", {at(2)}),
        kDeaf +
            "web:1:1: warning AA903: 'AA4011' is not the code of a finding: the comment silences nothing; write the code as aa-shimctl "
            "prints it, or remove the comment\n");
    EXPECT_EQ(left("# aa-shim: ignore AA100 because a test\nprofile web { }\n", {at(2, "AA100")}),
              "web:2:1: error AA100: deaf\n"
              "web:1:1: warning AA903: AA100 cannot be silenced: an error stays one when the file is loaded, and what is said of comments "
              "would have no end; mend what it is about, and remove the comment\n");
    EXPECT_FALSE(can_be_silenced("AA902"));
    EXPECT_TRUE(can_be_silenced("AA501"));
}

}  // namespace
}  // namespace aa::apparmor
