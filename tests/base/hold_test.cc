// SPDX-License-Identifier: Apache-2.0
#include "base/hold.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <string>

#include "base/fd.h"
#include "base/text.h"

namespace aa {
namespace {

TEST(Hold, IsHeldUntilTheLastHolderCloses) {
    const Fd asks(::memfd_create("held", MFD_CLOEXEC));
    const auto open = [&] { return Fd(::open(concat({"/proc/self/fd/", decimal(asks.get())}).c_str(), O_RDWR | O_CLOEXEC)); };
    EXPECT_FALSE(is_held(asks.get()));
    Fd first = open();
    Fd second = open();
    ASSERT_TRUE(hold_file(first.get(), Hold::with_others, "held"));
    EXPECT_FALSE(is_held(first.get())) << "by another one";
    ASSERT_TRUE(hold_file(second.get(), Hold::with_others, "held"));
    EXPECT_FALSE(hold_file(asks.get(), Hold::alone, "held"));
    first = Fd();
    EXPECT_TRUE(is_held(asks.get()));
    EXPECT_FALSE(is_held_alone(asks.get()));
    second = Fd();
    EXPECT_FALSE(is_held(asks.get()));
    ASSERT_TRUE(hold_file(asks.get(), Hold::alone, "held"));
    EXPECT_FALSE(hold_file(open().get(), Hold::with_others, "held"));
    EXPECT_TRUE(is_held_alone(open().get()));
}

}  // namespace
}  // namespace aa
