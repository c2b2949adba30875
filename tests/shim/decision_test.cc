// SPDX-License-Identifier: Apache-2.0
#include "shim/decision.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "apparmor/catalog/json.h"
#include "tests/shim/scripted_policy.h"

namespace aa::shim {
namespace {

using testing::HasSubstr;

constexpr std::string_view kCatalog = R"({
  "confinements": {
    "baseline": {"apparmor": "base", "capabilities": ["CHOWN", "KILL"]},
    "web": {"apparmor": "web", "capabilities": ["NET_BIND_SERVICE"], "noNewPrivileges": true, "denySyscalls": ["keyctl"],
            "exec": {"rules": [{"command": "/usr/bin/pg_dump", "apparmor": "web//backup"},
                               {"command": "/{,usr/}bin/{ba,da,}sh", "deny": "no shells"}],
                     "otherwise": "base"}},
    "closed": {"apparmor": "closed", "capabilities": [], "exec": {"rules": [], "otherwise": "deny"}},
    "stacked": {"apparmor": {"profile": "web", "combine": "stack"}, "capabilities": []},
    "replaced": {"apparmor": {"profile": "web", "combine": "replace"}, "capabilities": [], "runtimeAnnotations": ["run.oci.hooks.*=/?"]},
    "free": {"unconfined": true, "allCapabilities": true}
  },
  "rules": [
    {"match": {"handler": "web"}, "use": "web", "selectable": ["closed"]},
    {"match": {"handler": "free"}, "use": "free"},
    {"match": {"handler": "never"}, "reject": "not here"},
    {"match": {"handler": "pass"}, "pass": true},
    {"match": {"handler": "replaced"}, "use": "replaced"},
    {"match": {"handler": "pass", "sandbox": true}, "pass": true}
  ],
  "otherwise": "baseline"
})";

class DecisionTest : public testing::Test {
protected:
    void SetUp() override {
        const apparmor::CatalogSource source{"c.json", std::string(kCatalog)};
        auto reading = apparmor::read_catalog({&source, 1});
        for (const auto& error : reading.errors) ADD_FAILURE() << error.text();
        compiled_ = apparmor::compile_catalog(reading.catalog);
        auto view = apparmor::CompiledCatalog::view(compiled_, "test");
        ASSERT_TRUE(view.has_value()) << view.error().message;
        catalog_.emplace(*std::move(view));
    }

    Result<Decision> judge(std::string_view handler, const Asked& asked = {}, AppArmorState state = AppArmorState::available) {
        apparmor::Facts facts;
        facts.handler = handler;
        return judge_container(*catalog_, facts, asked, state, policy_);
    }

    std::string compiled_;
    std::optional<apparmor::CompiledCatalog> catalog_;
    ScriptedPolicy policy_;
};

TEST_F(DecisionTest, TheFirstMatchingRuleElseOtherwise) {
    const auto web = judge("web");
    ASSERT_TRUE(web.has_value()) << web.error().message;
    EXPECT_EQ(web->confinement, "web");
    EXPECT_EQ(web->rule, "rule c.json:14:5");
    EXPECT_EQ(web->bounds, (Bounds{"web", CapabilitySet(1U << 10U), true, {"keyctl"}}));
    EXPECT_THAT(web->reasons, testing::Contains("the engine asks for no profile, it gets 'web'"));

    const auto other = judge("");
    ASSERT_TRUE(other.has_value());
    EXPECT_EQ(other->confinement, "baseline");
    EXPECT_EQ(other->bounds, (Bounds{"base", CapabilitySet(0b100001), false, {}}));
    EXPECT_THAT(other->rule, HasSubstr("otherwise"));
}

TEST_F(DecisionTest, RejectAndPass) {
    const auto never = judge("never");
    ASSERT_FALSE(never.has_value());
    EXPECT_EQ(never.error().kind, ErrorKind::denied);
    EXPECT_EQ(never.error().message, "the catalog rejects it: not here (rule c.json:16:5)");
    const auto pass = judge("pass");
    ASSERT_TRUE(pass.has_value());
    EXPECT_TRUE(pass->pass);
    EXPECT_EQ(pass->bounds, Bounds{});
}

TEST_F(DecisionTest, WhatSteersTheRuntimeIsForTheConfinement) {
    constexpr apparmor::FactPair kSteering[] = {{"team", "a"}, {"run.oci.hooks.stdout", "/x"}};
    apparmor::Facts facts;
    facts.annotations = kSteering;
    const auto judged = [&](std::string_view handler, bool sandbox) {
        facts.handler = handler;
        facts.sandbox = sandbox;
        const auto decision = judge_container(*catalog_, facts, {}, AppArmorState::available, policy_);
        return decision ? (decision->pass ? std::string("pass") : decision->confinement) : decision.error().message;
    };
    const std::string refused =
        "the annotation 'run.oci.hooks.stdout' with the value '/x' would steer the runtime itself: remove it, or let the operator ";
    EXPECT_EQ(judged("", false), refused + "list it under \"runtimeAnnotations\" of confinement 'baseline' (c.json:3:5)");
    EXPECT_EQ(judged("web", false), refused + "list it under \"runtimeAnnotations\" of confinement 'web' (c.json:4:5)");
    EXPECT_EQ(judged("replaced", false), "replaced");
    EXPECT_EQ(judged("pass", false), "pass");
    // The default for sandboxes is nobody's decision; a rule that passes them is the operator's.
    EXPECT_EQ(judged("", true), refused +
                                    "give such sandboxes a rule (\"sandbox\": true) whose confinement lists it under "
                                    "\"runtimeAnnotations\"");
    EXPECT_EQ(judged("pass", true), "pass");
}

