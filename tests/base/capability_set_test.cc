// SPDX-License-Identifier: Apache-2.0
#include "base/capability_set.h"

#include <gtest/gtest.h>
#include <sys/capability.h>

#include <string>

namespace aa {
namespace {

// libcap knows the names from the kernel's own header.
TEST(CapabilitySet, NamesEqualLibcaps) {
    for (unsigned i = 0; i < CapabilitySet::kKnown; ++i) {
        char* name = ::cap_to_name(static_cast<cap_value_t>(i));
        ASSERT_NE(name, nullptr);
        std::string expected = name;
        ::cap_free(name);
        for (char& c : expected) c = static_cast<char>(::toupper(c));
        EXPECT_EQ("CAP_" + std::string(capability_name(i)), expected) << i;
        EXPECT_EQ(capability_number(expected), i);
    }
    EXPECT_EQ(capability_name(CapabilitySet::kKnown), "");
}

TEST(CapabilitySet, NumberOfAName) {
    struct Case {
        const char* name;
        std::optional<unsigned> expected;
    };
    const Case cases[] = {
        {"CAP_CHOWN", 0},
        {"cap_chown", 0},  // crun accepts any case
        {"CAP_CHECKPOINT_RESTORE", 40},
        {"CHOWN", std::nullopt},  // the runtime-spec wants the prefix
        {"CAP_", std::nullopt},
        {"", std::nullopt},
        {"CAP_CHOWN ", std::nullopt},
        {"CAP_CHOWNED", std::nullopt},
        {"CAP_CHOWM", std::nullopt},
        {"CAP_CHECKPOINT_RESTORED_AND_MORE_THAN_ANY", std::nullopt},
    };
    for (const auto& c : cases) EXPECT_EQ(capability_number(c.name), c.expected) << c.name;
}

TEST(CapabilitySet, NamesAndBack) {
    struct Case {
        std::uint64_t mask;
        const char* names;
    };
    const Case cases[] = {
        {0, "none"},
        {1, "CHOWN"},
        {(1U << 10U) | (1U << 12U), "NET_BIND_SERVICE,NET_ADMIN"},
        {std::uint64_t{1} << 41U, "41"},  // a capability of a later kernel
    };
    for (const auto& c : cases) {
        EXPECT_EQ(CapabilitySet(c.mask).names(), c.names);
        EXPECT_EQ(CapabilitySet::from_names(c.names), CapabilitySet(c.mask)) << c.names;
    }
    EXPECT_EQ(CapabilitySet::from_names(CapabilitySet::all().names()), CapabilitySet::all());
}

TEST(CapabilitySet, UnknownNamesAreNoSet) {
    for (const char* list : {"", "CHOWN,", ",CHOWN", "CHOWN,NOSUCH", "64", "18446744073709551616", "NONE,CHOWN"}) {
        EXPECT_EQ(CapabilitySet::from_names(list), std::nullopt) << list;
    }
}

TEST(CapabilitySet, Algebra) {
    const CapabilitySet low(0b0110);
    const CapabilitySet high(0b1100);
    EXPECT_EQ(low & high, CapabilitySet(0b0100));
    EXPECT_EQ(low | high, CapabilitySet(0b1110));
    EXPECT_EQ(low - high, CapabilitySet(0b0010));
    EXPECT_TRUE(CapabilitySet(0b0100).subset_of(low));
    EXPECT_FALSE(low.subset_of(high));
    EXPECT_FALSE(low.has(64));
}

}  // namespace
}  // namespace aa
