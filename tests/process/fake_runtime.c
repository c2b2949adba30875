// SPDX-License-Identifier: Apache-2.0
//
// A stand-in for runc or crun: it records what it was given, in the directory `record` beside its own file, and exits as
// the file `exit` beside it says (0 without one). A file `stdout` beside it is printed first, and a file `pid` copied to where --pid-file
// says. Where there is a FIFO `stay`, it ends once somebody has opened that for writing. Nothing comes from its
// environment, because that is one of the things that are recorded.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

static char home[PATH_MAX];  // the directory of this program
static int home_fd = -1;
static int record_fd = -1;

static void die(const char* what) {
    perror(what);
    _exit(99);
}

static void put(int fd, const char* bytes, size_t size) {
    while (size > 0) {
        ssize_t n = write(fd, bytes, size);
        if (n < 0) die("write");
        bytes += n;
        size -= (size_t)n;
    }
}

static int open_record(const char* name) {
    int fd = openat(record_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) die(name);
    return fd;
}

// Copies the file FROM (relative to DIR_FD) to FD; a file that cannot be read is left out.
static void copy(int dir_fd, const char* from, int fd) {
    char buffer[65536];
    int source = openat(dir_fd, from, O_RDONLY | O_CLOEXEC);
    if (source < 0) return;
    for (ssize_t n; (n = read(source, buffer, sizeof buffer)) > 0;) put(fd, buffer, (size_t)n);
    close(source);
}

static void record_file(const char* name, const char* path) {
    if (access(path, R_OK) != 0) return;
    int fd = open_record(name);
    copy(AT_FDCWD, path, fd);
    close(fd);
}

static void record_link(const char* name, const char* path) {
    char target[PATH_MAX];
    ssize_t n = readlink(path, target, sizeof target);
    int fd = open_record(name);
    if (n > 0) put(fd, target, (size_t)n);
    close(fd);
}

// One line per inherited descriptor: "NUMBER TARGET". The two of our own are left out.
static void record_descriptors(void) {
    DIR* dir = opendir("/proc/self/fd");
    if (dir == NULL) die("/proc/self/fd");
    int out = open_record("fds");
    for (struct dirent* entry; (entry = readdir(dir)) != NULL;) {
        int fd = atoi(entry->d_name);
        if (entry->d_name[0] == '.' || fd == home_fd || fd == record_fd || fd == out || fd == dirfd(dir)) continue;
        char path[64];
        char target[PATH_MAX];
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        ssize_t n = readlink(path, target, sizeof target - 1);
        if (n < 0) continue;
        target[n] = '\0';
        dprintf(out, "%d %s\n", fd, target);
    }
    close(out);
    closedir(dir);
}

// The value of `--NAME VALUE`, `--NAME=VALUE` or `-LETTER VALUE`, the last one; NULL if there is none. Good enough for
// the spellings that tests use.
static const char* option(int argc, char** argv, const char* name, char letter) {
    const char* value = NULL;
    size_t length = strlen(name);
    for (int i = 1; i < argc; ++i) {
        const char* word = argv[i];
        if (word[0] != '-') continue;
        if (word[1] == letter && word[2] == '\0' && i + 1 < argc) value = argv[++i];
        word += word[1] == '-' ? 2 : 1;
        if (strncmp(word, name, length) != 0) continue;
        if (word[length] == '=') value = word + length + 1;
        if (word[length] == '\0' && i + 1 < argc) value = argv[++i];
    }
    return value;
}

static void record_documents(int argc, char** argv) {
    char path[PATH_MAX];
    const char* bundle = option(argc, argv, "bundle", 'b');
    snprintf(path, sizeof path, "%s/config.json", bundle != NULL ? bundle : ".");
    record_file("config.json", path);
    const char* process = option(argc, argv, "process", 'p');
    if (process != NULL) record_file("process.json", process);
    const char* resources = option(argc, argv, "resources", 'r');
    if (resources != NULL) record_file("resources.json", resources);
}

static void record_arguments(int argc, char** argv) {
    int fd = open_record("argv");
    for (int i = 0; i < argc; ++i) put(fd, argv[i], strlen(argv[i]) + 1);
    close(fd);
}

static void record_parent_death_signal(void) {
    int signal = 0;
    prctl(PR_GET_PDEATHSIG, &signal);
    int fd = open_record("pdeathsig");
    dprintf(fd, "%d", signal);
    close(fd);
}

static void write_pid_file(int argc, char** argv) {
    const char* path = option(argc, argv, "pid-file", 0);
    if (path == NULL || faccessat(home_fd, "pid", R_OK, 0) != 0) return;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) die(path);
    copy(home_fd, "pid", fd);
    close(fd);
}

static void stay(void) {
    int fd = openat(home_fd, "stay", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) close(fd);
}

static int told_exit_code(void) {
    char digits[16] = "0";
    int fd = openat(home_fd, "exit", O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && read(fd, digits, sizeof digits - 1) < 0) die("exit");
    return atoi(digits);
}

int main(int argc, char** argv) {
    ssize_t n = readlink("/proc/self/exe", home, sizeof home - 1);
    if (n <= 0) die("/proc/self/exe");
    *strrchr(home, '/') = '\0';
    home_fd = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (home_fd < 0) die(home);
    if (mkdirat(home_fd, "record", 0755) != 0 && errno != EEXIST) die("record");
    record_fd = openat(home_fd, "record", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (record_fd < 0) die("record");

    record_arguments(argc, argv);
    record_file("environ", "/proc/self/environ");
    record_file("status", "/proc/self/status");
    record_file("stat", "/proc/self/stat");
    record_file("limits", "/proc/self/limits");
    record_link("cwd", "/proc/self/cwd");
    record_link("exe", "/proc/self/exe");
    record_parent_death_signal();
    record_descriptors();
    record_documents(argc, argv);
    copy(home_fd, "stdout", STDOUT_FILENO);
    write_pid_file(argc, argv);
    stay();
    return told_exit_code();
}
