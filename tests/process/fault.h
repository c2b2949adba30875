// SPDX-License-Identifier: Apache-2.0
//
// What inject and supervise have in common: what is to go wrong in a program, and the report of it.
//
//   … REPORT list PROGRAM ARG…
//   … REPORT FAULT PROCESS CALL PROGRAM ARG…
//
// Becomes PROGRAM, of whose system calls one fails: the CALL-th of the PROCESS-th that it has made (0 is itself), counted from 1; where CALL is
// NUMBER:NAME, the first NAME from that one on, as a program does not make the same calls each time. FAULT is one of
//
//   error=NUMBER    the call is not made, and fails so; brk(2), which has no errors, gives no memory, and close(2) closes all the same
//   nothing         the call is not made, and returns 0
//   short           of what is to be read or written, only half is
//   kill, killed    the process is killed before the call, or behind it
//   signal=NUMBER   the signal comes just before the call
//
// REPORT gets, of `list`, a line "PROCESS CALL NAME" for each call; else a line "done" as the fault comes. Its last line is "end". Who executes
// another program is not followed: that is the runtime, or a tool.
#ifndef AA_TESTS_FAULT_H
#define AA_TESTS_FAULT_H

// Says that WHAT failed, and why, and ends.
void die(const char* what) __attribute__((noreturn));

// Takes the words of main() for what is to go wrong; what is to be executed.
char** read_fault(int argc, char** argv);

int is_listed(void);             // nothing goes wrong
int is_fault(const char* name);  // without its number
int fault_number(void);
// Whether it is for the system call NUMBER, which is the CALL-th of the PROCESS-th.
int is_meant(int process, int call, int number);

// The lines of the report.
void tell_call(int process, int call, int number);
void tell_done(void);
void tell_end(void);

#endif
