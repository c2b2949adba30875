// SPDX-License-Identifier: Apache-2.0
//
// Where AppArmor's records are found on this host, and reading them, as they are or as they come. Which one is read is told, and what of it is
// missing: a log that lost records looks like one that has none.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "apparmor/audit/record.h"
#include "base/result.h"

namespace aa::ctl {

struct LogOptions {
    std::string file;   // "-": standard input; empty: what the host has
    std::string since;  // as journalctl takes it; of other logs "@SECONDS" or "2026-11-30T04:51:00Z"
    bool follow = false;
    unsigned seconds = 0;  // after which following ends; 0: when it is ended
};

// What is known to be missing.
struct LogLosses {
    unsigned long long suppressed = 0;   // by the kernel, as there were too many for its console log
    unsigned long long backlog = 0;      // by the kernel, as its audit queue was full, while the log was written
    unsigned long long overwritten = 0;  // of the kernel's buffer, before it was read
    unsigned long long overruns = 0;     // messages that the kernel could not give us, as we were too slow

    [[nodiscard]] bool any() const { return suppressed + backlog + overwritten + overruns > 0; }
};

struct LogRead {
    std::string name;                // "the journal", "/var/log/audit/audit.log"
    unsigned long long records = 0;  // of AppArmor
    unsigned long long damaged = 0;  // of those, the ones that cannot be understood
    std::string damage;              // why, of the first
    unsigned long long twice = 0;    // the same record by two ways
    LogLosses losses;
};

// What is done with an event; whether more are wanted.
using TakeEvent = std::function<bool(const apparmor::Event&)>;

// Reads the log that OPTIONS mean, or the first that there is: auditd's if it runs, the journal, the files of syslog, the kernel's own buffer.
// With `follow` what comes from now on, from the kernel's audit messages, until a signal ends it. READ is filled in meanwhile.
Result<void> read_log(const LogOptions& options, LogRead& read, const TakeEvent& take);

}  // namespace aa::ctl
