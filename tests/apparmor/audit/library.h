// SPDX-License-Identifier: Apache-2.0
//
// What libapparmor's parse_record() makes of a line (library.c).
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

void* library_record(const char* line);
void library_free(void* record);
int library_event(const void* record);
unsigned long library_pid(const void* record);
unsigned long library_epoch(const void* record);
// Field number: operation, profile, name, target, comm, requested, denied, info, family, socket type, signal, peer, file system, flags, source.
const char* library_text(const void* record, int field);

#ifdef __cplusplus
}
#endif
