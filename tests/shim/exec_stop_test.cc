// SPDX-License-Identifier: Apache-2.0
#include "shim/exec_stop.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

namespace aa::shim {
namespace {

// A child that waits for a byte, and does WORK.
template <class Work>
struct Waiting {
    explicit Waiting(Work work) {
        EXPECT_EQ(::pipe(ends), 0);
        pid = ::fork();
        if (pid == 0) {
            char byte = 0;
            if (::read(ends[0], &byte, 1) == 1) work();
            ::_exit(1);
        }
    }
    ~Waiting() {
        (void)::kill(pid, SIGKILL);
        (void)::waitpid(pid, nullptr, 0);
    }
    void go() const { EXPECT_EQ(::write(ends[1], "", 1), 1); }

    int ends[2] = {};
    pid_t pid = 0;
};

void become_true() { ::execl("/bin/true", "true", static_cast<char*>(nullptr)); }

// The process that STOP tells next; 0 once none is seized, -1 for an error.
pid_t next_exec(ExecStop& stop) {
    const auto process = stop.await_exec();
    return process ? process->value_or(0) : -1;
}

class ExecStopTest : public testing::Test {
protected:
    void SetUp() override {
        const Waiting probe([] {});
        auto stop = ExecStop::seize(apparmor::Kernel(), probe.pid, Threads::all, Children::seized);
        if (!stop) GTEST_SKIP() << stop.error().message;
        stop->kill();
    }
};

TEST_F(ExecStopTest, StopsAtTheExecAndLetsGo) {
    const Waiting child(become_true);
    auto stop = ExecStop::seize(apparmor::Kernel(), child.pid, Threads::all, Children::seized);
    ASSERT_TRUE(stop);
    child.go();
    ASSERT_EQ(next_exec(*stop), child.pid);
    ASSERT_TRUE(stop->let_go(child.pid));
    EXPECT_TRUE(stop->tasks().empty());
    int status = 0;
    ASSERT_EQ(::waitpid(child.pid, &status, 0), child.pid);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST_F(ExecStopTest, AnExecByAnotherThreadHasTheNumberOfTheProcess) {
    const Waiting child([] { std::thread(become_true).join(); });
    auto stop = ExecStop::seize(apparmor::Kernel(), child.pid, Threads::all, Children::seized);
    ASSERT_TRUE(stop);
    child.go();
    ASSERT_EQ(next_exec(*stop), child.pid);
    EXPECT_EQ(stop->tasks(), std::vector<pid_t>{child.pid});
    stop->kill();
}

TEST_F(ExecStopTest, AChildStopsOnlyIfAsked) {
    for (const auto children : {Children::seized, Children::left_alone}) {
        const Waiting parent([] {
            if (::fork() == 0) become_true();
            (void)::wait(nullptr);
            become_true();
        });
        auto stop = ExecStop::seize(apparmor::Kernel(), parent.pid, Threads::all, children);
        ASSERT_TRUE(stop);
        parent.go();
        const auto first = next_exec(*stop);
        ASSERT_NE(first, 0);
        EXPECT_EQ(first == parent.pid, children == Children::left_alone);
        stop->kill();
    }
}

TEST_F(ExecStopTest, EndsWithAllThatIsSeized) {
    const Waiting child([] {});
    auto stop = ExecStop::seize(apparmor::Kernel(), child.pid, Threads::all, Children::seized);
    ASSERT_TRUE(stop);
    child.go();
    EXPECT_EQ(next_exec(*stop), 0);
}

TEST_F(ExecStopTest, WhatIsReleasedRunsUntraced) {
    const Waiting child(become_true);
    auto stop = ExecStop::seize(apparmor::Kernel(), child.pid, Threads::first, Children::seized);
    ASSERT_TRUE(stop);
    EXPECT_FALSE(ExecStop::seize(apparmor::Kernel(), 1 << 23, Threads::all, Children::seized));
    ASSERT_TRUE(stop->release());
    EXPECT_TRUE(stop->tasks().empty());
    EXPECT_FALSE(is_seized_by_us(child.pid));
    child.go();
    int status = 0;
    ASSERT_EQ(::waitpid(child.pid, &status, 0), child.pid);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

}  // namespace
}  // namespace aa::shim
