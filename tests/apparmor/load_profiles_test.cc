// SPDX-License-Identifier: Apache-2.0
//
// What is given to a kernel: files in the place of one, behind the real parser.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "apparmor/load.h"
#include "apparmor/policy/reader.h"
#include "apparmor/source/parser_process.h"

namespace aa::apparmor {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string read(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

class LoadProfiles : public ::testing::Test {
protected:
    void SetUp() override {
        if (!Parser::find()) GTEST_SKIP() << "apparmor_parser is not installed";
        std::string name = fs::temp_directory_path() / "aa-load.XXXXXX";
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        root_ = name;
        // It compiles for a kernel that is not there.
        settings_.parser = write("parser",
                                 "#!/bin/sh\necho \"$*\" >> " + root_ + "/calls\nexec " + Parser::find()->path() +
                                     " --features-file=" + *packaged_features() + " \"$@\"\n",
                                 0755);
    }
    void TearDown() override {
        if (!root_.empty()) fs::remove_all(root_);
    }

    std::string write(const std::string& path, const std::string& text, mode_t mode = 0644) const {
        std::string full = root_ + "/" + path;
        fs::create_directories(fs::path(full).parent_path());
        std::ofstream(full) << text;
        EXPECT_EQ(::chmod(full.c_str(), mode), 0);
        return full;
    }

    void want(const std::string& profile) {
        Confinement confinement;
        confinement.name = profile;
        confinement.profile = profile;
        catalog_.confinements.push_back(confinement);
    }

    std::string root_;
    LoadSettings settings_;
    Catalog catalog_;
};

TEST_F(LoadProfiles, NeedsAKernelWithAppArmor) {
    const std::string web = write("etc/web", "profile web { /x r, }\n");
    want("web");
    const auto loaded = load_profiles(catalog_, {{"web", web}}, Kernel("/dev/null/securityfs", "/dev/null/module"), settings_);
    ASSERT_FALSE(loaded);
    EXPECT_THAT(loaded.error().message, HasSubstr("this kernel has no AppArmor"));
    EXPECT_FALSE(fs::exists(root_ + "/calls"));
}

// The parser's own cache would give the policy of another file of that name, or of a newer version.
TEST_F(LoadProfiles, GivesTheKernelWhatWasCompiledForTheCheck) {
    settings_.compiled = root_ + "/compiled";
    fs::create_directories(settings_.compiled);
    write("module/parameters/enabled", "Y\n");
    write("securityfs/apparmor/.access", "");
    write("securityfs/apparmor/.replace", "");
    const Kernel kernel(root_ + "/securityfs", root_ + "/module");
    const std::string web = write("etc/web", "profile web { /x r, }\n");
    const std::string other = write("etc/more/web", "profile other { /x r, }\n");
    want("web");
    want("other");
    const std::vector<ProfileSource> both = {{"web", web}, {"other", other}};
    EXPECT_THAT(check_profiles(catalog_, both, kernel, settings_), IsEmpty());
    // Two of one name are two runs.
    EXPECT_EQ(std::ranges::count(read(root_ + "/calls"), '\n'), 2);
    EXPECT_THAT(read(root_ + "/calls"), AllOf(HasSubstr("/include --skip-kernel-load --quiet --jobs=auto --write-cache --cache-loc="),
                                              HasSubstr(" " + web + "\n"), HasSubstr(" " + other + "\n")));
    EXPECT_TRUE(fs::exists(root_ + "/compiled/include/aa-shim/abi"));
    // What is written since is for the next load.
    write("etc/web", "profile web { /y r, }\n");
    fs::remove(root_ + "/calls");
    const auto given = [&](const ProfileSource& source) {
        write("securityfs/apparmor/.replace", "");
        EXPECT_FALSE(load_profiles(catalog_, {source}, kernel, settings_));  // nothing comes of it in this kernel
        auto policy = read_policy(read(root_ + "/securityfs/apparmor/.replace"), "what the kernel was given");
        EXPECT_TRUE(policy) << policy.error().message;
        return policy ? policy->front() : Profile();
    };
    const auto loaded = given(both[0]);
    EXPECT_EQ(loaded.name, "web");
    EXPECT_NE(loaded.files.permissions(loaded.files.match(loaded.files_start, "/x"), true).allow, 0U);
    EXPECT_EQ(loaded.files.permissions(loaded.files.match(loaded.files_start, "/y"), true).allow, 0U);
    EXPECT_EQ(given(both[1]).name, "other");
    EXPECT_FALSE(fs::exists(root_ + "/calls"));
}

}  // namespace
}  // namespace aa::apparmor
