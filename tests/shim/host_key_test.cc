// SPDX-License-Identifier: Apache-2.0
#include "shim/host_key.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

namespace aa::shim {
namespace {

class HostKey : public testing::Test {
protected:
    HostKey() { std::filesystem::create_directory(directory_); }
    ~HostKey() override { std::filesystem::remove_all(directory_); }

    [[nodiscard]] std::string contents() const {
        std::ifstream file(path_, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }

    [[nodiscard]] std::string refusal() const {
        const auto made = make_host_key(path_);
        return made ? std::string() : made.error().message;
    }

    const std::string directory_ = testing::TempDir() + "host-key-" + std::to_string(::getpid());
    const std::string path_ = directory_ + "/key";
};

TEST_F(HostKey, IsMadeOnceAndForItsOwnerAlone) {
    ASSERT_TRUE(make_host_key(path_).has_value());
    const auto first = contents();
    EXPECT_EQ(first.size(), 16U);
    struct stat st {};
    ASSERT_EQ(::stat(path_.c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 07777U, 0600U);
    ASSERT_TRUE(make_host_key(path_).has_value());
    EXPECT_EQ(contents(), first);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_), {}), 1) << "something was left beside it";
    std::filesystem::remove(path_);
    ASSERT_TRUE(make_host_key(path_).has_value());
    EXPECT_NE(contents(), first);
}

TEST_F(HostKey, NothingElseIsTakenForOneOrReplaced) {
    for (const std::string& text : {std::string(), std::string(15, 'x'), std::string(17, 'x')}) {
        std::ofstream(path_, std::ios::trunc) << text;
        ::chmod(path_.c_str(), 0600);
        EXPECT_NE(refusal().find("is no key: remove it, and run 'aa-shimctl load'"), std::string::npos) << refusal();
        EXPECT_EQ(contents(), text);
    }
    std::ofstream(path_, std::ios::trunc) << std::string(16, 'x');
    ASSERT_EQ(::chmod(path_.c_str(), 0600), 0);
    EXPECT_EQ(refusal(), "");
    for (const mode_t mode : {0640U, 0604U}) {
        ASSERT_EQ(::chmod(path_.c_str(), mode), 0);
        EXPECT_NE(refusal().find("can be read by others"), std::string::npos) << refusal();
    }
    ASSERT_EQ(::chmod(path_.c_str(), 0620), 0);
    EXPECT_NE(refusal().find("can be written by others"), std::string::npos) << refusal();
    std::filesystem::remove(path_);
    std::filesystem::create_symlink("/dev/zero", path_);
    EXPECT_NE(refusal(), "");
}

// As many as are born at once, each with a key of its own if it had its way.
TEST_F(HostKey, OfManyThatMakeItAtOnceOneDoes) {
    for (int round = 0; round < 5; ++round) {
        std::filesystem::remove(path_);
        std::vector<std::string> seen;
        int pipe[2];
        ASSERT_EQ(::pipe(pipe), 0);
        constexpr int kProcesses = 8;
        for (int i = 0; i < kProcesses; ++i) {
            if (::fork() != 0) continue;
            const bool made = make_host_key(path_).has_value();
            const auto text = contents();
            ::_exit(made && ::write(pipe[1], text.data(), text.size()) == 16 ? 0 : 1);
        }
        for (int i = 0; i < kProcesses; ++i) {
            int status = 0;
            ASSERT_GT(::wait(&status), 0);
            EXPECT_EQ(status, 0);
        }
        std::set<std::string> keys;
        for (int i = 0; i < kProcesses; ++i) {
            std::string key(16, '\0');
            ASSERT_EQ(::read(pipe[0], key.data(), key.size()), 16);
            keys.insert(key);
        }
        EXPECT_EQ(keys.size(), 1U);
        ::close(pipe[0]);
        ::close(pipe[1]);
    }
}

}  // namespace
}  // namespace aa::shim
