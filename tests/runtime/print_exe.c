/* SPDX-License-Identifier: Apache-2.0
 *
 * Prints the path of the file that this process executes; with the argument "wait" it waits to be killed instead. Static: it runs in
 * a root file system that holds nothing else. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char** argv) {
    char path[8192];
    while (argc > 1 && strcmp(argv[1], "wait") == 0) (void)pause();
    const ssize_t length = readlink("/proc/self/exe", path, sizeof path);
    if (length < 0) return 1;
    return printf("%.*s\n", (int)length, path) < 0;
}
