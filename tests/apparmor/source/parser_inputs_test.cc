// SPDX-License-Identifier: Apache-2.0
//
// Which files the parser may read for one: by texts, by files that come, go and change, and held against the parser itself.
#include "apparmor/source/parser_inputs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "apparmor/source/parser_process.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;

TEST(MentionedPaths, AreAllThatTheParserCouldTakeForOne) {
    const struct {
        const char* text;
        std::vector<std::string> paths;
    } kCases[] = {
        {"include <tunables/global>\n", {"tunables/global"}},
        {"include<abstractions/base>\n", {"abstractions/base"}},
        {"  #include <abstractions/base>\n", {"abstractions/base"}},
        {"#include<abstractions/base>", {"abstractions/base"}},
        {"#includelocal/x\n", {"local/x"}},  // as the parser has it
        {"include \"/etc/apparmor.d/local/a b\"\n", {"/etc/apparmor.d/local/a b"}},
        {"include local/x\n", {"local/x"}},
        {"include if exists <local/x>\n", {"local/x", "if"}},
        {"#include\tif  exists \"local/x\"\n", {"local/x", "if"}},
        {"include if exists\n\n  local/x # why\n", {"local/x", "if"}},
        {"include <  local/x >\n", {"local/x"}},
        {"/a r, include <local/x>\n/b r,", {"local/x"}},
        {"\"/a # b\" r, include <local/x>\n", {"local/x"}},
        {"abi <abi/3.0>,\n", {"abi/3.0", "/3.0"}},
        {"abi \"abi/3.0\",\n", {"abi/3.0", "/3.0"}},
        {"abi abi/3.0,\nprofile x {}\n", {"abi/3.0", "/3.0"}},
        {"# words that include others\n", {"others"}},
        {"# it includes others; an inclusion\n", {}},
        {"/usr/lib/include/** r,\n/srv/abi.d/x r,\n", {".d/x"}},
        {"profile x { /a r, }\n", {}},
        {"include", {}},
    };
    for (const auto& [text, paths] : kCases) {
        auto mentioned = mentioned_paths(text);
        ASSERT_TRUE(mentioned) << text;
        EXPECT_THAT(*mentioned, ::testing::UnorderedElementsAreArray(paths)) << text;
    }
}

TEST(MentionedPaths, AreNotKnownWhereTheParserWouldReadMoreThanTheText) {
    for (const char* text :
         {"include local/a\\ b\n", "include \"local/a\\\"b\"\n", "include <local/a", "include \"local/a", "include <\"local/a\">\n",
          "include <@{somewhere}/a>\n", "abi <abi\\3>,\n", "include <local/a\n>\n", "include a,,b\n"}) {
        EXPECT_FALSE(mentioned_paths(text)) << text;
    }
}

class Inputs : public ::testing::Test {
protected:
    Inputs() {
        std::string name = fs::temp_directory_path() / "aa-inputs.XXXXXX";
        EXPECT_NE(::mkdtemp(name.data()), nullptr);
        root_ = name;
        for (const char* directory : {"base/parts", "includes", "working"}) fs::create_directories(root_ / directory);
        write("base/web", "include <one>\nprofile web { include if exists <parts> include if exists \"quoted\"\n/x r, }\n");
        write("base/one", "include if exists <two>\n");
    }
    ~Inputs() override { fs::remove_all(root_); }
    Inputs(const Inputs&) = delete;
    Inputs& operator=(const Inputs&) = delete;

    void write(const std::string& name, const std::string& text) const { std::ofstream(root_ / name) << text; }

    [[nodiscard]] std::optional<InputState> state(const std::string& includes = "includes", const std::string& working = "working") const {
        ParserInputs inputs({includes.empty() ? "" : (root_ / includes).string(), root_ / "base", root_ / working});
        return inputs.state_of(root_ / "base/web");
    }

    fs::path root_;
};

