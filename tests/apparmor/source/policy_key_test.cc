// SPDX-License-Identifier: Apache-2.0
//
// Each thing that compiled policy depends on, changed in turn, is another key.
#include "apparmor/source/policy_key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace aa::apparmor {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::Not;

class Key : public ::testing::Test {
protected:
    Key() {
        std::string name = fs::temp_directory_path() / "aa-key.XXXXXX";
        EXPECT_NE(::mkdtemp(name.data()), nullptr);
        root_ = name;
        for (const char* directory : {"base/disable", "base/force-complain", "kernel/caps", "includes"})
            fs::create_directories(root_ / directory);
        places_ = {root_ / "base", root_ / "parser.conf", root_ / "kernel", root_ / "release", root_ / "libraries"};
        write("release", "6.12\n");
        write("parser",
              "\x7f"
              "ELF and more");
        write("features", "caps {mask {chown}}\n");
        write("kernel/caps/mask", "chown\n");
        write("base/web", "profile web { include if exists <local> /x r, }\n");
        call_ = {root_ / "parser", root_ / "includes", root_ / "features"};
    }
    ~Key() override { fs::remove_all(root_); }
    Key(const Key&) = delete;
    Key& operator=(const Key&) = delete;

    void write(const std::string& name, const std::string& text) const { std::ofstream(root_ / name) << text; }

    [[nodiscard]] std::optional<PolicyKey> key() const { return PolicyKeys(places_).of(call_, root_ / "base/web"); }

    fs::path root_;
    ParserPlaces places_;
    ParserCall call_;
};

TEST_F(Key, IsAnotherOneForEachIngredient) {
    const std::vector<std::pair<const char*, std::function<void()>>> changes = {
        {"nothing", [] {}},
        {"the text", [&] { write("base/web", "profile web { include if exists <local> /y r, }\n"); }},
        {"what it includes comes", [&] { write("base/local", "@{a}=1\n"); }},
        {"and changes", [&] { write("base/local", "@{a}=2\n"); }},
        {"one that is found before it", [&] { write("includes/local", "@{a}=3\n"); }},
        {"the parser",
         [&] {
             write("parser",
                   "\x7f"
                   "ELF and another");
         }},
        {"a library", [&] { write("libraries", "known"); }},
        {"a library again", [&] { fs::last_write_time(root_ / "libraries", fs::file_time_type::clock::now() + std::chrono::hours(1)); }},
        {"a configuration", [&] { write("parser.conf", "# nothing\n"); }},
        {"an option there", [&] { write("parser.conf", "Optimize=no-minimize\n"); }},
        {"features there", [&] { write("parser.conf", "policy-features=" + (root_ / "pinned").string() + "\n"); }},
        {"which come", [&] { write("pinned", "caps\n"); }},
        {"and change", [&] { write("pinned", "file\n"); }},
        {"the features file", [&] { write("features", "caps {mask {chown kill}}\n"); }},
        {"the kernel's features", [&] { write("kernel/caps/mask", "chown kill\n"); }},
        {"another one of them", [&] { write("kernel/caps/more", "yes\n"); }},
        {"the kernel's release", [&] { write("release", "6.13\n"); }},
        {"no kernel", [&] { fs::remove_all(root_ / "kernel"); }},
        {"the kernel's own features", [&] { call_.features.clear(); }},
        {"another place for the parser",
         [&] {
             fs::copy(root_ / "parser", root_ / "other");
             call_.program = root_ / "other";
         }},
    };
    std::vector<std::string> digests;
    for (const auto& [what, change] : changes) {
        change();
        const auto now = key();
        ASSERT_TRUE(now) << what;
        EXPECT_EQ(now, key()) << what;
        EXPECT_THAT(digests, Not(Contains(now->digest))) << what;
        digests.push_back(now->digest);
    }
}

TEST_F(Key, OfAFileIsNotThatOfAnotherWithTheSameText) {
    fs::copy(root_ / "base/web", root_ / "base/copy");
    PolicyKeys keys(places_);
    EXPECT_NE(keys.of(call_, root_ / "base/web")->digest, keys.of(call_, root_ / "base/copy")->digest);
}

TEST_F(Key, IsMissingWhereItCannotBeKnown) {
    const std::vector<std::pair<const char*, std::function<void()>>> doubts = {
        {"no parser", [&] { fs::remove(root_ / "parser"); }},
        {"a script", [&] { write("parser", "#!/bin/sh\nexec apparmor_parser \"$@\"\n"); }},
        {"more directories", [&] { write("parser.conf", "Include /srv\n"); }},
        {"no release", [&] { fs::remove(root_ / "release"); }},
        {"a namespace", [&] { write("parser.conf", "namespace=x\n"); }},
        {"an option of tomorrow", [&] { write("parser.conf", "  tomorrow\n"); }},
        {"features by a path that depends on something", [&] { write("parser.conf", "policy-features=features\n"); }},
        {"the operator disables it", [&] { fs::create_symlink("nowhere", root_ / "base/disable/web"); }},
        {"the operator forces it to complain", [&] { fs::create_symlink(root_ / "base/web", root_ / "base/force-complain/web"); }},
        {"an include that is not understood", [&] { write("base/web", "include \"a\\\"b\"\nprofile web { }\n"); }},
        {"no file",
         [&] {
             fs::create_directories(root_ / "base/web.d"), fs::remove(root_ / "base/web"), fs::create_symlink("web", root_ / "base/web");
         }},
    };
    const auto whole = root_.string() + ".whole";
    fs::copy(root_, whole, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
    for (const auto& [what, doubt] : doubts) {
        EXPECT_TRUE(key()) << what;
        doubt();
        EXPECT_FALSE(key()) << what;
        fs::remove_all(root_);
        fs::copy(whole, root_, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
    }
    fs::remove_all(whole);
}

}  // namespace
}  // namespace aa::apparmor
