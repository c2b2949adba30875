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

static void* steps(void* first) {
    for (char** step = first; *step != NULL; ++step) {
        const char* name = *step;
        if (strcmp(name, "bound") == 0) bound();
        else if (strcmp(name, "inherit") == 0) inherit();
        else if (strcmp(name, "no-new-privileges") == 0) prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        else if (strcmp(name, "filter") == 0) filter();
        else if (strcmp(name, "fork") == 0) fork_program(step);
        else if (strcmp(name, "thread") == 0) {
            pthread_t thread;
            pthread_create(&thread, NULL, steps, step + 1);
            pthread_join(thread, NULL);
            return NULL;
        }
        else if (step[1] == NULL) die(name);
        else if (strcmp(name, "wait") == 0) for (++step; access(*step, F_OK) != 0;) usleep(5000);
        else if (strcmp(name, "hook") == 0) run((char*[]){"/proc/self/exe", "mark", *++step, NULL});
        else if (strcmp(name, "pause") == 0) usleep((useconds_t)atoi(*++step) * 1000);
        else if (strcmp(name, "catch") == 0) signal(atoi(*++step), count);
        else if (strcmp(name, "expect") == 0) for (++step; counted < atoi(*step);) usleep(5000);
        else if (strcmp(name, "user") == 0) { if (setresuid(0, 0, 0) != 0 || setuid((uid_t)atoi(*++step)) != 0) die("setuid"); }
        else if (strcmp(name, "mark") == 0) mark(*++step);
        else if (strcmp(name, "exec") == 0) { execv(step[1], step + 1); die(step[1]); }
        else { errno = EINVAL; die(name); }
    }
    return NULL;
}

int main(int argc, char** argv) {
    (void)argc;
    steps(argv + 1);
    return 0;
}
