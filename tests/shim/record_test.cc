// SPDX-License-Identifier: Apache-2.0
#include "shim/record.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>

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

constexpr SipKey kKey{0x0123456789abcdefU, 0xfedcba9876543210U};
const oci::EngineCall kCall{"/run/runc", "/bundles/c1", "c1"};

oci::ContainerState state_of(const Decision& decision, const oci::EngineCall& call = kCall) {
    oci::ContainerState state;
    state.bundle = call.bundle;
    state.annotations = make_record(decision, call, kKey);
    return state;
}

bool is_on_record(const oci::ContainerState& state, const oci::EngineCall& call = kCall, const SipKey& key = kKey) {
    const auto record = read_record(state, call, key);
    EXPECT_TRUE(record.has_value());
    return record && *record;
}

oci::Config config_of(const Annotations& annotations) {
    oci::Config config;
    for (const auto& [key, value] : annotations) config.annotations.push_back({key, value, {}});
    return config;
}

TEST(Record, ReadsBackWhatWasWritten) {
    auto without_bounds = sample();
    without_bounds.bounds = {std::nullopt, std::nullopt, false, {}};
    auto with_mounts = sample();
    with_mounts.mounts = {{0x802, 7, "/in"}, {0xfffffffffffU, ~std::uint64_t{0}, "a\nb:12:\xc3\xa9"}, {1, 1, ""}};
    auto passed = sample();
    passed.confinement.clear();
    passed.pass = true;
    passed.bounds = {};
    auto with_hooks = sample();
    with_hooks.start_hooks = true;
    auto learned = sample();
    learned.learning = "aa-shim-learning-web";
    auto joining = sample();
    joining.namespaces = 0x21U;
    auto joining_none_of_the_hosts = sample();
    joining_none_of_the_hosts.namespaces = 0U;
    for (const auto& decision : {sample(), without_bounds, with_mounts, with_hooks, learned, passed, joining, joining_none_of_the_hosts}) {
        const auto record = read_record(state_of(decision), kCall, kKey);
        ASSERT_TRUE(record.has_value());
        ASSERT_TRUE(record->has_value());
        EXPECT_EQ((*record)->id, decision.id);
        EXPECT_EQ((*record)->pass, decision.pass);
        EXPECT_EQ((*record)->learning, decision.learning);
        EXPECT_EQ((*record)->confinement, decision.confinement);
        EXPECT_EQ((*record)->rule, decision.rule);
        EXPECT_EQ((*record)->bounds, decision.bounds);
        EXPECT_EQ((*record)->mounts, decision.mounts);
        EXPECT_EQ((*record)->start_hooks, decision.start_hooks);
        EXPECT_EQ((*record)->namespaces, decision.namespaces);
    }
}

TEST(Record, AContainerThatAaShimDidNotStartHasNone) {
    EXPECT_FALSE(is_on_record({}));
    EXPECT_FALSE(claims_record({}));
    oci::ContainerState asking;
    asking.annotations = {{"aa-shim/confinement", "web"}, {"other", "x"}};
    EXPECT_FALSE(claims_record(asking));
}

TEST(Record, OneThatAnotherMadeIsNone) {
    auto forged = state_of(sample());
    forged.annotations = to_annotations(sample());
    EXPECT_FALSE(is_on_record(forged));
    EXPECT_TRUE(claims_record(forged));
    for (const std::string& digest : {std::string(), std::string(32, '0'), std::string("x")}) {
        forged.annotations = to_annotations(sample());
        forged.annotations.emplace_back("aa-shim/digest", digest);
        EXPECT_FALSE(is_on_record(forged)) << digest;
    }
    EXPECT_FALSE(is_on_record(state_of(sample()), kCall, SipKey{1, 2}));
}

TEST(Record, OfOneContainerHoldsForNoOther) {
    const auto state = state_of(sample());
    EXPECT_TRUE(is_on_record(state));
    EXPECT_FALSE(is_on_record(state, {kCall.root, kCall.bundle, "c2"}));
    auto elsewhere = state;
    elsewhere.bundle = "/bundles/c2";
    EXPECT_FALSE(is_on_record(elsewhere));
    // Where one piece ends and the next begins, counts.
    auto shifted = state_of(sample(), {"/run/runc", "1/bundles/c1", "c"});
    shifted.bundle = kCall.bundle;
    EXPECT_FALSE(is_on_record(shifted));
}

TEST(Record, EveryEntryIsPartOfIt) {
    const auto state = state_of(sample());
    for (std::size_t i = 0; i < state.annotations.size(); ++i) {
        auto changed = state;
        changed.annotations[i].second += "x";
        EXPECT_FALSE(is_on_record(changed)) << state.annotations[i].first;
        changed = state;
        changed.annotations.erase(changed.annotations.begin() + static_cast<std::ptrdiff_t>(i));
        EXPECT_FALSE(is_on_record(changed)) << state.annotations[i].first;
    }
    auto more = state;
    more.annotations.emplace_back("aa-shim/start", "other");
    EXPECT_FALSE(is_on_record(more));
    more = state;
    more.annotations.insert(more.annotations.begin(), {"other", "x"});
    EXPECT_TRUE(is_on_record(more));
}

TEST(Record, HoldsInAnyOrderAndByAPathWithALinkInIt) {
    const std::string real = std::filesystem::canonical(testing::TempDir()) / "record-bundle";
    std::filesystem::create_directory(real);
    const std::string link = testing::TempDir() + "record-link";
    std::filesystem::remove(link);
    std::filesystem::create_directory_symlink(real, link);
    auto state = state_of(sample(), {"/run/runc", real, "c1"});
    std::reverse(state.annotations.begin(), state.annotations.end());
    EXPECT_TRUE(is_on_record(state));
    state.bundle = link;
    EXPECT_TRUE(is_on_record(state));
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

// Nothing of it says what the engine had asked for.
TEST(Record, ABundleOfALearningIsUsedAgainOnlyWhileItGoesOn) {
    auto learned = sample();
    learned.learning = "aa-shim-learning-web";
    const auto bundle = config_of(to_annotations(learned));
    EXPECT_TRUE(check_reserved_annotations(bundle, learned).has_value());
    const auto refused = check_reserved_annotations(bundle, sample());
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().kind, ErrorKind::denied);
    EXPECT_EQ(
        refused.error().message,
        "the bundle is that of a container that was learned from ('aa-shim/learning'), with a profile that forbids next to nothing and "
        "without a ceiling: have the engine make a new one");
}

TEST(Record, ABundleThatIsUsedAgainMayBringAnotherIdAndNothingElse) {
    const auto decision = sample();
    auto earlier = decision;
    earlier.id = "fedcba9876543210";
    EXPECT_TRUE(check_reserved_annotations(config_of(make_record(earlier, kCall, kKey)), decision).has_value());
    EXPECT_FALSE(check_reserved_annotations(config_of({{"aa-shim/digest", "0123456789abcdef"}}), decision).has_value());
    for (const char* id : {"", "0123456789ABCDEF", "0123456789abcde", "0123456789abcdef0", "0123456789abcde\n"}) {
        EXPECT_FALSE(check_reserved_annotations(config_of({{"aa-shim/decision", id}}), decision).has_value()) << id;
    }
    earlier.rule = "rule c.json:9:9";
    EXPECT_FALSE(check_reserved_annotations(config_of(to_annotations(earlier)), decision).has_value());
}

}  // namespace
}  // namespace aa::shim
