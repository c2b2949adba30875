// SPDX-License-Identifier: Apache-2.0
//
// copier … --bundle DIRECTORY …: W, after it has put a copy in the place of the bundle's config.json: what any wrapper that changes it
// costs at least.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void die(const char* what) {
    perror(what);
    exit(127);
}

static void copy_config(void) {
    int from = open("config.json", O_RDONLY | O_CLOEXEC);
    int to = open(".config.json", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    struct stat status;
    if (from < 0 || to < 0 || fstat(from, &status) != 0) die("config.json");
    const size_t size = (size_t)status.st_size;
    char* text = malloc(size);
    if (text == NULL) die("malloc");
    if (read(from, text, size) != (ssize_t)size || write(to, text, size) != (ssize_t)size) die("copy");
    if (fchmod(to, status.st_mode) != 0 || fchown(to, status.st_uid, status.st_gid) != 0) die("copy");
    if (rename(".config.json", "config.json") != 0) die("rename");
}

int main(int argc, char** argv) {
    for (int i = 1; i + 1 < argc; ++i) {
        if (strcmp(argv[i], "--bundle") == 0 && chdir(argv[i + 1]) != 0) die(argv[i + 1]);
    }
    copy_config();
    execv("/mnt/aa-bench/bin/runc", argv);
    return 127;
}
