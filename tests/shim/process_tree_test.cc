// SPDX-License-Identifier: Apache-2.0
#include "shim/process_tree.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <thread>

namespace aa::shim {
namespace {

void tell_and_wait(int out) {
    const pid_t self = ::getpid();
    if (::write(out, &self, sizeof self) != sizeof self) ::_exit(1);
    for (;;) ::pause();
}

// A process that has GENERATIONS of descendants, tells the pid of each through OUT, and waits.
void descend(int generations, int out) {
    while (generations-- > 0) {
        if (::fork() != 0) break;
    }
    tell_and_wait(out);
}

TEST(ProcessTree, HoldsAllDescendantsAndTheirThreads) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t root = ::fork();
    if (root == 0) {
        ::setpgid(0, 0);
        // A child of a thread is one of the process.
        std::thread([&] {
            if (::fork() == 0) descend(2, ends[1]);
            for (;;) ::pause();
        }).join();
    }
    std::set<pid_t> expected{root};
    for (int i = 0; i < 3; ++i) {
        pid_t pid = 0;
        ASSERT_EQ(::read(ends[0], &pid, sizeof pid), ssize_t{sizeof pid});
        expected.insert(pid);
    }
    const auto tasks = process_tree(root);
    std::set<pid_t> seen;
    for (const auto& task : tasks) seen.insert(task.process);
    EXPECT_EQ(seen, expected);
    EXPECT_EQ(tasks.size(), 5U);
    EXPECT_NE(std::find(tasks.begin(), tasks.end(), Task{root, root}), tasks.end());
    ::kill(-root, SIGKILL);
    ::waitpid(root, nullptr, 0);
    EXPECT_TRUE(process_tree(root).empty());
}

}  // namespace
}  // namespace aa::shim
