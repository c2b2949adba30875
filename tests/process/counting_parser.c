// SPDX-License-Identifier: Apache-2.0
//
// Stands where apparmor_parser does: adds a byte to the file CALLS for each time that it is run, and then is the parser at PARSER. A program, as a
// script in the parser's place is not remembered what it compiled.
#include <fcntl.h>
#include <unistd.h>

int main(int count, char** words) {
    (void)count;
    const int calls = open(CALLS, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (calls < 0 || write(calls, ".", 1) != 1) return 125;
    words[0] = PARSER;
    execv(PARSER, words);
    return 127;
}
