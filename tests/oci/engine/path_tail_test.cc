// SPDX-License-Identifier: Apache-2.0
#include "oci/engine/path_tail.h"

#include <gtest/gtest.h>

#include <array>
#include <string_view>
#include <vector>

namespace aa::oci {
namespace {

TEST(PathTail, IsWhatThePathEndsIn) {
    struct Case {
        std::string_view path;
        std::vector<std::string_view> tail;
        std::optional<std::string_view> head;
    };
    const std::array<Case, 17> cases{{
        {"/a/b/c/d", {"c", "d"}, "/a/b"},
        {"/a/b/c/d/", {"c", "d"}, "/a/b"},
        {"/c/d", {"c", "d"}, ""},
        {"/a/b", {}, "/a/b"},
        {"/a/any/d", {"*", "d"}, "/a"},
        {"/a/*/d", {"*", "d"}, "/a"},
        {"/d", {"c", "d"}, std::nullopt},
        {"a/c/d", {"c", "d"}, std::nullopt},
        {"c/d", {"c", "d"}, std::nullopt},
        {"/a/c/dd", {"c", "d"}, std::nullopt},
        {"/a/xc/d", {"c", "d"}, std::nullopt},
        {"/a/c//d", {"c", "*"}, std::nullopt},
        {"/a/c/d//", {"c", "d"}, std::nullopt},
        {"/a/c/..", {"c", "*"}, std::nullopt},
        {"/a/./d", {"*", "d"}, std::nullopt},
        {"", {"d"}, std::nullopt},
        {"/", {"*"}, std::nullopt},
    }};
    for (const auto& c : cases) EXPECT_EQ(before_tail(c.path, c.tail), c.head) << c.path;
}

TEST(PathTail, LastComponent) {
    EXPECT_EQ(last_component("/a/b"), "b");
    EXPECT_EQ(last_component("/a/b/"), "b");
    EXPECT_EQ(last_component("b"), "b");
    EXPECT_EQ(last_component("/"), "");
    EXPECT_EQ(last_component(""), "");
}

}  // namespace
}  // namespace aa::oci
