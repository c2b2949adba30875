// SPDX-License-Identifier: Apache-2.0
#include "base/time.h"

#include <gtest/gtest.h>

namespace aa {
namespace {

TEST(Time, IsUtcInRfc3339) {
    EXPECT_EQ(rfc3339(0), "1970-01-01T00:00:00Z");
    EXPECT_EQ(rfc3339(1795375805), "2026-11-22T19:30:05Z");
}

TEST(Time, IsReadAsItIsWritten) {
    EXPECT_EQ(read_rfc3339("2026-11-22T19:30:05Z"), 1795375805);
    for (const char* text : {"", "2026-11-22T19:30:05", "2026-11-22T19:30:05Z ", " 2026-11-22T19:30:05Z", "2026-11-22 19:30:05Z",
                             "2026-1-2T19:30:05Z", "2026-04-31T00:00:00Z", "2026-11-22T19:30:05+01:00", "1795375805"})
        EXPECT_EQ(read_rfc3339(text), std::nullopt) << text;
}

}  // namespace
}  // namespace aa
