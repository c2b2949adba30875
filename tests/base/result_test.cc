// SPDX-License-Identifier: Apache-2.0
#include "base/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace aa {
namespace {

Result<int> half(int n) {
    if (n % 2 != 0) return Error{ErrorKind::config, "odd"};
    return n / 2;
}

Result<void> require_even(int n) {
    (void)TRY(half(n));
    return {};
}

Result<int> quarter(int n) { return TRY(half(TRY(half(n)))); }

TEST(Result, TryYieldsTheValueOrReturnsTheError) {
    EXPECT_EQ(*quarter(8), 2);
    EXPECT_EQ(quarter(3).error().message, "odd");
    EXPECT_EQ(quarter(6).error().kind, ErrorKind::config);
    EXPECT_TRUE(require_even(2).has_value());
    EXPECT_FALSE(require_even(1).has_value());
}

TEST(Result, ContextIsPutInFront) {
    EXPECT_EQ(half(1).context("halve 1").error().message, "halve 1: odd");
    EXPECT_EQ(*half(4).context("halve 4"), 2);
    EXPECT_EQ(require_even(1).context("a").context("b").error().message, "b: a: odd");
}

TEST(Result, HoldsWhatOnlyMoves) {
    Result<std::unique_ptr<int>> result(std::make_unique<int>(7));
    const auto value = *std::move(result);
    EXPECT_EQ(*value, 7);
}

}  // namespace
}  // namespace aa
