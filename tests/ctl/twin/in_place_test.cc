// SPDX-License-Identifier: Apache-2.0
#include "ctl/twin/in_place.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/hold.h"
#include "base/sha256.h"
#include "ctl/twin/twin.h"

namespace aa::ctl {
namespace {

namespace fs = std::filesystem;

// What a learning from the confinement 'shop', whose profile is 'web', leaves when it is killed.
class LeftInPlace : public testing::Test {
protected:
    LeftInPlace() {
        root_ = fs::temp_directory_path() / "in-place-XXXXXX";
        EXPECT_NE(::mkdtemp(root_.data()), nullptr);
        put("module/parameters/mode", "enforce\n");
        put("security/apparmor/profiles", "web (complain)\n");
        put("security/apparmor/.replace", "");
        put("security/apparmor/policy/profiles/web.1/name", "web\n");
        load("that complains");
        put("in-place/shop", sha256("that complains") + " web\n");
        put("in-place/.shop", "as before");
    }
    ~LeftInPlace() override { fs::remove_all(root_); }

    void put(const std::string& name, const std::string& text) const {
        fs::create_directories(fs::path(root_ + "/" + name).parent_path());
        std::ofstream(root_ + "/" + name, std::ios::binary) << text;
    }
    void load(const std::string& bytes) const { put("security/apparmor/policy/profiles/web.1/raw_data", bytes); }

    // What was written to the kernel.
    [[nodiscard]] std::string loaded() const {
        std::ifstream file(root_ + "/security/apparmor/.replace");
        return {std::istreambuf_iterator<char>(file), {}};
    }
    [[nodiscard]] std::string directory() const { return root_ + "/in-place"; }
    [[nodiscard]] apparmor::Kernel kernel() const { return apparmor::Kernel(root_ + "/security", root_ + "/module"); }

    std::string root_;
};

TEST_F(LeftInPlace, IsATwinThatNobodyLearnsFrom) {
    const auto twins = find_twins(kernel(), {root_ + "/learning", directory()});
    ASSERT_TRUE(twins) << twins.error().message;
    ASSERT_EQ(twins->size(), 1U);
    const auto& twin = twins->front();
    EXPECT_EQ(twin.name + " " + twin.confinement, "web shop");
    EXPECT_TRUE(twin.in_place && twin.complains && !twin.is_learned);
}

TEST_F(LeftInPlace, IsLearnedFromWhileSomebodyHoldsIt) {
    const Fd held(::open((directory() + "/shop").c_str(), O_RDWR | O_CLOEXEC));
    ASSERT_TRUE(hold_file(held.get(), Hold::alone, "shop"));
    const auto records = find_in_place(kernel(), directory());
    ASSERT_TRUE(records) << records.error().message;
    ASSERT_EQ(records->size(), 1U);
    EXPECT_TRUE(records->front().is_held);
}

TEST_F(LeftInPlace, IsPutBack) {
    const auto done = put_back(kernel(), "shop", directory());
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_EQ(*done, "profile 'web' is again what it was before");
    EXPECT_EQ(loaded(), "as before");
    EXPECT_FALSE(fs::exists(directory()));
    EXPECT_TRUE(find_in_place(kernel(), directory())->empty());
}

TEST_F(LeftInPlace, StaysWhereItCannotBePutBack) {
    fs::remove(root_ + "/security/apparmor/.replace");
    const auto done = put_back(kernel(), "shop", directory());
    ASSERT_FALSE(done);
    EXPECT_NE(done.error().message.find("profile 'web' still complains"), std::string::npos) << done.error().message;
    EXPECT_EQ(find_in_place(kernel(), directory())->size(), 1U);
}

TEST_F(LeftInPlace, WhatSomebodyLoadedSinceStays) {
    load("loaded since");
    EXPECT_FALSE(find_in_place(kernel(), directory())->front().complains);
    const auto done = put_back(kernel(), "shop", directory());
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_EQ(*done, "profile 'web' was loaded since, and stays as that left it");
    EXPECT_EQ(loaded(), "");
    EXPECT_FALSE(fs::exists(directory()));
}

TEST_F(LeftInPlace, IsNotBelievedIfDamagedOrAnybodys) {
    for (const auto* text : {"", "web\n", "0123 web\n"}) {
        put("in-place/shop", text);
        EXPECT_FALSE(find_in_place(kernel(), directory())) << text;
        EXPECT_FALSE(put_back(kernel(), "shop", directory())) << text;
    }
    put("in-place/shop", sha256("that complains") + " web\n");
    ASSERT_EQ(::chmod((directory() + "/shop").c_str(), 0666), 0);
    EXPECT_FALSE(find_in_place(kernel(), directory()));
    ASSERT_EQ(::chmod((directory() + "/shop").c_str(), 0644), 0);
    EXPECT_TRUE(find_in_place(kernel(), directory()));
    ASSERT_EQ(::chmod(directory().c_str(), 0777), 0);
    EXPECT_FALSE(find_in_place(kernel(), directory()));
}

}  // namespace
}  // namespace aa::ctl
