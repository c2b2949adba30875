// SPDX-License-Identifier: Apache-2.0
//
// A container's program that does one thing: tells when it began, in nanoseconds of the clock that does not stand (clock_gettime(2)).
#include <stdio.h>
#include <time.h>

int main(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    FILE* file = fopen("/began", "w");
    if (file == NULL) return 1;
    return fprintf(file, "%lld\n", now.tv_sec * 1000000000LL + now.tv_nsec) < 0 || fclose(file) != 0;
}
