// SPDX-License-Identifier: Apache-2.0
//
// inject REPORT … PROGRAM ARG…: one of PROGRAM's system calls fails, as fault.h says.
//
// A tracer that is no child of anybody sees to it, so pid, parent, exit status and descriptors are PROGRAM's own; but it cannot trace itself, and
// nobody else can trace it (supervise.c is for those). REPORT ends once the fault was there.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fault.h"

enum {
    kMostTasks = 4096,
    kOptions = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC
};

static struct task {
    pid_t pid;
    int calls;
    int is_within;  // a call
    int is_struck;  // it is in the call that the fault is for
} tasks[kMostTasks];
static int task_count;

static struct iovec kept;  // of a vector that was shortened
static uint64_t kept_at;   // where that is; 0 if there is none
static int keeps_result;   // the call that the fault is for fails by itself
static int changed = -1;   // its argument that is another than PROGRAM gave; -1: none is
static uint64_t given;     // what it gave

static struct task* task_of(pid_t pid) {
    for (int i = 0; i < task_count; ++i) {
        if (tasks[i].pid == pid) return &tasks[i];
    }
    if (task_count == kMostTasks) die("too many processes");
    tasks[task_count] = (struct task){.pid = pid};
    return &tasks[task_count++];
}

// Registers: what ptrace(2) has no portable word for.
#if defined(__x86_64__)
static void set_register(pid_t pid, size_t offset, uint64_t value) { ptrace(PTRACE_POKEUSER, pid, offset, value); }
enum { kResultIsFirst = 0 };  // argument's register
static void set_call(pid_t pid, long number) { set_register(pid, offsetof(struct user_regs_struct, orig_rax), (uint64_t)number); }
static void set_result(pid_t pid, long value) { set_register(pid, offsetof(struct user_regs_struct, rax), (uint64_t)value); }
static void set_argument(pid_t pid, int n, uint64_t value) {
    static const size_t offsets[] = {offsetof(struct user_regs_struct, rdi), offsetof(struct user_regs_struct, rsi),
                                     offsetof(struct user_regs_struct, rdx)};
    set_register(pid, offsets[n], value);
}
// A kernel of user-mode-linux does not tell of calls.
static int look_at_call(pid_t pid, struct __ptrace_syscall_info* info) {
    struct user_regs_struct registers;
    if (ptrace(PTRACE_GETREGS, pid, NULL, &registers) != 0) return 0;
    info->entry.nr = registers.orig_rax;
    info->entry.args[0] = registers.rdi;
    info->entry.args[1] = registers.rsi;
    info->entry.args[2] = registers.rdx;
    return 1;
}
#elif defined(__aarch64__)
static void set_register(pid_t pid, int n, uint64_t value) {
    struct user_regs_struct registers;
    struct iovec all = {&registers, sizeof registers};
    ptrace(PTRACE_GETREGSET, pid, 1 /* NT_PRSTATUS */, &all);
    registers.regs[n] = value;
    ptrace(PTRACE_SETREGSET, pid, 1, &all);
}
enum { kResultIsFirst = 1 };
static void set_call(pid_t pid, long number) {
    int call_number = (int)number;
    struct iovec one = {&call_number, sizeof call_number};
    ptrace(PTRACE_SETREGSET, pid, 0x404 /* NT_ARM_SYSTEM_CALL */, &one);
}
static void set_result(pid_t pid, long value) { set_register(pid, 0, (uint64_t)value); }
static void set_argument(pid_t pid, int n, uint64_t value) { set_register(pid, n, value); }
static int look_at_call(pid_t pid, struct __ptrace_syscall_info* info) {
    (void)pid, (void)info;
    return 0;
}
#else
#error "which registers hold a system call here?"
#endif

static void poke(pid_t pid, uint64_t at, uint64_t value) { ptrace(PTRACE_POKEDATA, pid, at, value); }
static uint64_t peek(pid_t pid, uint64_t at) { return (uint64_t)ptrace(PTRACE_PEEKDATA, pid, at, NULL); }

// For the call at which PID stands, as INFO tells; a register that holds an argument is the same behind a call, which compilers go by.
static void change_argument(pid_t pid, const struct __ptrace_syscall_info* info, int n, uint64_t value) {
    changed = n;
    given = info->entry.args[n];
    set_argument(pid, n, value);
}

// Has the call at which PID stands, as INFO tells, move half of what it is to move; what has no half is left alone.
static void shorten(pid_t pid, const struct __ptrace_syscall_info* info) {
    const uint64_t number = info->entry.nr;
    if (number == SYS_writev) {
        kept_at = info->entry.args[1];
        kept.iov_base = (void*)peek(pid, kept_at);
        kept.iov_len = peek(pid, kept_at + sizeof(void*));
        poke(pid, kept_at + sizeof(void*), (kept.iov_len + 1) / 2);
        change_argument(pid, info, 2, 1);
    } else {
        const int place = number == SYS_getrandom ? 1 : 2;
        change_argument(pid, info, place, (info->entry.args[place] + 1) / 2);
    }
}

