// SPDX-License-Identifier: Apache-2.0
//
// E: the program that does nothing. What starting a static program costs is the unit of every other number.
int main(void) { return 0; }
