// SPDX-License-Identifier: Apache-2.0
#include "shim/log/refusal_id.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace aa::shim {
namespace {

// Of the paper's test vectors (SipHash-2-4, key 00 01 … 0f, input 00 01 …) those of 0, 1, 8, 15 and 63 bytes.
TEST(RefusalId, TheHashIsSipHash) {
    const RefusalKey key{0x0706050403020100U, 0x0f0e0d0c0b0a0908U};
    std::string input;
    for (int i = 0; i < 64; ++i) input.push_back(static_cast<char>(i));
    EXPECT_EQ(siphash(key, ""), 0x726fdb47dd0e0e31U);
    EXPECT_EQ(siphash(key, input.substr(0, 1)), 0x74f839c593dc67fdU);
    EXPECT_EQ(siphash(key, input.substr(0, 8)), 0x93f5f5799a932462U);
    EXPECT_EQ(siphash(key, input.substr(0, 15)), 0xa129ca6149be45e5U);
    EXPECT_EQ(siphash(key, input.substr(0, 63)), 0x958a324ceb064572U);
}

TEST(RefusalId, AKeyIsMadeOnceAndForRootAlone) {
    const std::string path = testing::TempDir() + "refusal-key";
    std::filesystem::remove(path);
    const auto contents = [&] {
        std::ifstream file(path, std::ios::binary);
        return std::string(std::istreambuf_iterator<char>(file), {});
    };
    ASSERT_TRUE(make_refusal_key(path).has_value());
    const auto first = contents();
    EXPECT_EQ(first.size(), 16U);
    struct stat st {};
    ASSERT_EQ(::stat(path.c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 07777U, 0600U);
    ASSERT_TRUE(make_refusal_key(path).has_value());
    EXPECT_EQ(contents(), first);
    std::ofstream(path, std::ios::trunc) << "short";
    ASSERT_TRUE(make_refusal_key(path).has_value());
    EXPECT_EQ(contents().size(), 16U);
    EXPECT_NE(contents(), first);
}

}  // namespace
}  // namespace aa::shim
