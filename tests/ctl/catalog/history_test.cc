// SPDX-License-Identifier: Apache-2.0
//
// What is kept of the profiles of a load, with a directory in the place of the kernel's files.
#include "ctl/catalog/history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

#include "base/sha256.h"
#include "ctl/catalog/keep.h"
#include "tests/apparmor/policy/fixture.h"

namespace aa::ctl {
namespace {

namespace fs = std::filesystem;
using apparmor::policy_bytes;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Profiles : public ::testing::Test {
protected:
    Profiles() {
        write("module/parameters/enabled", "Y\n");
        write("module/parameters/mode", "enforce\n");
        write("security/apparmor/profiles", "small (enforce)\nstart (enforce)\none (enforce)\ndocker-default (enforce)\n");
        write("security/apparmor/.replace", "");
        load_into_kernel("small", "small");
        load_into_kernel("start", "reach");
        load_into_kernel("one", "reach");
        write("etc/small", "profile small {}\n");
        write("etc/reach", "profile start {}\nprofile one {}\n");
        auto history = History::open(root_ + "/state/loads", {});
        EXPECT_TRUE(history) << history.error().message;
        history_.emplace(*std::move(history));
    }
    ~Profiles() override { fs::remove_all(root_); }
    Profiles(const Profiles&) = delete;
    Profiles& operator=(const Profiles&) = delete;

    void write(const std::string& name, const std::string& text) const {
        const fs::path path = root_ + "/" + name;
        fs::create_directories(path.parent_path());
        std::ofstream(path, std::ios::binary) << text;
    }

    [[nodiscard]] std::string read(const std::string& name) const {
        std::ifstream file(root_ + "/" + name, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }

    void load_into_kernel(const std::string& profile, const std::string& policy) const {
        const std::string directory = "security/apparmor/policy/profiles/" + profile + ".1";
        write(directory + "/name", profile + "\n");
        write(directory + "/raw_data", policy_bytes("5.0-6.12", policy));
    }

    // A load of the profiles that have a file, kept and published as COMPILED.
    KeptLoad load(const std::vector<apparmor::ProfileSource>& profiles, const std::string& compiled) {
        const Ingredients ingredients{{{"/etc/a.json", "{}"}}, profiles};
        auto kept = keep_load(*history_, ingredients, &kernel_, compiled);
        EXPECT_TRUE(kept) << kept.error().message;
        EXPECT_TRUE(history_->begin(*kept));
        EXPECT_TRUE(history_->commit());
        return history_->entries().front().load;
    }

    [[nodiscard]] std::vector<apparmor::ProfileSource> all_three() const {
        return {{"small", root_ + "/etc/small"}, {"start", root_ + "/etc/reach"}, {"one", root_ + "/etc/reach"}, {"docker-default", ""}};
    }

    static std::string make_root() {
        std::string name = fs::temp_directory_path() / "aa-history-XXXXXX";
        return ::mkdtemp(name.data());
    }

    std::string root_ = make_root();
    apparmor::Kernel kernel_{root_ + "/security", root_ + "/module"};
    std::optional<History> history_ = {};
};

TEST_F(Profiles, TheKernelsPolicyIsKeptOncePerPiece) {
    const auto kept = load(all_three(), "compiled");
    ASSERT_EQ(kept.policies.size(), 2U);
    EXPECT_THAT(kept.policies[0].profiles, ElementsAre("small"));
    EXPECT_THAT(kept.policies[1].profiles, ElementsAre("start", "one"));
    EXPECT_EQ(kept.policies[1].hash, sha256(policy_bytes("5.0-6.12", "reach")));
    EXPECT_EQ(read("state/loads/objects/" + kept.policies[0].hash), policy_bytes("5.0-6.12", "small"));
    ASSERT_EQ(kept.sources.size(), 2U);
    EXPECT_EQ(*history_->content(kept.sources[1].hash), "profile start {}\nprofile one {}\n");
    EXPECT_FALSE(kept.kernel.empty());
    EXPECT_EQ(kept.missing, "");
}

TEST_F(Profiles, AreBroughtBackAsTheyWere) {
    load(all_three(), "compiled");
    const auto contents = read_contents(*history_, history_->entries().front());
    ASSERT_TRUE(contents) << contents.error().message;
    EXPECT_THAT(contents->policies, ElementsAre(policy_bytes("5.0-6.12", "small"), policy_bytes("5.0-6.12", "reach")));
    EXPECT_EQ(contents->catalog.front().name, "/etc/a.json");
    ASSERT_TRUE(kernel_.replace_policy(contents->policies[1]));
    EXPECT_EQ(read("security/apparmor/.replace"), policy_bytes("5.0-6.12", "reach"));
}

TEST_F(Profiles, WhatTheKernelDoesNotGiveCannotBeBroughtBack) {
    fs::remove(root_ + "/security/apparmor/policy/profiles/small.1/raw_data");
    EXPECT_THAT(load(all_three(), "compiled").missing, HasSubstr("the kernel did not give the policy that was loaded: "));
    const auto contents = read_contents(*history_, history_->entries().front());
    ASSERT_FALSE(contents);
    EXPECT_THAT(contents.error().message, HasSubstr("load 1 cannot be brought back: the kernel did not give"));
}

// With the right digest, but not what the load says that it is.
TEST_F(Profiles, PolicyOfOtherProfilesIsRefused) {
    auto kept = load(all_three(), "compiled");
    kept.policies[0].profiles.emplace_back("start");
    ASSERT_TRUE(history_->begin(kept));
    ASSERT_TRUE(history_->commit());
    const auto contents = read_contents(*history_, history_->entries().front());
    ASSERT_FALSE(contents);
    EXPECT_THAT(contents.error().message, HasSubstr("load 2 cannot be brought back: the policy "));
    EXPECT_THAT(contents.error().message, HasSubstr("does not hold the profile 'start'"));
}

TEST_F(Profiles, DamagedPolicyIsRefused) {
    const auto kept = load(all_three(), "compiled");
    auto bytes = policy_bytes("5.0-6.12", "small");
    bytes.back() = static_cast<char>(bytes.back() ^ 1);
    write("state/loads/objects/" + kept.policies[0].hash, bytes);
    const auto contents = read_contents(*history_, history_->entries().front());
    ASSERT_FALSE(contents);
    EXPECT_THAT(contents.error().message, HasSubstr("was changed or damaged: its SHA-256 is not its name"));
    // The next load of the same writes it anew.
    load(all_three(), "again");
    EXPECT_TRUE(read_contents(*history_, history_->entries().front()));
}

TEST_F(Profiles, ThatOnlyTheNewerLoadBroughtAreTold) {
    const auto first = load({{"small", root_ + "/etc/small"}}, "one");
    const auto second = load(all_three(), "two");
    EXPECT_THAT(left_over(second, first), ElementsAre("start", "one"));
    EXPECT_THAT(left_over(first, second), IsEmpty());
}

// Killed between the publication and the entry, or before the publication.
TEST_F(Profiles, WhatIsPendingIsSettledByWhatIsPublished) {
    load({{"small", root_ + "/etc/small"}}, "one");
    const auto kept = keep_load(*history_, {{}, all_three()}, &kernel_, "two");
    for (const auto& [published, entries] : {std::pair("one", 1U), std::pair("two", 2U)}) {
        ASSERT_TRUE(history_->begin(*kept));
        EXPECT_TRUE(fs::exists(root_ + "/state/loads/pending"));
        const auto settled = History::open(root_ + "/state/loads", published);
        ASSERT_TRUE(settled);
        EXPECT_EQ(settled->entries().size(), entries) << published;
        EXPECT_FALSE(fs::exists(root_ + "/state/loads/pending"));
    }
}

TEST(KeptLoads, AreReadAsTheyWereWritten) {
    KeptLoad load{7, 1700000000, 3, "6.12", {{"/a.json", "h1"}}, {{"/etc/web", "h2"}}, {{{"web", "web//kid"}, "h3"}}, "h4", "why"};
    const auto again = read_kept_load(to_text(load));
    ASSERT_TRUE(again);
    EXPECT_EQ(to_text(*again), to_text(load));
    EXPECT_THAT(again->contents(), ElementsAre("h4", "h1", "h2", "h3"));
    EXPECT_TRUE(again->brought("web//kid"));
    EXPECT_FALSE(again->brought("kid"));
    for (const char* text : {"", "{}", "[]", "{\"format\": 2}", "{\"format\": 1, \"number\": \"x\"}"})
        EXPECT_FALSE(read_kept_load(text)) << text;
}

}  // namespace
}  // namespace aa::ctl
