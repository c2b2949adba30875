// SPDX-License-Identifier: Apache-2.0
#include "apparmor/catalog/match_cover.h"

#include <gtest/gtest.h>

namespace aa::apparmor {
namespace {

TEST(MatchCover, ClausesThatExcludeEachOther) {
    const auto apart = [](const Match& one, const Match& other) { return !may_both_match(one, other) && !may_both_match(other, one); };
    EXPECT_TRUE(apart({.engine = "docker"}, {.engine = "podman"}));
    EXPECT_TRUE(apart({.handler = "w*"}, {.handler = "db"}));
    EXPECT_TRUE(apart({.user = 0}, {.user = 1}));
    EXPECT_TRUE(apart({.privileged = true}, {.privileged = false}));
    EXPECT_TRUE(apart({.sandbox = true}, {}));
    EXPECT_TRUE(apart({.unmasked = true}, {.unmasked = false}));
    EXPECT_TRUE(apart({.hooks = true}, {.hooks = false}));
    EXPECT_TRUE(apart({.labels = {{"tier", "a*"}}}, {.labels = {{"other", "x"}, {"tier", "b"}}}));
    EXPECT_TRUE(apart({.image = "registry.example/web/*"}, {.image = "registry.example/db/*"}));
}

TEST(MatchCover, ClausesThatDoNot) {
    const auto together = [](const Match& one, const Match& other) { return may_both_match(one, other) && may_both_match(other, one); };
    EXPECT_TRUE(together({}, {.engine = "docker"}));
    EXPECT_TRUE(together({.handler = "web"}, {.image = "x"}));
    EXPECT_TRUE(together({.labels = {{"tier", "a"}}}, {.labels = {{"other", "b"}}}));
    EXPECT_TRUE(together({.labels = {{"tier", "a"}}}, {.annotations = {{"tier", "b"}}}));
    // A request may bring several.
    EXPECT_TRUE(together({.host_path = "/a"}, {.host_path = "/b"}));
    EXPECT_TRUE(together({.device = "/dev/a"}, {.device = "/dev/b"}));
    EXPECT_TRUE(together({.host_namespace = HostNamespace::pid}, {.host_namespace = HostNamespace::network}));
}

TEST(MatchCover, OneImageHasTwoNames) {
    for (const char* other :
         {"docker.io/library/nginx:*", "docker.io/nginx*", "index.docker.io/library/nginx:1", "library/nginx", "d*", "*"}) {
        EXPECT_TRUE(may_both_match({.image = "nginx*"}, {.image = other})) << other;
        EXPECT_TRUE(may_both_match({.image = other}, {.image = "nginx*"})) << other;
    }
    EXPECT_FALSE(may_both_match({.image = "nginx*"}, {.image = "docker.io/library/postgres:*"}));
}

TEST(MatchCover, Words) {
    EXPECT_EQ(to_text(Match{}), "any container");
    EXPECT_EQ(to_text(Match{.sandbox = false}), "any container");
    EXPECT_EQ(
        to_text(Match{.labels = {{"tier", "web"}}, .image = "nginx*", .user = 7, .privileged = false, .host_path_outside = {"/srv/**"}}),
        "image 'nginx*', label 'tier' = 'web', user 7, not privileged, host path outside '/srv/**'");
}

}  // namespace
}  // namespace aa::apparmor
