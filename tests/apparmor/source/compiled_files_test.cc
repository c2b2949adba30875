// SPDX-License-Identifier: Apache-2.0
#include "apparmor/source/compiled_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/text.h"

namespace aa::apparmor {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class CompiledFiles : public ::testing::Test {
protected:
    void SetUp() override {
        if (!Parser::find()) GTEST_SKIP() << "apparmor_parser is not installed";
        std::string name = fs::temp_directory_path() / "aa-compiled.XXXXXX";
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        root_ = name;
    }
    void TearDown() override {
        if (!root_.empty()) fs::remove_all(root_);
    }

    std::string write(const std::string& name, const std::string& text) {
        const fs::path path = fs::path(root_) / name;
        fs::create_directories(path.parent_path());
        std::ofstream(path) << text;
        return path;
    }

    // The names in each, in their order, or what is wrong.
    static std::vector<std::string> compiled(const std::vector<std::string>& files) {
        std::vector<std::string> result;
        for (const auto& one : compile_each(*Parser::find(), files, *packaged_features())) {
            std::vector<std::string> names;
            if (one) {
                for (const auto& profile : *one) names.push_back(profile.name);
            }
            std::sort(names.begin(), names.end());
            result.push_back(one ? join(names, " ") : one.error().message);
        }
        return result;
    }

    std::string root_;
};

// Two files of one name, which the parser's cache would hold for one, and one that it does not take.
TEST_F(CompiledFiles, EachIsCompiledByItself) {
    const auto broken = write("broken", "profile broken {\n");
    EXPECT_THAT(compiled({write("one", "profile one { /a r, }\nprofile more { }\n"), write("two", "profile two { /a r, }\n"), broken,
                          write("sub/two", "profile other { /b r, }\n"), write("three", "profile three { }\n")}),
                ElementsAre("more one", "two", StartsWith(concat({"'", broken, "' does not compile: "})), "other", "three"));
    EXPECT_THAT(compiled({broken}), ElementsAre(StartsWith(concat({"'", broken, "' does not compile: "}))));
    EXPECT_THAT(compiled({}), IsEmpty());
}

}  // namespace
}  // namespace aa::apparmor
