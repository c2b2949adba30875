// SPDX-License-Identifier: Apache-2.0
#include "apparmor/catalog/syscalls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace aa::apparmor {
namespace {

TEST(Syscalls, AreKnownByName) {
    EXPECT_EQ(syscall_problem("keyctl"), "");
    EXPECT_EQ(syscall_problem("socketcall"), "");  // of other architectures
    EXPECT_EQ(syscall_problem("Keyctl"), "unknown system call 'Keyctl', did you mean 'keyctl'?");
    EXPECT_EQ(syscall_problem("no_such_system_call"), "unknown system call 'no_such_system_call'");
    EXPECT_EQ(syscall_problem(""), "unknown system call ''");
}

// A program of any architecture that the kernel runs must meet the filter.
TEST(Syscalls, TheMachineHasArchitectures) {
    const auto names = machine_architectures();
    ASSERT_FALSE(names.empty());
    EXPECT_THAT(names, testing::Each(testing::StartsWith("SCMP_ARCH_")));
}

}  // namespace
}  // namespace aa::apparmor
