// SPDX-License-Identifier: Apache-2.0
//
// What the cache keeps, gives back, and lets go. tests/process has what the programs make of it.
#include "apparmor/source/policy_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "apparmor/source/compiled_files.h"
#include "apparmor/source/parser_process.h"

namespace aa::apparmor {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Optional;

class Cache : public ::testing::Test {
protected:
    void SetUp() override {
        if (!Parser::find()) GTEST_SKIP() << "apparmor_parser is not installed";
        std::string name = fs::temp_directory_path() / "aa-cache.XXXXXX";
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        root_ = name;
        features_ = *packaged_features();
        call_ = {Parser::find()->path(), {}, features_};
    }
    void TearDown() override {
        if (!root_.empty()) fs::remove_all(root_);
    }

    [[nodiscard]] std::string write(const std::string& name, const std::string& text) const {
        std::ofstream(root_ / name) << text;
        return root_ / name;
    }
    [[nodiscard]] std::string profile(const std::string& name) const {
        return write(name, "profile " + name + " { /x r, profile kid { /y r, } }\n");
    }

    [[nodiscard]] std::shared_ptr<PolicyCache> open(PolicyCache::Use use = PolicyCache::Use::write, CacheLimits limits = {}) const {
        auto cache = PolicyCache::open(root_ / "cache", use, {}, limits);
        EXPECT_TRUE(cache) << cache.error().message;
        return cache ? *cache : nullptr;
    }

    // FILES, compiled with a cache of that kind.
    void compile(const std::vector<std::string>& files, CacheLimits limits = {}) const {
        const auto cache = open(PolicyCache::Use::write, limits);
        const auto parser = Parser::find()->remembering(cache);
        for (const auto& file : files) {
            EXPECT_FALSE(cache->policy(call_, file)) << file;
        }
        const auto compilation = compile_together(parser, files, features_);
        ASSERT_TRUE(compilation && compilation->ok);
        cache->prune();
    }

    fs::path root_;
    std::string features_;
    ParserCall call_;
};

TEST_F(Cache, GivesBackWhatTheParserMade) {
    const auto web = profile("web");
    compile({web});
    const auto run =
        Parser::find()->run({"--skip-kernel-load", "--skip-cache", "--quiet", "--stdout", "--features-file=" + features_, web});
    ASSERT_TRUE(run && run->ok());
    for (const auto use : {PolicyCache::Use::write, PolicyCache::Use::read}) {
        EXPECT_THAT(open(use)->policy(call_, web), Optional(run->output));
        EXPECT_THAT(open(use)->names(call_, web), Optional(ElementsAre("web", "web//kid")));
        EXPECT_TRUE(open(use)->knows(call_, web));
    }
    (void)profile("other");
    EXPECT_FALSE(open()->policy(call_, root_ / "other"));
}

TEST_F(Cache, KeepsNothingThatWasTouchedMeanwhile) {
    const auto web = profile("web");
    const auto cache = open();
    EXPECT_FALSE(cache->policy(call_, web));
    const auto compilation = compile_together(*Parser::find(), {web}, features_);
    ASSERT_TRUE(compilation);
    (void)profile("web");  // the same text
    cache->keep(call_, compilation->policies);
    cache->keep_names(call_, web, {"web"});
    EXPECT_FALSE(open()->policy(call_, web));
    EXPECT_FALSE(open()->names(call_, web));
    EXPECT_TRUE(fs::is_empty(root_ / "cache"));
}

TEST_F(Cache, OneThatIsOnlyReadIsNotChanged) {
    const auto web = profile("web");
    EXPECT_FALSE(PolicyCache::open(root_ / "cache", PolicyCache::Use::read));
    fs::create_directories(root_ / "cache");
    const auto cache = open(PolicyCache::Use::read);
    EXPECT_FALSE(cache->policy(call_, web));
    ASSERT_TRUE(compile_together(Parser::find()->remembering(cache), {web}, features_));
    EXPECT_TRUE(fs::is_empty(root_ / "cache"));
}

TEST_F(Cache, WhatWasNotUsedForLongestGoesFirst) {
    const auto one = profile("one");
    const auto two = profile("two");
    const auto three = profile("three");
    compile({one, two});
    const auto long_ago = fs::file_time_type::clock::now() - std::chrono::hours(1);
    for (const auto& entry : fs::directory_iterator(root_ / "cache")) fs::last_write_time(entry, long_ago);
    {
        const auto cache = open();
        EXPECT_TRUE(cache->policy(call_, one) && cache->names(call_, one));
    }
    std::ofstream(root_ / "cache/.half.aa-shim.1") << "half";
    compile({three}, {4, std::size_t{1} << 20U});
    const auto cache = open();
    EXPECT_TRUE(cache->policy(call_, one) && cache->names(call_, one));
    EXPECT_FALSE(cache->policy(call_, two) || cache->names(call_, two));
    EXPECT_TRUE(cache->policy(call_, three) && cache->names(call_, three));
    EXPECT_FALSE(fs::exists(root_ / "cache/.half.aa-shim.1"));
    const auto four = profile("four");
    compile({four}, {100, 1});
    EXPECT_TRUE(fs::is_empty(root_ / "cache"));
}

TEST_F(Cache, SaysWhyItCannotBeUsed) {
    fs::create_directories(root_ / "cache");
    ASSERT_EQ(::chmod((root_ / "cache").c_str(), 0777), 0);
    for (const auto use : {PolicyCache::Use::write, PolicyCache::Use::read}) {
        const auto cache = PolicyCache::open(root_ / "cache", use);
        ASSERT_FALSE(cache);
        EXPECT_THAT(cache.error().message, HasSubstr((root_ / "cache").string()));
    }
    fs::remove(root_ / "cache");
    fs::create_directory_symlink(root_, root_ / "cache");
    EXPECT_FALSE(PolicyCache::open(root_ / "cache", PolicyCache::Use::write));
}

}  // namespace
}  // namespace aa::apparmor
