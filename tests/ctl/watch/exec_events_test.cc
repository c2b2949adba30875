// SPDX-License-Identifier: Apache-2.0
#include "ctl/watch/exec_events.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <string>

namespace aa::ctl::watch {
namespace {

std::string message(decltype(proc_event::what) what, pid_t process) {
    proc_event event{};
    event.what = what;
    event.event_data.exec.process_pid = 1;
    event.event_data.exec.process_tgid = process;
    return std::string(NLMSG_HDRLEN + sizeof(cn_msg), '\0') + std::string(reinterpret_cast<const char*>(&event), sizeof event);
}

TEST(ExecutingProcess, OfAnExecAlone) {
    EXPECT_EQ(executing_process(message(proc_event::PROC_EVENT_EXEC, 4711)), 4711);
    EXPECT_EQ(executing_process(message(proc_event::PROC_EVENT_FORK, 4711)), 0);
    EXPECT_EQ(executing_process(message(proc_event::PROC_EVENT_NONE, 4711)), 0);
}

TEST(ExecutingProcess, NotOfAMessageThatIsTooShort) {
    const auto whole = message(proc_event::PROC_EVENT_EXEC, 4711);
    constexpr std::size_t kEnough = NLMSG_HDRLEN + sizeof(cn_msg) + offsetof(proc_event, event_data) + sizeof(proc_event{}.event_data.exec);
    for (std::size_t size = 0; size < kEnough; ++size) EXPECT_EQ(executing_process(std::string_view(whole).substr(0, size)), 0) << size;
    EXPECT_EQ(executing_process(std::string_view(whole).substr(0, kEnough)), 4711);
}

pid_t child(bool executes) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        if (executes) (void)::execl("/bin/true", "true", nullptr);
        ::_exit(0);
    }
    EXPECT_EQ(::waitpid(pid, nullptr, 0), pid);
    return pid;
}

TEST(ExecEventsTest, WhoExecutesIsTold) {
    const auto events = ExecEvents::open();
    if (!events) GTEST_SKIP() << events.error().message;
    const pid_t forked = child(false);
    const pid_t executed = child(true);
    pollfd wait{events->fd(), POLLIN, 0};
    ASSERT_EQ(::poll(&wait, 1, 5000), 1);
    const auto processes = events->read();
    ASSERT_TRUE(processes) << processes.error().message;
    EXPECT_THAT(*processes, testing::Contains(executed));
    EXPECT_THAT(*processes, testing::Not(testing::Contains(forked)));
}

TEST(ExecEventsTest, InAnotherUserNamespaceThereAreNone) {
    constexpr int kNoNamespaces = 2;
    const pid_t pid = ::fork();
    if (pid == 0) {
        if (::unshare(CLONE_NEWUSER) != 0) ::_exit(kNoNamespaces);
        const auto events = ExecEvents::open();
        ::_exit(!events && events.error().message.find("process events") != std::string::npos ? 0 : 1);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == kNoNamespaces) GTEST_SKIP() << "user namespaces are not allowed here";
    EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace aa::ctl::watch
