// SPDX-License-Identifier: Apache-2.0
#include "shim/watched_process.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace aa::shim {
namespace {

TEST(WatchedProcess, IsLaidOutOnceItsVectorIsWritten) {
    EXPECT_FALSE(is_being_laid_out(WatchedProcess(::getpid()).image()));
    EXPECT_TRUE(is_being_laid_out(std::string(16, '\0')));
}

TEST(WatchedProcess, IsNothingWhereItCannotBeRead) {
    EXPECT_EQ(WatchedProcess(0).image(), "");
    EXPECT_FALSE(is_being_laid_out(""));
}

}  // namespace
}  // namespace aa::shim
