// SPDX-License-Identifier: Apache-2.0
#include "ctl/learn/inherited.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "base/fd.h"

namespace aa::ctl {
namespace {

TEST(InheritedFiles, AreThoseThatAnExecLeavesOpen) {
    std::string folder = "/tmp/inherited.XXXXXX";
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    const auto opened = [&](const char* name, int flags) { return Fd(::open((folder + name).c_str(), flags | O_CREAT, 0600)); };
    const Fd log = opened("/log", O_WRONLY | O_APPEND);
    const Fd both = opened("/both", O_RDWR);
    const Fd read = opened("/read", O_RDONLY);
    const Fd closed = opened("/closed", O_RDONLY | O_CLOEXEC);
    int pipe[2] = {};
    ASSERT_EQ(::pipe(pipe), 0);
    const Fd reads(pipe[0]);
    const Fd writes(pipe[1]);
    std::map<std::string, std::string> letters;
    for (const auto& file : inherited_files(static_cast<unsigned long long>(::getpid()))) {
        EXPECT_TRUE(file.name.starts_with('/')) << file.name;
        if (!file.name.starts_with(folder)) continue;
        letters[file.name.substr(folder.size())] = file.letters;
        EXPECT_EQ(file.owner, ::geteuid());
    }
    EXPECT_EQ(letters, (std::map<std::string, std::string>{{"/log", "a"}, {"/both", "wr"}, {"/read", "r"}}));
    for (const char* name : {"/log", "/both", "/read", "/closed"}) ::unlink((folder + name).c_str());
    ::rmdir(folder.c_str());
}

TEST(InheritedFiles, OfAProcessThatIsGoneAreNone) { EXPECT_TRUE(inherited_files(1ULL << 40U).empty()); }

}  // namespace
}  // namespace aa::ctl
