// SPDX-License-Identifier: Apache-2.0
#include "shim/record.h"

#include <gtest/gtest.h>

namespace aa::shim {
namespace {

Decision sample() {
    Decision decision;
    decision.id = "0123456789abcdef";
    decision.confinement = "web";
    decision.rule = "rule c.json:1:2";
    decision.bounds = {"custom//&web", CapabilitySet(1U << 10U), true, {}};
    return decision;
}

oci::ContainerState state_of(const Decision& decision) {
    oci::ContainerState state;
    state.annotations = to_annotations(decision);
    return state;
}

oci::Config config_of(const Annotations& annotations) {
    oci::Config config;
    for (const auto& [key, value] : annotations) config.annotations.push_back({key, value, {}});
    return config;
}

TEST(Record, ReadsBackWhatWasWritten) {
    auto without_bounds = sample();
    without_bounds.bounds = {std::nullopt, std::nullopt, false, {}};
    auto passed = sample();
    passed.confinement.clear();
    passed.pass = true;
    passed.bounds = {};
    for (const auto& decision : {sample(), without_bounds, passed}) {
        const auto record = read_record(state_of(decision));
        ASSERT_TRUE(record.has_value());
        ASSERT_TRUE(record->has_value());
        EXPECT_EQ((*record)->id, decision.id);
        EXPECT_EQ((*record)->pass, decision.pass);
        EXPECT_EQ((*record)->confinement, decision.confinement);
        EXPECT_EQ((*record)->rule, decision.rule);
        EXPECT_EQ((*record)->bounds, decision.bounds);
    }
}

TEST(Record, AContainerThatAaShimDidNotStartHasNone) {
    const auto record = read_record({});
    ASSERT_TRUE(record.has_value());
    EXPECT_FALSE(record->has_value());
}

TEST(Record, ADamagedOneIsAnError) {
    for (const char* key : {"aa-shim/capabilities", "aa-shim/no-new-privileges"}) {
        auto state = state_of(sample());
        for (auto& [name, value] : state.annotations) {
            if (name == key) value = "nonsense";
        }
        const auto record = read_record(state);
        ASSERT_FALSE(record.has_value()) << key;
        EXPECT_EQ(record.error().message, std::string("the record of the decision has 'nonsense' as '") + key +
                                              "': the container was changed by somebody else; create it anew");
    }
}

TEST(Record, OnlyTheRequestAndOurOwnRecordMayStandUnderThePrefix) {
    const auto decision = sample();
    EXPECT_TRUE(check_reserved_annotations(config_of({{"aa-shim/confinement", "x"}, {"other", "y"}}), decision).has_value());
    EXPECT_TRUE(check_reserved_annotations(config_of(to_annotations(decision)), decision).has_value());
    for (const char* key : {"aa-shim/profile", "aa-shim/", "aa-shim/capabilities", "aa-shim/new"}) {
        const auto refused = check_reserved_annotations(config_of({{key, "forged"}}), decision);
        ASSERT_FALSE(refused.has_value()) << key;
        EXPECT_EQ(refused.error().kind, ErrorKind::denied);
        EXPECT_EQ(refused.error().message, std::string("the container brings the annotation '") + key +
                                               "', which is reserved for aa-shim's own record: remove it (to ask for a confinement, use "
                                               "'aa-shim/confinement')");
    }
}

TEST(Record, ABundleThatIsUsedAgainMayBringAnotherIdAndNothingElse) {
    const auto decision = sample();
    auto earlier = decision;
    earlier.id = "fedcba9876543210";
    EXPECT_TRUE(check_reserved_annotations(config_of(to_annotations(earlier)), decision).has_value());
    for (const char* id : {"", "0123456789ABCDEF", "0123456789abcde", "0123456789abcdef0", "0123456789abcde\n"}) {
        EXPECT_FALSE(check_reserved_annotations(config_of({{"aa-shim/decision", id}}), decision).has_value()) << id;
    }
    earlier.rule = "rule c.json:9:9";
    EXPECT_FALSE(check_reserved_annotations(config_of(to_annotations(earlier)), decision).has_value());
}

}  // namespace
}  // namespace aa::shim
