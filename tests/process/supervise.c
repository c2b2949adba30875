// SPDX-License-Identifier: Apache-2.0
//
// supervise REPORT … PROGRAM ARG…: one of PROGRAM's system calls fails, as fault.h says, though it traces others of its own, or itself.
//
// The kernel asks a supervisor that is no child of anybody about each system call (seccomp_unotify(2)), so nobody is traced but by PROGRAM. What
// PROGRAM executes, and what that makes, is asked about, too, and always let go on; so REPORT ends when all of them have. The supervisor sees no
// system call end, hence no `killed` (it is the `kill` of the next call) and no `short`; and brk(2) and close(2) cannot be had to fail.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fault.h"

enum {
    kMostTasks = 4096,
    kElsewhere = -1,  // executes another program
};

static struct task {
    pid_t pid;
    int process;  // its number, or kElsewhere
    int calls;
    int has_executed;  // its program may be another since it was asked about last
} tasks[kMostTasks];
static int task_count;
static int process_count;
static int is_struck;
static struct stat program;

static int executes_program(pid_t pid) {
    char path[32];
    struct stat its;
    snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
    return stat(path, &its) == 0 && its.st_dev == program.st_dev && its.st_ino == program.st_ino;
}

static struct task* task_of(pid_t pid) {
    struct task* task = NULL;
    for (int i = 0; i < task_count && task == NULL; ++i) {
        if (tasks[i].pid == pid) task = &tasks[i];
    }
    if (task == NULL) {
        if (task_count == kMostTasks) die("too many tasks");
        task = &tasks[task_count++];
        *task = (struct task){.pid = pid, .process = executes_program(pid) ? process_count++ : kElsewhere};
    } else if (task->has_executed) {
        if (!executes_program(pid)) task->process = kElsewhere;
        task->has_executed = 0;
    }
    return task;
}

// Has the fault come to TASK at the call of which ASKED tells, and writes to ANSWER what becomes of that.
static void strike(const struct task* task, const struct seccomp_notif* asked, struct seccomp_notif_resp* answer) {
    is_struck = 1;
    tell_done();
    if (is_fault("signal")) kill(task->pid, fault_number());
    if (is_fault("kill")) {
        kill(task->pid, SIGKILL);
        *answer = (struct seccomp_notif_resp){.id = asked->id, .error = -EINTR};  // else the call would be made before it dies
        return;
    }
    const int fails = is_fault("error") && asked->data.nr != SYS_brk && asked->data.nr != SYS_close;
    if (!fails && !is_fault("nothing")) return;
    answer->flags = 0;
    answer->error = fails ? -fault_number() : 0;
}

static void answer_one(int listener) {
    struct seccomp_notif asked = {0};
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &asked) != 0) {
        if (errno != ENOENT && errno != EINTR) die("SECCOMP_IOCTL_NOTIF_RECV");
        return;  // who asked has ended
    }
    struct seccomp_notif_resp answer = {.id = asked.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
    struct task* task = task_of((pid_t)asked.pid);
    if (task->process != kElsewhere) {
        ++task->calls;
        if (is_listed()) {
            tell_call(task->process, task->calls, asked.data.nr);
        } else if (!is_struck && is_meant(task->process, task->calls, asked.data.nr)) {
            strike(task, &asked, &answer);
        }
        task->has_executed = asked.data.nr == SYS_execve || asked.data.nr == SYS_execveat;
    }
    (void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
}

// Answers for FIRST, and for what comes of it, until all have ended; LISTENER is the descriptor by which FIRST will have the kernel ask.
static void supervise(pid_t first, int listener) {
    setsid();
    const int self = (int)syscall(SYS_pidfd_open, first, 0);
    if (chdir("/") != 0 || self < 0) die("pidfd_open");
    for (int fd = 0; fd < 3; ++fd) close(fd);
    int here;
    const struct timespec pause = {.tv_nsec = 100000};
    while ((here = (int)syscall(SYS_pidfd_getfd, self, listener, 0)) < 0 && errno == EBADF) nanosleep(&pause, NULL);
    if (here < 0) _exit(99);
    close(self);
    // Its first call is the execve(2) by which it becomes the program.
    tasks[task_count++] = (struct task){.pid = first, .process = process_count++, .calls = -1};
    for (;;) {
        struct pollfd event = {.fd = here, .events = POLLIN};
        if (poll(&event, 1, -1) < 0 && errno != EINTR) break;
        if ((event.revents & POLLIN) != 0) {
            answer_one(here);
        } else if (event.revents != 0) {
            break;
        }
    }
    tell_end();
    _exit(0);
}

int main(int argc, char** argv) {
    char** words = read_fault(argc, argv);
    if (stat(words[0], &program) != 0) die(words[0]);
    // On a busy machine, each of thousands of calls would wait for a processor twice.
    setpriority(PRIO_PROCESS, 0, -15);
    const int listener = dup(0);  // the number that the next one has
    close(listener);
    const pid_t self = getpid();
    const pid_t between = fork();
    if (between == 0) {
        if (fork() == 0) supervise(self, listener);
        _exit(0);
    }
    waitpid(between, NULL, 0);
    struct sock_filter ask = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
    const struct sock_fprog filter = {1, &ask};
    // A call that was asked about is not begun anew because of a signal: it would count twice.
    const unsigned flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &filter) < 0) die("seccomp");
    execv(words[0], words);
    die(words[0]);
}
