// SPDX-License-Identifier: Apache-2.0
#include "fault.h"

#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static FILE* report;
static const char* fault;  // NULL: list
static int meant_process, meant_call;
static int meant_number = __NR_SCMP_ERROR;  // that one: whichever it is

void die(const char* what) {
    perror(what);
    _exit(99);
}

char** read_fault(int argc, char** argv) {
    if (argc < 4) _exit(99);
    report = fopen(argv[1], "we");
    if (report == NULL) die(argv[1]);
    if (strcmp(argv[2], "list") == 0) return argv + 3;
    if (argc < 6) _exit(99);
    fault = argv[2];
    meant_process = atoi(argv[3]);
    meant_call = atoi(argv[4]);
    if (strchr(argv[4], ':') != NULL) meant_number = seccomp_syscall_resolve_name(strchr(argv[4], ':') + 1);
    return argv + 5;
}

int is_listed(void) { return fault == NULL; }

int is_fault(const char* name) { return strcspn(fault, "=") == strlen(name) && strncmp(fault, name, strlen(name)) == 0; }

int fault_number(void) { return atoi(strchr(fault, '=') + 1); }

int is_meant(int process, int call, int number) {
    if (process != meant_process) return 0;
    return meant_number == __NR_SCMP_ERROR ? call == meant_call : call >= meant_call && number == meant_number;
}

void tell_call(int process, int call, int number) {
    char* name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
    fprintf(report, "%d %d %s\n", process, call, name != NULL ? name : "?");
    free(name);
}

void tell_done(void) {
    fputs("done\n", report);
    fflush(report);
}

void tell_end(void) {
    fputs("end\n", report);
    fclose(report);
}
