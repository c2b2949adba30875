// SPDX-License-Identifier: Apache-2.0
//
// The filter of the commands that only read, each time in a process of its own, as it is for good: what is tried then, and how that
// process ends. That the commands have it is tested on the programs (tests/process/test_privileges.py).
#include "ctl/cli/system_calls.h"

#include <gtest/gtest.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <string>

namespace aa::ctl {
namespace {

// How a process ends that has FILTER and then does WHAT, which returns 0 or an errno: "done", the errno's name, or the signal's.
std::string after(SystemCalls filter, const std::function<int()>& what) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || !keep_only(filter)) ::_exit(255);
        ::_exit(what());
    }
    int status = 0;
    EXPECT_EQ(::waitpid(pid, &status, 0), pid);
    if (WIFSIGNALED(status)) return ::sigabbrev_np(WTERMSIG(status));
    return WEXITSTATUS(status) == 0 ? "done" : WEXITSTATUS(status) == 255 ? "not filtered" : ::strerrorname_np(WEXITSTATUS(status));
}

// The call as it would do nothing if it came through: with arguments that the kernel takes for an error.
std::function<int()> call(long number, long first = -1, long second = 0, long third = 0) {
    return [=] { return ::syscall(number, first, second, third, 0, 0, 0) < 0 ? errno : 0; };
}

std::function<int()> socket_of(int family) {
    return [=] { return ::socket(family, SOCK_RAW, 0) < 0 && ::socket(family, SOCK_STREAM, 0) < 0 ? errno : 0; };
}

int run_a_program() {
    const char* const words[] = {"/bin/true", nullptr};
    (void)::execve(words[0], const_cast<char* const*>(words), nullptr);
    return errno;
}

constexpr SystemCalls kFilters[] = {SystemCalls::watches, SystemCalls::reads, SystemCalls::reads_alone};

TEST(KeepOnlySystemCalls, WhatNoReaderDoesEndsIt) {
    const long calls[] = {SYS_init_module,     SYS_finit_module, SYS_delete_module,    SYS_kexec_load,        SYS_bpf,
                          SYS_perf_event_open, SYS_ptrace,       SYS_process_vm_readv, SYS_process_vm_writev, SYS_mount,
                          SYS_umount2,         SYS_pivot_root,   SYS_move_mount,       SYS_open_tree,         SYS_fsopen,
                          SYS_swapon,          SYS_reboot,       SYS_keyctl,           SYS_add_key,           SYS_request_key,
                          SYS_settimeofday,    SYS_sethostname};
    for (const auto filter : kFilters) {
        for (const long number : calls) EXPECT_EQ(after(filter, call(number)), "SYS") << number;
    }
    EXPECT_NE(after(SystemCalls::all, call(SYS_keyctl)), "SYS");
}

TEST(KeepOnlySystemCalls, WhatALibraryMayTryIsRefused) {
    const long calls[] = {SYS_setuid, SYS_setgid, SYS_setresuid, SYS_setgroups,         SYS_capset,
                          SYS_chroot, SYS_setns,  SYS_mknodat,   SYS_open_by_handle_at, SYS_io_uring_setup};
    for (const auto filter : kFilters) {
        for (const long number : calls) EXPECT_EQ(after(filter, call(number)), "EPERM") << number;
    }
    // Without the filter the kernel has another answer, root's or not.
    EXPECT_EQ(after(SystemCalls::all, call(SYS_chroot, 0)), "EFAULT");
    EXPECT_NE(after(SystemCalls::all, call(SYS_io_uring_setup, 0)), "done");
}

TEST(KeepOnlySystemCalls, NoNamespaceOfItsOwn) {
    EXPECT_EQ(after(SystemCalls::reads, call(SYS_unshare, 0)), "EPERM");
    EXPECT_EQ(after(SystemCalls::all, call(SYS_unshare, 0)), "done");
    for (const long flag : {CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET}) {
        EXPECT_EQ(after(SystemCalls::reads, call(SYS_clone, flag | SIGCHLD)), "EPERM") << flag;
    }
    EXPECT_EQ(after(SystemCalls::reads, call(SYS_clone3)), "ENOSYS");
    EXPECT_EQ(after(SystemCalls::reads,
                    [] {
                        const pid_t child = ::fork();
                        if (child == 0) ::_exit(0);
                        return ::waitpid(child, nullptr, 0) == child ? 0 : errno;
                    }),
              "done");
}

