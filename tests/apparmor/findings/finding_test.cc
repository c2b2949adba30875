// SPDX-License-Identifier: Apache-2.0
#include "apparmor/findings/finding.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace aa::apparmor {
namespace {

TEST(FindingCodes, AreInOrderAndFound) {
    const auto codes = finding_codes();
    ASSERT_FALSE(codes.empty());
    for (std::size_t i = 0; i < codes.size(); ++i) {
        EXPECT_EQ(find_code(codes[i].code), &codes[i]) << codes[i].code;
        EXPECT_TRUE(i == 0 || codes[i - 1].code < codes[i].code) << codes[i].code;
    }
    EXPECT_EQ(find_code("AA000"), nullptr);
    EXPECT_EQ(find_code("AA999"), nullptr);
}

TEST(FindingText, LeavesOutWhatIsEmpty) {
    const Finding whole{"AA401", {"web", 3, 1}, "what", "why", "cure", {}};
    EXPECT_EQ(whole.text(), "web:3:1: warning AA401: what: why; cure");
    EXPECT_EQ(whole.text(Severity::error), "web:3:1: error AA401: what: why; cure");
    const Finding short_one{"AA100", {"web", 0, 0}, "what", {}, {}, {}};
    EXPECT_EQ(short_one.text(), "web: error AA100: what");
}

TEST(Findings, AreSortedAndSaidOnce) {
    std::vector<Finding> findings{{"AA401", {"b", 1, 1}, "x", {}, {}, {}},
                                  {"AA401", {"a", 2, 1}, "x", {}, {}, {}},
                                  {"AA301", {"a", 2, 1}, "x", {}, {}, {}},
                                  {"AA401", {"a", 2, 1}, "x", {}, {}, {}}};
    sort_findings(findings);
    std::string order;
    for (const auto& finding : findings) order += finding.origin.text() + " " + std::string(finding.code) + "\n";
    EXPECT_EQ(order, "a:2:1 AA301\na:2:1 AA401\nb:1:1 AA401\n");
}

}  // namespace
}  // namespace aa::apparmor