TEST_F(Inputs, EveryChangeIsAnotherDigestAndTheSameOnesAreTheSame) {
    const std::vector<std::pair<const char*, std::function<void()>>> changes = {
        {"nothing", [] {}},
        {"the file", [&] { write("base/web", "include <one>\nprofile web { include <parts> include if exists \"quoted\"\n/y r, }\n"); }},
        {"what it includes", [&] { write("base/one", "include if exists <two>\n# more\n"); }},
        {"what that one includes comes", [&] { write("base/two", "@{x}=1\n"); }},
        {"that one changes", [&] { write("base/two", "@{x}=2\n"); }},
        {"one before it on the way comes", [&] { write("includes/two", "@{x}=2\n"); }},
        {"and goes in its stead", [&] { fs::remove(root_ / "base/two"); }},
        {"a file in a folder", [&] { write("base/parts/a", "/a r,\n"); }},
        {"another name for it", [&] { fs::rename(root_ / "base/parts/a", root_ / "base/parts/b"); }},
        {"a folder in a folder", [&] { fs::create_directories(root_ / "base/parts/deep"); }},
        {"what stands in quotes is looked for where we are", [&] { write("working/quoted", "/q r,\n"); }},
        {"a link", [&] { fs::create_symlink(root_ / "base/one", root_ / "base/parts/link"); }},
    };
    std::vector<std::string> digests;
    for (const auto& [what, change] : changes) {
        change();
        const auto now = state();
        ASSERT_TRUE(now) << what;
        EXPECT_EQ(now, state()) << what;
        EXPECT_THAT(digests, ::testing::Not(Contains(now->digest))) << what;
        digests.push_back(now->digest);
    }
    // A folder in a folder is not read.
    write("base/parts/deep/c", "/c r,\n");
    EXPECT_EQ(state()->digest, digests.back());
}

TEST_F(Inputs, WhatIsNotThereDoesNotCount) {
    EXPECT_EQ(state("includes")->digest, state("")->digest);
    EXPECT_EQ(state("includes", "working")->digest, state("includes", "elsewhere")->digest);
    // The same file, for another reason.
    write("working/two", "@{x}=1\n");
    EXPECT_NE(state("working", "includes")->digest, state("includes", "working")->digest);
}

TEST_F(Inputs, WhatWasChangedAndPutBackIsSeen) {
    const auto before = state();
    write("base/one", "# other\n");
    write("base/one", "include if exists <two>\n");
    EXPECT_EQ(state()->digest, before->digest);
    EXPECT_NE(state()->stamp, before->stamp);
}

TEST_F(Inputs, WhatCannotBeReadIsNotKnown) {
    EXPECT_TRUE(state());
    ASSERT_EQ(::mkfifo((root_ / "base/two").c_str(), 0600), 0);
    EXPECT_FALSE(state());
    fs::remove(root_ / "base/two");
    write("base/two", "include \"a\\ b\"\n");
    EXPECT_FALSE(state());
    fs::remove(root_ / "base/two");
    fs::create_symlink("two", root_ / "base/two");
    EXPECT_FALSE(state());
}

// Whatever the parser of this host says that it includes for a profile of this host is among what is found to be read for it.
TEST(InputsOfThisHost, HoldWhatTheParserIncludes) {
    const auto parser = Parser::find();
    if (!parser || !fs::exists("/etc/apparmor.d")) GTEST_SKIP() << "apparmor_parser is not installed";
    std::size_t included = 0;
    for (const auto& entry : fs::directory_iterator("/etc/apparmor.d")) {
        if (!entry.is_regular_file()) continue;
        const auto run = parser->run({"--preprocess", "--skip-kernel-load", "--quiet", entry.path()});
        if (!run || !run->ok()) continue;
        // Each name that it tells has to be told of the file, or of one that is reached from it.
        std::vector<std::string> reached{entry.path()};
        std::vector<std::string> named;
        for (std::size_t at = 0; at < reached.size(); ++at) {
            std::ifstream file(reached[at]);
            const std::string text(std::istreambuf_iterator<char>(file), {});
            const auto paths = mentioned_paths(text);
            ASSERT_TRUE(paths) << reached[at];
            for (const auto& path : *paths) {
                named.push_back(path);
                const auto full = "/etc/apparmor.d/" + path;
                std::vector<std::string> files;
                if (fs::is_regular_file(full)) files.push_back(full);
                if (fs::is_directory(full)) {
                    for (const auto& one : fs::directory_iterator(full)) files.push_back(one.path());
                }
                for (auto& one : files) {
                    if (std::ranges::find(reached, one) == reached.end()) reached.push_back(one);
                }
            }
        }
        for (const auto line : lines(run->output)) {
            constexpr std::string_view kIncluded = "##included <";
            if (!line.starts_with(kIncluded)) continue;
            ++included;
            EXPECT_THAT(named, Contains(line.substr(kIncluded.size(), line.size() - kIncluded.size() - 1))) << entry.path();
        }
    }
    EXPECT_GT(included, 0U);
}

}  // namespace
}  // namespace aa::apparmor