TEST(KeepOnlySystemCalls, SocketsAsFarAsTheyAreNeeded) {
    const struct {
        int family;
        const char* watches;
        const char* reads;
    } rows[] = {
        {AF_UNIX, "done", "done"},    {AF_NETLINK, "done", "EPERM"}, {AF_UNSPEC, "EPERM", "EPERM"}, {AF_INET, "EPERM", "EPERM"},
        {AF_INET6, "EPERM", "EPERM"}, {AF_PACKET, "EPERM", "EPERM"}, {AF_ALG, "EPERM", "EPERM"},    {AF_VSOCK, "EPERM", "EPERM"},
    };
    for (const auto& row : rows) {
        EXPECT_EQ(after(SystemCalls::watches, socket_of(row.family)), row.watches) << row.family;
        EXPECT_EQ(after(SystemCalls::reads, socket_of(row.family)), row.reads) << row.family;
        EXPECT_EQ(after(SystemCalls::reads_alone, socket_of(row.family)), "EPERM") << row.family;
    }
    EXPECT_EQ(after(SystemCalls::all, socket_of(AF_INET)), "done");
    // The kernel takes the family from half of the register.
    EXPECT_EQ(after(SystemCalls::reads, call(SYS_socket, (1L << 32) | AF_INET, SOCK_STREAM)), "EPERM");
}

TEST(KeepOnlySystemCalls, ProgramsAsFarAsTheyAreNeeded) {
    EXPECT_EQ(after(SystemCalls::watches, run_a_program), "done");
    EXPECT_EQ(after(SystemCalls::reads, run_a_program), "done");
    EXPECT_EQ(after(SystemCalls::reads_alone, run_a_program), "SYS");
    // They have it as well.
    EXPECT_EQ(after(SystemCalls::reads, [] { return ::prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 2 ? 0 : EINVAL; }), "done");
}

#ifdef __x86_64__
// The same calls under other numbers: x32 (bit 30), and those of 32-bit programs.
TEST(KeepOnlySystemCalls, NoOtherInterfaceOfTheMachine) {
    EXPECT_EQ(after(SystemCalls::reads, call(SYS_getpid | 1L << 30)), "SYS");
    EXPECT_EQ(after(SystemCalls::reads,
                    [] {
                        long number = 20;  // getpid
                        asm volatile("int $0x80" : "+a"(number) : : "memory");
                        return 0;
                    }),
              "SYS");
}
#endif

TEST(KeepOnlySystemCalls, RefusesWhatCannotBeGivenUp) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        scmp_filter_ctx outer = ::seccomp_init(SCMP_ACT_ALLOW);
        const scmp_arg_cmp sets_filter{0, SCMP_CMP_EQ, PR_SET_SECCOMP, 0};
        (void)::seccomp_rule_add_array(outer, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(prctl), 1, &sets_filter);
        (void)::seccomp_rule_add(outer, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(seccomp), 0);
        (void)::seccomp_load(outer);
        const auto kept = keep_only(SystemCalls::reads);
        const bool told = !kept && kept.error().message.starts_with("the system calls that are not needed cannot be given up: ") &&
                          kept.error().message.ends_with(
                              "allow it seccomp(2) and prctl(2), which another filter may forbid, and run a "
                              "kernel with CONFIG_SECCOMP_FILTER");
        ::_exit(told ? 0 : 1);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_EQ(status, 0);
}

// The whole table; what it may hold is for people to judge.
TEST(SystemCallsOf, EachCommand) {
    for (const auto task : {Task::denials_reveal, Task::install, Task::install_dry_run, Task::install_podman, Task::verify,
                            Task::verify_podman, Task::load, Task::node, Task::node_learn})
        EXPECT_EQ(system_calls_of(task), SystemCalls::all);
    for (const auto task : {Task::check, Task::explain, Task::explain_bundle, Task::explain_container, Task::diff, Task::graph, Task::query,
                            Task::denials, Task::metrics_containers, Task::metrics_containers_file, Task::new_confinement, Task::replay,
                            Task::status, Task::test, Task::version})
        EXPECT_EQ(system_calls_of(task), SystemCalls::reads);
    for (const auto task : {Task::nothing, Task::complete, Task::metrics, Task::metrics_file, Task::node_check})
        EXPECT_EQ(system_calls_of(task), SystemCalls::reads_alone);
    for (const auto task : {Task::denials_follow, Task::watch, Task::watch_kill}) EXPECT_EQ(system_calls_of(task), SystemCalls::watches);
}

}  // namespace
}  // namespace aa::ctl
