// SPDX-License-Identifier: Apache-2.0
#include "ctl/status/standing.h"

#include <gtest/gtest.h>

#include "tests/apparmor/policy/fixture.h"

namespace aa::ctl::status {
namespace {

using apparmor::Mode;

constexpr CapabilitySet kChown(1);
constexpr CapabilitySet kKill(1U << 5U);

shim::Decision decided(const std::string& profile, std::optional<CapabilitySet> ceiling = std::nullopt) {
    shim::Decision decision;
    decision.bounds.profile = profile;
    decision.bounds.ceiling = ceiling;
    return decision;
}

apparmor::Confinement confinement(const std::string& profile, const std::vector<std::string>& exec_profiles = {}) {
    apparmor::Confinement result;
    result.profile = profile;
    for (const auto& one : exec_profiles) result.exec_rules.push_back({"/x", one, {}});
    return result;
}

shim::Observed observed(const std::string& label, CapabilitySet bounding = {}) {
    return {{label, label == "unconfined" ? Mode::unconfined : Mode::enforce}, bounding, {}, false};
}

// The profiles of tests/apparmor/policy/profiles/exec.
class Standing : public testing::Test {
protected:
    std::string deviation(const shim::Observed& seen, const Expected& expected, bool own_capabilities = true) {
        return find_deviation(seen, expected, own_capabilities, &labels_).value_or("none");
    }
    std::string of_label(const std::string& label, const std::string& base) {
        return deviation(observed(label), expected_of(decided(base), nullptr));
    }

    apparmor::PolicySet policy_{apparmor::policy_profiles("5.0-6.12", "exec")};
    Labels labels_{policy_};
};

std::string not_led_to(const std::string& label, const std::string& base) {
    return "the kernel says that its label is '" + label + "', to which neither the policy nor an exec rule leads from '" + base + "'";
}

TEST_F(Standing, WhereverThePolicyLeads) {
    EXPECT_EQ(of_label("c", "c"), "none");
    EXPECT_EQ(of_label("c", "b"), "none");  // b has a rule "px -> c"
    EXPECT_EQ(of_label("b", "c"), not_led_to("b", "c"));
    EXPECT_EQ(of_label("at", "c"), not_led_to("at", "c"));
    EXPECT_EQ(of_label("missing", "c"), not_led_to("missing", "c"));
}

TEST_F(Standing, StacksAreJudgedByComponent) {
    EXPECT_EQ(of_label("c//&b", "b//&c"), "none");  // in any order
    EXPECT_EQ(of_label("c", "b//&c"), "none");      // both led there
    EXPECT_EQ(of_label("b", "b//&c"), not_led_to("b", "b//&c"));
    EXPECT_EQ(of_label("b//&c", "c"), not_led_to("b//&c", "c"));
}

TEST_F(Standing, WhatConfinesNothingIsNoComponent) {
    EXPECT_EQ(of_label("c//&free", "c"), "none");
    EXPECT_EQ(of_label("c//&unconfined", "c"), "none");
    EXPECT_EQ(of_label("free//&b", "c"), not_led_to("free//&b", "c"));
    EXPECT_EQ(of_label("free", "free"), "none");
    EXPECT_EQ(deviation({{"free", Mode::unconfined}, {}, {}, false}, expected_of(decided("c"), nullptr)),
              "the kernel says that its label is 'free', it was to run under 'c'");
}

TEST_F(Standing, WhereNothingIsRefusedEveryProfileCanBeReached) {
    EXPECT_EQ(of_label("c", "learn"), "none");
    EXPECT_EQ(of_label("learn//null-/bin/x", "learn"), "none");
}

TEST_F(Standing, UnconfinedIsADeviationUnlessItWasDecided) {
    EXPECT_EQ(of_label("unconfined", "c"), "the kernel says that its label is 'unconfined', it was to run under 'c'");
    EXPECT_EQ(of_label("unconfined", "unconfined"), "none");
    EXPECT_EQ(of_label("b", "unconfined"), "none");
    auto may_leave = confinement("c");
    may_leave.exec_unconfined = true;
    EXPECT_EQ(deviation(observed("unconfined"), expected_of(decided("c"), &may_leave)), "none");
    EXPECT_EQ(deviation(observed("unconfined", kKill), expected_of(decided("c", kChown), &may_leave)),
              "the kernel says that it may have the capabilities KILL beyond the ceiling");
}

TEST_F(Standing, ExecRulesAndTheFirstProgramsLabelCountToo) {
    const auto rules = confinement("c", {"at", "b"});
    EXPECT_EQ(deviation(observed("at"), expected_of(decided("c"), &rules)), "none");
    EXPECT_EQ(deviation(observed("strict"), expected_of(decided("c"), &rules)), not_led_to("strict", "c"));
    // Of a stack the rule replaces the confinement's own part.
    EXPECT_EQ(deviation(observed("at//&strict"), expected_of(decided("strict//&c"), &rules)), "none");
    EXPECT_EQ(deviation(observed("at"), expected_of(decided("strict//&c"), &rules)), not_led_to("at", "strict//&c"));
    auto started = decided("c");
    started.start_label = "strict";
    EXPECT_EQ(deviation(observed("strict"), expected_of(started, nullptr)), "none");
}

TEST_F(Standing, CapabilitiesOfAnotherUserNamespaceAreNotCompared) {
    const auto expected = expected_of(decided("c", kChown), nullptr);
    EXPECT_EQ(deviation(observed("c", kChown), expected), "none");
    EXPECT_EQ(deviation(observed("c", kChown | kKill), expected),
              "the kernel says that it may have the capabilities KILL beyond the ceiling");
    EXPECT_EQ(deviation(observed("c", CapabilitySet::all()), expected, false), "none");
}

TEST_F(Standing, WithoutPolicyAnyConfinedLabelIsRight) {
    const auto expected = expected_of(decided("c"), nullptr);
    EXPECT_FALSE(find_deviation(observed("at"), expected, true, nullptr));
    EXPECT_TRUE(find_deviation(observed("unconfined"), expected, true, nullptr));
    shim::Decision without_apparmor;
    without_apparmor.bounds.ceiling = kChown;
    EXPECT_FALSE(find_deviation(observed(""), expected_of(without_apparmor, nullptr), true, nullptr));
    EXPECT_TRUE(find_deviation(observed("", kKill), expected_of(without_apparmor, nullptr), true, nullptr));
}

}  // namespace
}  // namespace aa::ctl::status
