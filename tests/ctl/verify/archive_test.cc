// SPDX-License-Identifier: Apache-2.0
//
// That tar programs read it is tested on the programs (tests/process/test_verify.py).
#include "ctl/verify/archive.h"

#include <gtest/gtest.h>

#include <string>

namespace aa::ctl::verify {
namespace {

TEST(Archive, IsWholeBlocksWithTwoEmptyOnesAtTheEnd) {
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{1}, std::size_t{511}, std::size_t{512}, std::size_t{513}, std::size_t{100'000}}) {
        const auto archive = archive_of_program("p", std::string(size, 'x'));
        EXPECT_EQ(archive.size(), 512 + (size + 511) / 512 * 512 + 1024) << size;
        EXPECT_EQ(archive.substr(512, size), std::string(size, 'x'));
        EXPECT_EQ(archive.substr(archive.size() - 1024), std::string(1024, '\0'));
    }
}

TEST(Archive, ItsHeaderSaysWhoseProgramItIs) {
    const auto archive = archive_of_program("aa-shimctl", std::string(100, 'x'));
    EXPECT_EQ(archive.substr(0, 11), std::string("aa-shimctl\0", 11));
    EXPECT_EQ(archive.substr(100, 8), std::string("0000755\0", 8));
    EXPECT_EQ(archive.substr(108, 16), std::string("0000000\0000000000\0", 16));
    EXPECT_EQ(archive.substr(124, 12), std::string("00000000144\0", 12));
    EXPECT_EQ(archive.substr(156, 1), "0");
    EXPECT_EQ(archive.substr(257, 8), std::string("ustar\00000", 8));
}

}  // namespace
}  // namespace aa::ctl::verify
