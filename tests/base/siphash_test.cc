// SPDX-License-Identifier: Apache-2.0
#include "base/siphash.h"

#include <gtest/gtest.h>

#include <string>

namespace aa {
namespace {

constexpr SipKey kKey{0x0706050403020100U, 0x0f0e0d0c0b0a0908U};  // 00 01 … 0f

// 00 01 …, SIZE of them.
std::string input(int size) {
    std::string text;
    for (int i = 0; i < size; ++i) text.push_back(static_cast<char>(i));
    return text;
}

// Of the authors' test vectors (vectors.h) those of 0, 1, 8, 15 and 63 bytes.
TEST(SipHash, In64Bits) {
    EXPECT_EQ(siphash64(kKey, ""), 0x726fdb47dd0e0e31U);
    EXPECT_EQ(siphash64(kKey, input(1)), 0x74f839c593dc67fdU);
    EXPECT_EQ(siphash64(kKey, input(8)), 0x93f5f5799a932462U);
    EXPECT_EQ(siphash64(kKey, input(15)), 0xa129ca6149be45e5U);
    EXPECT_EQ(siphash64(kKey, input(63)), 0x958a324ceb064572U);
}

// Of theirs those of 0, 1 and 2 bytes.
TEST(SipHash, In128Bits) {
    using Hash = std::array<std::uint64_t, 2>;
    EXPECT_EQ(siphash128(kKey, ""), (Hash{0xe6a825ba047f81a3U, 0x930255c71472f66dU}));
    EXPECT_EQ(siphash128(kKey, input(1)), (Hash{0x44af996bd8c187daU, 0x45fc229b11597634U}));
    EXPECT_EQ(siphash128(kKey, input(2)), (Hash{0xc75da4a48d227781U, 0xe4ff0af6de8ba3fcU}));
}

}  // namespace
}  // namespace aa
