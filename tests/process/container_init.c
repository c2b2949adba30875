// SPDX-License-Identifier: Apache-2.0
//
// container_init STEP…: a stand-in for what a runtime makes of a container's first process, and for the program that this one executes.
//
//   wait FILE            until FILE is there
//   bound                leaves the ceiling of the test catalog in the bounding set; `inherit` puts CAP_SYS_ADMIN in the inheritable one
//   no-new-privileges    sets it
//   filter               puts one more filter on system calls, which lets all through
//   fork                 a child executes at once what `exec` names; this process goes on
//   hook FILE            a child executes this program to `mark` FILE, and is waited for
//   thread               all that follows is done by another thread
//   pause MILLISECONDS
//   expect TIMES         until so many signals were counted
//   catch NUMBER         counts that signal
//   user UID             becomes that user
//   mark FILE            writes its TracerPid, effective uid and signals counted to FILE
//   exec PROGRAM ARG…    and nothing after that
#define _GNU_SOURCE
#include <errno.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t counted;
static void count(int signal) {
    (void)signal;
    counted++;
}

static void die(const char* what) {
    perror(what);
    _exit(98);
}

static void bound(void) {
    const unsigned long ceiling = 1UL << CAP_CHOWN | 1UL << CAP_KILL | 1UL << CAP_SETGID | 1UL << CAP_SETUID | 1UL << CAP_NET_BIND_SERVICE;
    for (unsigned capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; ++capability) {
        if ((ceiling >> capability & 1) == 0 && prctl(PR_CAPBSET_DROP, capability) != 0) die("PR_CAPBSET_DROP");
    }
}

static void inherit(void) {
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct sets[2];
    if (syscall(SYS_capget, &head, sets) != 0) die("capget");
    sets[0].inheritable = 1U << CAP_SYS_ADMIN;
    if (syscall(SYS_capset, &head, sets) != 0) die("capset");
}

static void filter(void) {
    struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {1, &allow};
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) die("PR_SET_SECCOMP");
}

static void mark(const char* file) {
    char line[256];
    int tracer = -1;
    FILE* status = fopen("/proc/self/status", "re");
    while (status != NULL && fgets(line, sizeof line, status) != NULL) sscanf(line, "TracerPid: %d", &tracer);
    FILE* out = fopen(file, "we");
    if (out == NULL || fprintf(out, "%d %u %d", tracer, geteuid(), counted) < 0 || fclose(out) != 0) die(file);
}

static void run(char** argv) {
    const pid_t child = fork();
    if (child == 0) {
        execv(argv[0], argv);
        _exit(97);
    }
    waitpid(child, NULL, 0);
}

static void fork_program(char** step) {
    while (*step != NULL && strcmp(*step, "exec") != 0) ++step;
    if (*step == NULL || fork() != 0) return;
    execv(step[1], step + 1);
    _exit(97);
}

static void* steps(void* first);

static void by_thread(char** step) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, steps, step) != 0) die("pthread_create");
    pthread_join(thread, NULL);
    _exit(0);
}

static void execute(char** program) {
    execv(program[0], program);
    die(program[0]);
}

static void become(uid_t user) {
    if (setuid(user) != 0) die("setuid");
}

// Does STEP if it takes no word; whether it did.
static int does_alone(char** step) {
    const char* name = *step;
    if (strcmp(name, "bound") == 0) return bound(), 1;
    if (strcmp(name, "inherit") == 0) return inherit(), 1;
    if (strcmp(name, "no-new-privileges") == 0) return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 1;
    if (strcmp(name, "filter") == 0) return filter(), 1;
    if (strcmp(name, "fork") == 0) return fork_program(step), 1;
    if (strcmp(name, "thread") == 0) return by_thread(step + 1), 1;
    return 0;
}

static void do_with(const char* name, char** word) {
    if (*word == NULL) die(name);
    if (strcmp(name, "wait") == 0) {
        while (access(*word, F_OK) != 0) usleep(5000);
    } else if (strcmp(name, "expect") == 0) {
        while (counted < atoi(*word)) usleep(5000);
    } else if (strcmp(name, "hook") == 0) {
        run((char*[]){"/proc/self/exe", "mark", *word, NULL});
    } else if (strcmp(name, "pause") == 0) {
        usleep((useconds_t)atoi(*word) * 1000);
    } else if (strcmp(name, "catch") == 0) {
        signal(atoi(*word), count);
    } else if (strcmp(name, "user") == 0) {
        become((uid_t)atoi(*word));
    } else if (strcmp(name, "mark") == 0) {
        mark(*word);
    } else if (strcmp(name, "exec") == 0) {
        execute(word);
    } else {
        errno = EINVAL;
        die(name);
    }
}

static void* steps(void* first) {
    for (char** step = first; *step != NULL; ++step) {
        if (does_alone(step)) continue;
        do_with(step[0], step + 1);
        ++step;
    }
    return NULL;
}

int main(int argc, char** argv) {
    (void)argc;
    steps(argv + 1);
    return 0;
}
