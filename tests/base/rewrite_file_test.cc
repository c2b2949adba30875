// SPDX-License-Identifier: Apache-2.0
#include "base/rewrite_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace aa {
namespace {

namespace fs = std::filesystem;
using ::testing::EndsWith;
using ::testing::HasSubstr;

class Rewrite : public testing::Test {
protected:
    void SetUp() override {
        std::string pattern = (fs::temp_directory_path() / "aa-rewrite-XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        folder_ = pattern;
        path_ = pattern + "/profile";
        std::ofstream(path_) << "old";
    }
    void TearDown() override { fs::remove_all(folder_); }

    [[nodiscard]] std::string text() const {
        std::stringstream text;
        text << std::ifstream(path_).rdbuf();
        return text.str();
    }
    [[nodiscard]] auto names() const { return std::distance(fs::directory_iterator(folder_), fs::directory_iterator{}); }

    fs::path folder_;
    std::string path_;
};

TEST_F(Rewrite, KeepsEverythingButTheText) {
    ASSERT_EQ(::chmod(path_.c_str(), 0640), 0);
    const bool has_attributes = ::setxattr(path_.c_str(), "user.note", "kept", 4, 0) == 0;
    const bool is_root = ::geteuid() == 0;
    if (is_root) {
        ASSERT_EQ(::chown(path_.c_str(), 12345, 54321), 0);
    }
    ASSERT_TRUE(rewrite_file(path_, "old", "new text\r\n"));
    EXPECT_EQ(text(), "new text\r\n");
    EXPECT_EQ(names(), 1);
    struct stat st {};
    ASSERT_EQ(::stat(path_.c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 07777U, 0640U);
    if (is_root) {
        EXPECT_EQ((std::pair{st.st_uid, st.st_gid}), (std::pair<uid_t, gid_t>{12345, 54321}));
    }
    char note[8] = {};
    if (has_attributes) {
        EXPECT_EQ(::getxattr(path_.c_str(), "user.note", note, sizeof note), 4);
    }
    if (has_attributes) {
        EXPECT_STREQ(note, "kept");
    }
}

TEST_F(Rewrite, RefusesASymlink) {
    fs::create_symlink("profile", folder_ / "link");
    const auto result = rewrite_file((folder_ / "link").string(), "old", "new");
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().message,
              "'" + folder_.string() + "/link' is a symlink to 'profile', and is not followed: name the file itself");
    EXPECT_EQ(text(), "old");
    EXPECT_TRUE(fs::is_symlink(folder_ / "link"));
}

TEST_F(Rewrite, RefusesAFileWithSeveralNames) {
    fs::create_hard_link(path_, folder_ / "other");
    const auto result = rewrite_file(path_, "old", "new");
    ASSERT_FALSE(result);
    EXPECT_THAT(result.error().message, HasSubstr("has other names"));
    EXPECT_EQ(text(), "old");
}

TEST_F(Rewrite, RefusesWhatSomebodyChanged) {
    for (const char* expected : {"ol", "olx", "older"}) {
        const auto result = rewrite_file(path_, expected, "new");
        ASSERT_FALSE(result) << expected;
        EXPECT_THAT(result.error().message, EndsWith("was changed in the meantime: try again"));
        EXPECT_EQ(text(), "old");
    }
    EXPECT_EQ(names(), 1);
}

TEST_F(Rewrite, SaysWhatIsMissing) {
    EXPECT_EQ(rewrite_file((folder_ / "none").string(), "", "new").error().kind, ErrorKind::not_found);
    EXPECT_EQ(names(), 1);
}

}  // namespace
}  // namespace aa