static void finish(void) {
    tell_end();
    _exit(0);  // the kernel lets go what was followed
}

static void strike(struct task* task, const struct __ptrace_syscall_info* info) {
    task->is_struck = 1;
    tell_done();
    // It tells the break as it is where it cannot move it, and takes 0 for a question; whatever else it told, the C library would believe.
    keeps_result = is_fault("error") && info->entry.nr == SYS_brk;
    if (keeps_result) {
        change_argument(task->pid, info, 0, 0);
    } else if ((is_fault("error") && info->entry.nr != SYS_close) || is_fault("nothing")) {
        // Whatever close(2) tells, the descriptor is gone ("Dealing with error returns"): else who reads from a pipe would wait for ever.
        set_call(task->pid, -1);
    }
    if (is_fault("short")) shorten(task->pid, info);
    if (is_fault("signal")) kill(task->pid, fault_number());
    if (is_fault("kill")) kill(task->pid, SIGKILL);
    if (is_fault("kill") || is_fault("signal")) finish();
}

static void end_strike(struct task* task) {
    if (changed > 0 || (changed == 0 && !kResultIsFirst)) set_argument(task->pid, changed, given);
    if (is_fault("error") && !keeps_result) set_result(task->pid, -fault_number());
    if (is_fault("nothing")) set_result(task->pid, 0);
    if (kept_at != 0) poke(task->pid, kept_at + sizeof(void*), kept.iov_len);
    if (is_fault("killed")) kill(task->pid, SIGKILL);
    finish();
}

// TASK stands before a call or behind it, in turns. The result does not tell which: of one that is not made it is the same in both places.
static void at_call(struct task* task) {
    task->is_within = !task->is_within;
    if (!task->is_within && task->is_struck) end_strike(task);
    if (!task->is_within) return;
    struct __ptrace_syscall_info info;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, task->pid, sizeof info, &info) <= 0 && !look_at_call(task->pid, &info)) return;
    ++task->calls;
    const int process = (int)(task - tasks), number = (int)info.entry.nr;
    if (is_listed()) {
        tell_call(process, task->calls, number);
    } else if (is_meant(process, task->calls, number)) {
        strike(task, &info);
    }
}

// Follows FIRST from its first execve(2) on, and what it makes, until each has ended or become another program.
static void follow(pid_t first) {
    int begun = 0;
    for (;;) {
        int status = 0;
        const pid_t pid = waitpid(-1, &status, __WALL);
        if (pid < 0) finish();
        if (!WIFSTOPPED(status)) continue;
        const int event = status >> 16;
        const int signal = WSTOPSIG(status);
        if (event == PTRACE_EVENT_EXEC && begun) {
            ptrace(PTRACE_DETACH, pid, NULL, NULL);
            continue;
        }
        if (event == PTRACE_EVENT_EXEC && pid == first) begun = task_of(first)->is_within = 1;
        if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK || event == PTRACE_EVENT_CLONE) {
            unsigned long child = 0;
            ptrace(PTRACE_GETEVENTMSG, pid, NULL, &child);
            task_of((pid_t)child);
        }
        if (event == 0 && signal == (SIGTRAP | 0x80) && begun) at_call(task_of(pid));
        ptrace(PTRACE_SYSCALL, pid, NULL, event == 0 && signal != (SIGTRAP | 0x80) ? signal : 0);
    }
}

// Follows CALLER, and lets it know by closing READY.
static void trace(pid_t caller, int ready) {
    setsid();
    if (chdir("/") != 0 || ptrace(PTRACE_SEIZE, caller, NULL, kOptions) != 0 || ptrace(PTRACE_INTERRUPT, caller, NULL, NULL) != 0)
        die("ptrace");
    task_of(caller);
    for (int fd = 0; fd < 3; ++fd) close(fd);
    close(ready);
    follow(caller);
}

int main(int argc, char** argv) {
    char** program = read_fault(argc, argv);
    int gate[2];
    if (pipe2(gate, O_CLOEXEC) != 0) die("pipe2");
    // On a busy machine, each of hundreds of stops would wait for a processor twice.
    setpriority(PRIO_PROCESS, 0, -15);
    const pid_t self = getpid();
    const pid_t between = fork();
    if (between == 0) {
        if (fork() == 0) trace(self, gate[1]);
        _exit(0);
    }
    close(gate[1]);
    waitpid(between, NULL, 0);
    char none;
    if (read(gate[0], &none, 1) != 0) die("read");
    close(gate[0]);
    execv(program[0], program);
    die(program[0]);
}
