// SPDX-License-Identifier: Apache-2.0
//
// measure FILE PROGRAM ARGUMENT…: runs PROGRAM and writes to FILE what it took: microseconds of processor time, and the most memory that it
// held, in KiB. Exit status: that of PROGRAM. A small static program, since a child is charged for the memory of its parent too.
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int count, char** words) {
    if (count < 3) return 2;
    const pid_t child = vfork();
    if (child == 0) {
        execv(words[2], words + 2);
        _exit(127);
    }
    int status = 0;
    struct rusage usage;
    if (child < 0 || wait4(child, &status, 0, &usage) != child) return 2;
    FILE* file = fopen(words[1], "w");
    if (file == NULL) return 2;
    const long long micros = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000LL + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
    fprintf(file, "%lld %ld\n", micros, usage.ru_maxrss);
    if (fclose(file) != 0) return 2;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}