TEST_F(DecisionTest, AContainerMayAskOnlyForWhatItsRuleLists) {
    const auto listed = judge("web", {.profile = {}, .confinement = "closed"});
    ASSERT_TRUE(listed.has_value()) << listed.error().message;
    EXPECT_EQ(listed->confinement, "closed");
    const auto same = judge("web", {.profile = {}, .confinement = "web"});
    ASSERT_TRUE(same.has_value());
    EXPECT_EQ(same->confinement, "web");
    for (const char* name : {"free", "baseline", "nosuch", ""}) {
        const auto refused = judge("web", {.profile = {}, .confinement = name});
        ASSERT_FALSE(refused.has_value()) << name;
        EXPECT_EQ(refused.error().message,
                  "the annotation 'aa-shim/confinement' asks for confinement '" + std::string(name) +
                      "', which rule c.json:14:5 does not list under \"selectable\": remove the annotation, or let the operator list it");
    }
}

TEST_F(DecisionTest, WithoutAppArmorOnlyTheProfileIsMissing) {
    const auto decision = judge("web", {}, AppArmorState::unavailable);
    ASSERT_TRUE(decision.has_value());
    EXPECT_EQ(decision->bounds, (Bounds{std::nullopt, CapabilitySet(1U << 10U), true, {"keyctl"}}));
}

TEST(CombineLabels, Table) {
    using apparmor::Combine;
    struct Case {
        const char* name;
        std::optional<std::string> asked;
        Combine combine;
        const char* expected;
    };
    const Case cases[] = {
        {"nothing asked", std::nullopt, Combine::tighten, "web"},
        {"empty", "", Combine::tighten, "web"},
        {"unconfined", "unconfined", Combine::tighten, "web"},
        {"engine's default", "docker-default", Combine::tighten, "web"},
        {"somebody's own", "custom", Combine::tighten, "custom//&web"},
        {"already there", "web", Combine::tighten, "web"},
        {"done twice", "custom//&web", Combine::tighten, "custom//&web"},
        {"stack on a default", "docker-default", Combine::stack, "docker-default//&web"},
        {"stack on nothing", "unconfined", Combine::stack, "web"},
        {"replace", "custom", Combine::replace, "web"},
        {"replace what is no label", "A//&", Combine::replace, "web"},
    };
    for (const auto& c : cases) {
        const auto label = combine_labels(c.asked, std::string("web"), c.combine);
        ASSERT_TRUE(label.has_value()) << c.name;
        EXPECT_EQ(*label, c.expected) << c.name;
    }
}

// The kernel takes each of these for "unconfined", in whole or in a component.
TEST(CombineLabels, WhatTheKernelWouldTakeForUnconfinedIsRefused) {
    for (const char* asked : {"u", "un", "unconfine", ":", "A//&", "//&A", "&A", ":ns:A", " A", "A "}) {
        const auto label = combine_labels(asked, std::string("web"), apparmor::Combine::tighten);
        ASSERT_FALSE(label.has_value()) << asked;
        EXPECT_EQ(label.error().kind, ErrorKind::denied);
        EXPECT_THAT(label.error().message, HasSubstr("the AppArmor profile that was asked for: ")) << asked;
    }
}

TEST(CombineLabels, AnUnconfinedConfinementTakesNothingAway) {
    using apparmor::Combine;
    const apparmor::ProfileChoice unconfined = apparmor::Unconfined{};
    EXPECT_EQ(*combine_labels("custom", unconfined, Combine::tighten), "custom");
    EXPECT_EQ(*combine_labels("docker-default", unconfined, Combine::tighten), "unconfined");
    EXPECT_EQ(*combine_labels(std::nullopt, unconfined, Combine::tighten), "unconfined");
    EXPECT_EQ(*combine_labels("custom", unconfined, Combine::replace), "unconfined");
}

TEST_F(DecisionTest, ACeilingFromTheProfileIsWhatThePolicySays) {
    apparmor::Confinement web;
    web.name = "web";
    web.profile = "web";
    web.ceiling = apparmor::FromProfile{CapabilitySet(0b101)};
    EXPECT_EQ(**judge_ceiling(web, AppArmorState::available, policy_), CapabilitySet(0b101));
    policy_.unbounded = true;
    EXPECT_EQ(judge_ceiling(web, AppArmorState::available, policy_).error().message, "confinement 'web': there is no bound");
    EXPECT_EQ(judge_ceiling(web, AppArmorState::unavailable, policy_).error().message,
              "confinement 'web' takes its capabilities \"from-profile\", and AppArmor is not available: list them in the catalog");
}

}  // namespace
}  // namespace aa::shim
