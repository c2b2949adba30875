// SPDX-License-Identifier: Apache-2.0
#include "apparmor/policy/reachable.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/apparmor/policy/fixture.h"

namespace aa::apparmor {
namespace {

// All that is reachable, one line each.
std::string text(const Result<Reachable>& reachable) {
    if (!reachable) return reachable.error().message;
    static constexpr const char* kExactness[] = {"exact", "conservative", "unbounded"};
    std::string text = std::string(kExactness[static_cast<int>(reachable->exactness)]) + " " + reachable->capabilities.names() + "\n";
    if (!reachable->why.empty()) text += "because " + reachable->why + "\n";
    auto labels = reachable->labels;
    // Compilers number states, and so find the ways, in different orders.
    if (labels.size() > 1) {
        std::sort(labels.begin() + 1, labels.end(), [](const auto& a, const auto& b) { return a.label < b.label; });
    }
    for (const auto& label : labels) {
        const bool all = label.capabilities == CapabilitySet::all();
        text += label.label + " [" + (all ? "all" : label.capabilities.names()) + "] " + label.how + "\n";
    }
    return text;
}

class ReachableFrom : public testing::TestWithParam<const char*> {
protected:
    PolicySet policy(const std::string& name, KernelBehaviour behaviour = {}) {
        return PolicySet(policy_profiles(GetParam(), name), behaviour);
    }
};

INSTANTIATE_TEST_SUITE_P(Compilers, ReachableFrom, testing::ValuesIn(kCompilers), [](const auto& compiler) {
    std::string name = compiler.param;
    std::replace_if(
        name.begin(), name.end(), [](char c) { return c == '.' || c == '-'; }, '_');
    return name;
});

TEST_P(ReachableFrom, FollowsExecHatsAndChanges) {
    auto set = policy("reach");
    EXPECT_EQ(text(reachable_from(set, "start")),
              "exact CHOWN,FOWNER,FSETID,KILL,SETGID,SETUID,SETPCAP,NET_ADMIN,NET_RAW\n"
              "start [CHOWN] the profile itself\n"
              "changed [SETUID] change_profile from 'start//hat'\n"
              "lib [NET_ADMIN] exec from 'start' (px)\n"
              "one [NET_RAW] exec from 'start' (Px)\n"
              "puts [SETPCAP] exec from 'start' (pux)\n"
              "start//cap [FSETID] a hat of 'start'\n"
              "start//hat [FOWNER] a hat of 'start'\n"
              "start//kid [KILL] exec from 'start' (cx -> kid)\n"
              "then [SETGID] change_profile from 'start//hat'\n"
              "under [none] exec from 'start' (px)\n"
              "y//&then [SETGID] exec from 'lib' (px -> &then)\n");
}

TEST_P(ReachableFrom, IsExactWhereOnePathIsNamed) {
    auto set = policy("reach");
    EXPECT_EQ(text(reachable_from(set, "loop")),
              "exact SYS_CHROOT,SYS_NICE\n"
              "loop [SYS_CHROOT] the profile itself\n"
              "alone [SYS_NICE] exec from 'loop' (px -> alone)\n");
    EXPECT_EQ(text(reachable_from(set, "alone")), "exact SYS_NICE\nalone [SYS_NICE] the profile itself\n");
    EXPECT_EQ(text(reachable_from(set, "start//cap")),
              "exact FOWNER,FSETID,SETGID,SETUID\n"
              "start//cap [FSETID] the profile itself\n"
              "changed [SETUID] change_profile from 'start//hat'\n"
              "start//hat [FOWNER] a hat of 'start'\n"
              "then [SETGID] change_profile from 'start//hat'\n");
}

TEST_P(ReachableFrom, SaysWhatItIsNotSureOf) {
    auto set = policy("reach");
    const std::string doubt = "it is not certain that, when profile 'vague' executes something, profile 'never' is the one that attaches";
    EXPECT_EQ(text(reachable_from(set, "vague")), "conservative SYS_BOOT\nbecause " + doubt +
                                                      "\nvague [none] the profile itself\n"
                                                      "every [none] exec from 'vague' (px)\n"
                                                      "never [SYS_BOOT] exec from 'vague' (px); " +
                                                      doubt + "\n");
}

TEST_P(ReachableFrom, HasNoBoundWhereNothingIsRefused) {
    auto set = policy("reach");
    const std::string all = "unbounded " + CapabilitySet::all().names() + "\n";
    EXPECT_EQ(text(reachable_from(set, "toward")), all +
                                                       "because label 'learning', where nothing is refused, can be reached: exec from "
                                                       "'toward' (px -> learning)\n"
                                                       "toward [none] the profile itself\n"
                                                       "learning [all] exec from 'toward' (px -> learning)\n");
    EXPECT_EQ(text(reachable_from(set, "learning")),
              all + "because label 'learning' is unconfined or in complain mode\nlearning [all] the profile itself\n");
    EXPECT_EQ(text(reachable_from(set, "unconfined")),
              all + "because label 'unconfined' is unconfined or in complain mode\nunconfined [all] the profile itself\n");
    const auto open = reachable_from(set, "open");
    ASSERT_TRUE(open);
    EXPECT_EQ(open->why, "label 'unconfined', where nothing is refused, can be reached: exec from 'open' (pux)");
    const auto any = reachable_from(set, "all");
    ASSERT_TRUE(any);
    EXPECT_EQ(any->exactness, Exactness::unbounded);
    EXPECT_EQ(any->labels.size(), set.all()->size() + 1 /* unconfined */ + 1 /* y//&then */);
}

TEST_P(ReachableFrom, StacksAllowWhatAllOfThemAllow) {
    auto set = policy("reach");
    EXPECT_EQ(text(reachable_from(set, "alone//&then")),
              "exact none\n"
              "alone//&then [none] the profile itself\n");
    EXPECT_EQ(text(reachable_from(set, "alone//&unconfined")), "exact SYS_NICE\nalone//&unconfined [SYS_NICE] the profile itself\n");
    EXPECT_EQ(text(reachable_from(set, "loop//&alone")),
              "conservative SYS_NICE\nbecause the components of 'loop//&alone' are taken to move independently of each other\n"
              "loop//&alone [none] the profile itself\n"
              "alone [SYS_NICE] a move from 'loop//&alone'\n");
    const auto both = reachable_from(set, "start//&all");
    ASSERT_TRUE(both);
    EXPECT_EQ(both->exactness, Exactness::conservative);
    EXPECT_EQ(both->capabilities, reachable_from(set, "start")->capabilities);
}

TEST_P(ReachableFrom, AllWaysOfARule) {
    auto set = policy("exec");
    const auto a = reachable_from(set, "a");
    ASSERT_TRUE(a);
    EXPECT_EQ(a->exactness, Exactness::unbounded);
    for (const char* label : {"a", "a//kid", "a//hat", "a///cx", "a//cap", "at", "b", "c", "a//&b", "at//&b", "b//&c", "unconfined"}) {
        EXPECT_TRUE(std::any_of(a->labels.begin(), a->labels.end(), [&](const auto& reached) { return reached.label == label; })) << label;
    }
    EXPECT_EQ(text(reachable_from(set, "b")), "exact " + CapabilitySet::all().names() +
                                                  "\n"
                                                  "b [none] the profile itself\n"
                                                  "c [all] exec from 'b' (px -> c)\n");
    EXPECT_EQ(text(reachable_from(set, "strict")), "exact none\nstrict [none] the profile itself\n");
    EXPECT_EQ(reachable_from(set, "tofree")->exactness, Exactness::unbounded);
}

TEST_P(ReachableFrom, AttributesMayDecide) {
    auto set = policy("attributes");
    const auto starter = reachable_from(set, "starter");
    ASSERT_TRUE(starter);
    EXPECT_EQ(starter->exactness, Exactness::conservative);
    EXPECT_EQ(starter->labels.size(), 4U);
    EXPECT_EQ(starter->capabilities, CapabilitySet(1));
}

TEST_P(ReachableFrom, RefusesAsAnExecDoes) {
    auto profiles = policy_profiles(GetParam(), "reach");
    for (auto& profile : profiles) {
        if (profile.name == "alone") profile.mode = Mode::prompt;
    }
    PolicySet set(std::move(profiles));
    const struct {
        const char* label;
        ErrorKind kind;
        const char* message;
    } kRows[] = {
        {"gone", ErrorKind::not_found, "profile 'gone' is not loaded"},
        {"start//&gone", ErrorKind::not_found, "profile 'gone' is not loaded"},
        {"", ErrorKind::config, "cannot evaluate label '': a component is empty"},
        {":ns:a", ErrorKind::config, "cannot evaluate label ':ns:a': it names a policy namespace"},
        {"loop", ErrorKind::config, "cannot evaluate profile 'alone': it is in prompt mode"},
    };
    for (const auto& row : kRows) {
        const auto reachable = reachable_from(set, row.label);
        ASSERT_FALSE(reachable) << row.label;
        EXPECT_EQ(reachable.error().message, row.message);
        EXPECT_EQ(reachable.error().kind, row.kind);
    }
    EXPECT_EQ(allowed_capabilities(set, "start//&gone").error().message, "profile 'gone' is not loaded");
    EXPECT_EQ(allowed_capabilities(set, "alone").error().message, "cannot evaluate profile 'alone': it is in prompt mode");
}

TEST_P(ReachableFrom, CapabilitiesOfALabel) {
    auto set = policy("exec");
    const struct {
        const char* label;
        const char* expected;
    } kRows[] = {
        {"a", "CHOWN"},       {"a//kid", "none"},        {"bare", "NET_ADMIN"},       {"a//&c", "CHOWN"},
        {"a//&bare", "none"}, {"bare//&c", "NET_ADMIN"}, {"a//&unconfined", "CHOWN"}, {"a//&learn", "CHOWN"},
    };
    for (const auto& row : kRows) EXPECT_EQ(allowed_capabilities(set, row.label)->names(), row.expected) << row.label;
    for (const char* label : {"c", "learn", "free", "unconfined", "free//&learn"}) {
        EXPECT_EQ(*allowed_capabilities(set, label), CapabilitySet::all()) << label;
    }
}

// Kernels that look into the policydb: the class, then the word of 32 capabilities, then its bits.
TEST(Capabilities, OfRulesInThePolicydb) {
    Profile profile;
    profile.name = "p";
    profile.capabilities = CapabilitySet(1);
    std::vector<std::uint64_t> edges(512);
    edges[0] = edges[1] = std::uint64_t{1} << 32U;
    edges[0] |= 2;
    edges[1] |= 3;
    profile.capability_rules =
        Automaton({.states = Words({std::uint64_t{256} << 32U, 0, std::uint64_t{256} << 32U, std::uint64_t{256} << 32U}),
                   .edges = Words(edges),
                   .accept = Words({0, 0, 1, 2}),
                   .permissions = Words({0, 0, std::uint64_t{1U << 12U} << 32U, 0, std::uint64_t{1U << 7U} << 32U, 0}),
                   .classes = {}});
    profile.capability_start = 1;
    PolicySet set({profile});
    EXPECT_EQ(allowed_capabilities(set, "p")->names(), "NET_ADMIN,BPF");
}

// A profile with many children, each of which starts the next, and one that may change to all of them.
TEST_P(ReachableFrom, ManyLabels) {
    auto profiles = policy_profiles(GetParam(), "reach");
    const auto named = [&](std::string_view name) {
        return *std::find_if(profiles.begin(), profiles.end(), [&](const Profile& profile) { return profile.name == name; });
    };
    std::vector<Profile> many = {named("all")};
    for (int i = 0; i < 300; ++i) {
        many.push_back(named("alone"));
        many.back().name += std::to_string(i);
    }
    many.push_back(named("then"));
    PolicySet set(std::move(many));
    const auto reachable = reachable_from(set, "all");
    ASSERT_TRUE(reachable);
    EXPECT_EQ(reachable->labels.size(), 256U);
    EXPECT_EQ(reachable->exactness, Exactness::unbounded);
    EXPECT_EQ(reachable->why, "labels where nothing is refused can be reached from 'all'");
}

}  // namespace
}  // namespace aa::apparmor
