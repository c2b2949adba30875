// SPDX-License-Identifier: Apache-2.0
#include "shim/log/refusal_id.h"

#include <gtest/gtest.h>

#include <set>

namespace aa::shim {
namespace {

constexpr SipKey kKey{1, 2};

TEST(RefusalId, HoldsForAMinuteAndForOneRefusal) {
    const auto id = refusal_id(kKey, "create", "c1", "no", 120);
    EXPECT_EQ(id.size(), 16U);
    EXPECT_EQ(refusal_id(kKey, "create", "c1", "no", 179), id);
    const std::set<std::string> others{refusal_id(kKey, "create", "c1", "no", 180), refusal_id(kKey, "exec", "c1", "no", 120),
                                       refusal_id(kKey, "create", "c2", "no", 120), refusal_id(kKey, "create", "c1", "yes", 120),
                                       refusal_id({1, 3}, "create", "c1", "no", 120)};
    EXPECT_EQ(others.size(), 5U);
    EXPECT_FALSE(others.contains(id));
}

}  // namespace
}  // namespace aa::shim
