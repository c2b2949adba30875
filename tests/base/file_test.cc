// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace aa {
namespace {

namespace fs = std::filesystem;

class FileTest : public testing::Test {
protected:
    void SetUp() override {
        std::string pattern = (fs::temp_directory_path() / "aa-file-XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        path_ = pattern;
        dir_ = Fd(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    }
    void TearDown() override { fs::remove_all(path_); }

    void write(const std::string& name, const std::string& text) const { std::ofstream(path_ / name) << text; }
    [[nodiscard]] std::string read(const std::string& name) const {
        std::stringstream text;
        text << std::ifstream(path_ / name).rdbuf();
        return text.str();
    }
    [[nodiscard]] std::size_t entries() const {
        return static_cast<std::size_t>(std::distance(fs::directory_iterator(path_), fs::directory_iterator{}));
    }
    Result<void> replace(const std::string& name, std::string text, mode_t mode = 0644) {
        const iovec pieces[] = {{text.data(), text.size()}};
        return replace_file(dir_.get(), name, pieces, ::getuid(), ::getgid(), mode);
    }

    fs::path path_;
    Fd dir_;
};

TEST_F(FileTest, ReadsAWholeFile) {
    write("f", "hello");
    const auto buffer = read_file_at(dir_.get(), "f", 5);
    ASSERT_TRUE(buffer.has_value());
    EXPECT_EQ(buffer->text(), "hello");
    EXPECT_EQ(buffer->text().data()[5], '\0');
}

TEST_F(FileTest, NamesWhatIsInADirectoryInOrder) {
    for (const auto* name : {"b", "a", ".hidden", "..."}) write(name, "");
    fs::create_directory(path_ / "c");
    const auto names = directory_names(*open_file(dir_.get(), ".", O_RDONLY | O_DIRECTORY), "d");
    ASSERT_TRUE(names.has_value());
    EXPECT_EQ(*names, (std::vector<std::string>{"...", ".hidden", "a", "b", "c"}));
    const auto file = directory_names(*open_file(dir_.get(), "a", O_RDONLY), "d/a");
    ASSERT_FALSE(file.has_value());
    EXPECT_EQ(file.error().kind, ErrorKind::not_found);
}

// A file of sysfs is said to have a page's size, and has less.
TEST_F(FileTest, RefusesWhatEndsBeforeItsEnd) {
    const std::string file = "/sys/kernel/uevent_seqnum";
    if (!fs::exists(file)) GTEST_SKIP() << "this system has no " << file;
    const auto bytes = read_file_at(AT_FDCWD, file, 1U << 20U);
    ASSERT_FALSE(bytes);
    EXPECT_EQ(bytes.error().message, "'/sys/kernel/uevent_seqnum' became shorter while it was read");
    EXPECT_EQ(bytes.error().kind, ErrorKind::system);
}

TEST_F(FileTest, RefusesWhatIsNotAFileOfThatSize) {
    write("big", "123456");
    fs::create_directory(path_ / "dir");
    fs::create_symlink("big", path_ / "link");
    ASSERT_EQ(::mkfifoat(dir_.get(), "fifo", 0600), 0);
    EXPECT_EQ(read_file_at(dir_.get(), "big", 5).error().message, "'big' is 6 bytes long, more than the 5 that are allowed");
    EXPECT_EQ(read_file_at(dir_.get(), "dir", 5).error().message, "'dir' is not a regular file");
    EXPECT_EQ(read_file_at(dir_.get(), "fifo", 5).error().message, "'fifo' is not a regular file");
    EXPECT_EQ(read_file_at(dir_.get(), "link", 5).error().message, "cannot open 'link': it is, or leads through, a symbolic link");
    const auto missing = read_file_at(dir_.get(), "none", 5);
    EXPECT_EQ(missing.error().message, "cannot open 'none': it does not exist");
    EXPECT_EQ(missing.error().kind, ErrorKind::not_found);
}

// dockerd and Podman read exit codes out of these phrases.
TEST_F(FileTest, ErrnoTextsSteerNoEngine) {
    for (int error = 1; error < 134; ++error) {
        std::string text(errno_text(error));
        for (char& c : text) c = static_cast<char>(::tolower(c));
        for (const char* phrase : {"permission denied", "no such file or directory", "not a directory", "is a directory",
                                   "operation not permitted", "executable file not found"}) {
            EXPECT_EQ(text.find(phrase), std::string::npos) << error << ": " << text;
        }
        EXPECT_FALSE(text.empty());
    }
}

TEST_F(FileTest, ReplacesCompletely) {
    write("f", "old");
    ASSERT_TRUE(replace("f", "new", 0640).has_value());
    EXPECT_EQ(read("f"), "new");
    struct stat st {};
    ASSERT_EQ(::fstatat(dir_.get(), "f", &st, 0), 0);
    EXPECT_EQ(st.st_mode & 07777U, 0640U);
    EXPECT_EQ(entries(), 1U);
}

TEST_F(FileTest, ManyPiecesAreWrittenInOrder) {
    std::string letters = "abc";
    std::vector<iovec> pieces;
    std::string expected;
    for (int i = 0; i < 3000; ++i) {
        pieces.push_back({&letters[static_cast<std::size_t>(i % 3)], static_cast<std::size_t>(i % 2)});
        if (i % 2 == 1) expected += letters[static_cast<std::size_t>(i % 3)];
    }
    ASSERT_TRUE(replace_file(dir_.get(), "f", pieces, ::getuid(), ::getgid(), 0600).has_value());
    EXPECT_EQ(read("f"), expected);
}

TEST_F(FileTest, AFailedReplacementLeavesTheOldFileAndNothingElse) {
    fs::create_directory(path_ / "f");  // rename(2) of a file over a directory fails
    EXPECT_FALSE(replace("f", "new").has_value());
    EXPECT_TRUE(fs::is_directory(path_ / "f"));
    EXPECT_EQ(entries(), 1U);
}

TEST_F(FileTest, APipeIsReadToItsEnd) {
    const std::string text(3000, 'x');
    for (const std::size_t limit : {std::size_t{2999}, std::size_t{3000}, std::size_t{1} << 20}) {
        std::array<int, 2> ends{};
        ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
        const Fd reader(ends[0]);
        Fd writer(ends[1]);
        ASSERT_TRUE(write_all(writer.get(), text));
        writer.reset();
        EXPECT_TRUE(is_pipe(reader.get()));
        const auto read = read_pipe(reader.get(), limit, "p");
        EXPECT_EQ(read ? *read : read.error().message, limit < text.size() ? "'p' gives more than the 2999 bytes that are allowed" : text);
    }
    write("f", "");
    const Fd file(::open((path_ / "f").c_str(), O_RDONLY | O_CLOEXEC));
    EXPECT_FALSE(is_pipe(file.get()));
}

TEST_F(FileTest, WhatOthersCanWriteIsNotTrusted) {
    write("f", "");
    ASSERT_EQ(::chmod((path_ / "f").c_str(), 0664), 0);
    const Fd fd(::open((path_ / "f").c_str(), O_RDONLY | O_CLOEXEC));
    EXPECT_EQ(require_trusted(fd.get(), "f").error().message,
              "'f' can be written by others: make it root's, writable by root alone (chown root, chmod go-w)");
    ASSERT_EQ(::chmod((path_ / "f").c_str(), 0644), 0);
    EXPECT_TRUE(require_trusted(fd.get(), "f").has_value());
}

TEST_F(FileTest, ATrustedPathHasNoSymlinkAndNoOpenDirectory) {
    // The temporary directory itself is open to everybody, so nothing below it is trusted.
    write("f", "");
    const auto below_tmp = open_trusted_path((path_ / "f").string(), O_RDONLY);
    ASSERT_FALSE(below_tmp.has_value());
    EXPECT_EQ(below_tmp.error().message, "'" + fs::temp_directory_path().string() +
                                             "' can be written by others: make it root's, writable by root alone (chown root, chmod go-w)");
    EXPECT_FALSE(open_trusted_path("/proc/self/mounts", O_RDONLY).has_value());  // /proc/self is a link
    EXPECT_TRUE(open_trusted_path("/proc/version", O_RDONLY).has_value());
    for (const char* path : {"", "relative", "/proc/../proc/version", "/proc//version", "/proc/version/"}) {
        EXPECT_FALSE(open_trusted_path(path, O_RDONLY).has_value()) << path;
    }
}

// user_namespaces(7): inside, outside, how many.
TEST(UserNamespace, WhetherItLeavesOutTheRootOutside) {
    for (const char* without :
         {"         0       1000          1\n         1     100000      65536\n", "0 1 4294967294\n", "65534 1000 1\n"}) {
        EXPECT_TRUE(map_leaves_out_root(without)) << without;
    }
    for (const char* with :
         {"         0          0 4294967295\n", "0 1000 1\n1 0 1\n", "5 0 1\n", "", "0 1000\n", "0 x 1\n", "0 1000 1\n\n", "0 -1 1\n"}) {
        EXPECT_FALSE(map_leaves_out_root(with)) << with;
    }
}

// In the initial namespace the overflow uid is a user like any other.
TEST_F(FileTest, AFileOfNobodysIsNotTheOperators) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
    write("f", "");
    ASSERT_EQ(::chmod((path_ / "f").c_str(), 0644), 0);
    const Fd fd(::open((path_ / "f").c_str(), O_RDONLY | O_CLOEXEC));
    EXPECT_TRUE(require_operators(fd.get(), "f").has_value());
    ASSERT_EQ(::fchown(fd.get(), 65534, 65534), 0);
    EXPECT_EQ(require_operators(fd.get(), "f").error().message,
              "'f' belongs to uid 65534: make it root's, writable by root alone (chown root, chmod go-w)");
}

}  // namespace
}  // namespace aa
