// SPDX-License-Identifier: Apache-2.0
#include "base/diff.h"

#include <gtest/gtest.h>

#include <string>

namespace aa {
namespace {

TEST(Diff, IsWhatDiffPrints) {
    struct Case {
        std::string before, after, diff;
    } const cases[] = {
        {"a\n", "a\n", ""},
        {"", "a\nb\n", "--- old\n+++ new\n@@ -0,0 +1,2 @@\n+a\n+b\n"},
        {"a\n", "", "--- old\n+++ new\n@@ -1 +0,0 @@\n-a\n"},
        {"a", "a\nb", "--- old\n+++ new\n@@ -1 +1,2 @@\n-a\n\\ No newline at end of file\n+a\n+b\n\\ No newline at end of file\n"},
        {"1\n2\n3\n4\n5\n6\n7\n8\n", "1\n2\n3\n4\nx\n6\n7\n8\n", "--- old\n+++ new\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+x\n 6\n 7\n 8\n"},
        {"a\n1\n2\n3\n4\n5\n6\n7\nb\n", "A\n1\n2\n3\n4\n5\n6\n7\nB\n",
         "--- old\n+++ new\n@@ -1,4 +1,4 @@\n-a\n+A\n 1\n 2\n 3\n@@ -6,4 +6,4 @@\n 5\n 6\n 7\n-b\n+B\n"},
        {"a\n1\n2\n3\n4\n5\n6\nb\n", "A\n1\n2\n3\n4\n5\n6\nB\n",
         "--- old\n+++ new\n@@ -1,8 +1,8 @@\n-a\n+A\n 1\n 2\n 3\n 4\n 5\n 6\n-b\n+B\n"},
    };
    for (const auto& each : cases) EXPECT_EQ(unified_diff(each.before, each.after, "old", "new"), each.diff) << each.before;
}

TEST(Diff, ManyLinesTakeNoTimeAndNoMemory) {
    std::string before;
    std::string after;
    for (int i = 0; i < 100000; ++i) {
        before += "a" + std::to_string(i) + "\n";
        after += "b" + std::to_string(i) + "\n";
    }
    const auto diff = unified_diff(before, after, "old", "new");
    EXPECT_TRUE(diff.starts_with("--- old\n+++ new\n@@ -1,100000 +1,100000 @@\n-a0\n"));
}

}  // namespace
}  // namespace aa
