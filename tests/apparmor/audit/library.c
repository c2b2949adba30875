// SPDX-License-Identifier: Apache-2.0
//
// libapparmor's own reader of records, which C++ cannot include: its header has a member called `namespace`.
#include "library.h"

#include <aalogparse/aalogparse.h>
#include <stdlib.h>
#include <string.h>

void* library_record(const char* line) {
    char* copy = strdup(line);
    aa_log_record* record = copy == NULL ? NULL : parse_record(copy);
    free(copy);
    return record;
}
void library_free(void* record) { free_record(record); }
int library_event(const void* record) { return (int)((const aa_log_record*)record)->event; }
unsigned long library_pid(const void* record) { return ((const aa_log_record*)record)->pid; }
unsigned long library_epoch(const void* record) { return ((const aa_log_record*)record)->epoch; }

const char* library_text(const void* of, int field) {
    const aa_log_record* record = of;
    const char* const texts[] = {record->operation,      record->profile,     record->name,    record->name2,      record->comm,
                                 record->requested_mask, record->denied_mask, record->info,    record->net_family, record->net_sock_type,
                                 record->signal,         record->peer,        record->fs_type, record->flags,      record->src_name};
    return texts[field] == NULL ? "" : texts[field];
}
