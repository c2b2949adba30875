// SPDX-License-Identifier: Apache-2.0
#include "base/time.h"

#include <gtest/gtest.h>

namespace aa {
namespace {

TEST(Time, IsUtcInRfc3339) {
    EXPECT_EQ(rfc3339(0), "1970-01-01T00:00:00Z");
    EXPECT_EQ(rfc3339(1795375805), "2026-11-22T19:30:05Z");
}

}  // namespace
}  // namespace aa
