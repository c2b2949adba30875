// SPDX-License-Identifier: Apache-2.0
#include "ctl/catalog/revealed.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/sha256.h"

namespace aa::ctl {
namespace {

namespace fs = std::filesystem;

class Record : public ::testing::Test {
protected:
    Record() {
        root_ = fs::temp_directory_path() / "revealed-XXXXXX";
        EXPECT_NE(::mkdtemp(root_.data()), nullptr);
        put("module/parameters/mode", "enforce\n");
        put("security/apparmor/profiles", "web (enforce)\ndb (enforce)\n");
        load("web", "as revealed");
        load("db", "as it was");
        EXPECT_TRUE(write_revealed_record(path(), {kWeb, kDb}));
    }
    ~Record() override { fs::remove_all(root_); }

    void put(const std::string& name, const std::string& text) const {
        fs::create_directories(fs::path(root_ + "/" + name).parent_path());
        std::ofstream(root_ + "/" + name, std::ios::binary) << text;
    }
    void load(const std::string& profile, const std::string& bytes) const {
        put("security/apparmor/policy/profiles/" + profile + ".1/name", profile + "\n");
        put("security/apparmor/policy/profiles/" + profile + ".1/raw_data", bytes);
    }
    [[nodiscard]] std::string path() const { return root_ + "/record"; }
    [[nodiscard]] apparmor::Kernel kernel() const { return apparmor::Kernel(root_ + "/security", root_ + "/module"); }

    const RevealedProfile kWeb{"web", sha256("as revealed")}, kDb{"db", sha256("db as revealed")};
    std::string root_;
};

TEST_F(Record, IsReadAsItWasWritten) {
    const auto read = read_revealed_record(path());
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(*read, (std::vector{kWeb, kDb}));
    EXPECT_TRUE(read_revealed_record(root_ + "/none")->empty());
}

TEST_F(Record, OnlyWhatTheKernelStillHasIsRevealed) {
    EXPECT_EQ(still_revealed({kWeb, kDb}, kernel()), std::vector{kWeb});
    load("web", "loaded anew");
    EXPECT_TRUE(still_revealed({kWeb, kDb}, kernel()).empty());
}

TEST_F(Record, IsForgottenOnceNothingIsRevealed) {
    ASSERT_TRUE(forget_revealed(path(), kernel()));
    EXPECT_TRUE(fs::exists(path()));
    load("web", "loaded anew");
    ASSERT_TRUE(forget_revealed(path(), kernel()));
    EXPECT_FALSE(fs::exists(path()));
    EXPECT_TRUE(forget_revealed(path(), kernel()));
}

TEST_F(Record, AnotherFileIsNone) {
    put("record", "web\n");
    EXPECT_FALSE(read_revealed_record(path()));
    EXPECT_FALSE(forget_revealed(path(), kernel()));
    EXPECT_TRUE(fs::exists(path()));
}

}  // namespace
}  // namespace aa::ctl
