// SPDX-License-Identifier: Apache-2.0
//
// spawn ROUNDS ROW…: runs programs in turn, ROUNDS times each, and prints what each run took. A ROW is a file: a label, then lines
// "@FROM TO" (copy a file before each run, untimed), then the program's path and its arguments, one a line. The rows of one round follow
// one another, so that whatever else the machine does hits them alike: who compares two of them takes the ratio of each round. Before each
// run the processor's own caches are swept: an engine calls after a long time, and no row finds what the one before it left.
//
// Output, a line per row: LABEL, peak kilobytes of memory, microseconds of each run, separated by tabs.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { kMaxRows = 64, kMaxWords = 64, kMaxCopies = 4, kMaxRounds = 100000 };

struct copy {
    char* from;
    char* to;
};

struct row {
    char* label;
    struct copy copies[kMaxCopies];
    size_t copy_count;
    char* words[kMaxWords];
    double* microseconds;
    long peak;
};

static void die(const char* what) {
    perror(what);
    exit(1);
}

static void* allocate(size_t size) {
    void* memory = malloc(size);
    if (memory == NULL) die("malloc");
    return memory;
}

// "@FROM TO" as a copy of ROW.
static void add_copy(struct row* row, const char* line) {
    char* from = strdup(line + 1);
    char* space = from == NULL ? NULL : strchr(from, ' ');
    if (space == NULL || row->copy_count == kMaxCopies) {
        fprintf(stderr, "%s: not a copy, or too many\n", line);
        exit(1);
    }
    *space = '\0';
    row->copies[row->copy_count++] = (struct copy){from, space + 1};
}

static void copy_file(const struct copy* copy) {
    static char buffer[1 << 16];
    int from = open(copy->from, O_RDONLY | O_CLOEXEC);
    int to = open(copy->to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (from < 0 || to < 0) die(copy->to);
    for (ssize_t n; (n = read(from, buffer, sizeof buffer)) > 0;) {
        if (write(to, buffer, (size_t)n) != n) die(copy->to);
    }
    close(from);
    close(to);
}

static void read_row(struct row* row, const char* path, size_t rounds) {
    FILE* file = fopen(path, "re");
    if (file == NULL) die(path);
    char* line = NULL;
    size_t size = 0;
    size_t count = 0;
    for (ssize_t n; (n = getline(&line, &size, file)) > 0;) {
        if (line[n - 1] == '\n') line[n - 1] = '\0';
        if (row->label == NULL) {
            row->label = strdup(line);
        } else if (line[0] == '@') {
            add_copy(row, line);
        } else if (count < kMaxWords - 1) {
            row->words[count++] = strdup(line);
        }
    }
    free(line);
    fclose(file);
    if (count == 0) {
        fprintf(stderr, "%s: no program\n", path);
        exit(1);
    }
    row->microseconds = allocate(rounds * sizeof(double));
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

// Fills the caches of this processor with something else, in a process of its own: memory of ours would count as each program's.
static void sweep_caches(void) {
    enum { kLine = 64, kSize = 8 << 20 };
    pid_t pid = fork();
    if (pid < 0) die("fork");
    if (pid == 0) {
        static volatile char bytes[kSize];
        for (size_t i = 0; i < kSize; i += kLine) bytes[i] = (char)(bytes[i] + 1);
        _exit(0);
    }
    while (waitpid(pid, NULL, 0) < 0) {
        if (errno != EINTR) die("waitpid");
    }
}

// Runs the program of ROW once, its output thrown away.
static double run(struct row* row, int null_fd) {
    for (size_t i = 0; i < row->copy_count; ++i) copy_file(&row->copies[i]);
    double begin = now();
    pid_t pid = vfork();
    if (pid < 0) die("vfork");
    if (pid == 0) {
        for (int fd = 0; fd < 3; ++fd) {
            if (dup2(null_fd, fd) < 0) _exit(99);
        }
        execv(row->words[0], row->words);
        _exit(99);
    }
    int status = 0;
    struct rusage usage;
    while (wait4(pid, &status, 0, &usage) < 0) {
        if (errno != EINTR) die("wait4");
    }
    double end = now();
    if (status != 0) {
        fprintf(stderr, "%s: wait status %d\n", row->label, status);
        exit(1);
    }
    if (usage.ru_maxrss > row->peak) row->peak = usage.ru_maxrss;
    return end - begin;
}

static void print_row(const struct row* row, size_t rounds) {
    printf("%s\t%ld", row->label, row->peak);
    for (size_t i = 0; i < rounds; ++i) printf("\t%.1f", row->microseconds[i]);
    printf("\n");
}

int main(int argc, char** argv) {
    size_t rounds = argc > 2 ? strtoul(argv[1], NULL, 10) : 0;
    size_t count = argc > 2 ? (size_t)argc - 2 : 0;
    if (rounds == 0 || rounds > kMaxRounds || count > kMaxRows) {
        fprintf(stderr, "usage: spawn ROUNDS ROW...\n");
        return 2;
    }
    static struct row rows[kMaxRows];
    for (size_t i = 0; i < count; ++i) read_row(&rows[i], argv[i + 2], rounds);
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null_fd < 0) die("/dev/null");
    for (size_t i = 0; i < count; ++i) run(&rows[i], null_fd);  // warms the page cache
    for (size_t round = 0; round < rounds; ++round) {
        // Every row is first once in a while: what comes right after the loop's own work is a little dearer.
        for (size_t i = 0; i < count; ++i) {
            struct row* row = &rows[(round + i) % count];
            sweep_caches();
            row->microseconds[round] = run(row, null_fd);
        }
    }
    for (size_t i = 0; i < count; ++i) print_row(&rows[i], rounds);
    return 0;
}
