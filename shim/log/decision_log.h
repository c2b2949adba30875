// SPDX-License-Identifier: Apache-2.0
//
// The log of decisions: one structured record each, allowed or refused, to journald where there is one, else to syslog,
// and to a JSON-lines file if the catalog names one. A log that cannot be written never fails a container: the decision is
// in the container's annotations and the error text as well.
#pragma once

#include <string>
#include <string_view>

#include "shim/log/trace.h"

namespace aa::shim {

struct LogEntry {
    bool allowed = false;
    bool found = false;   // nothing was decided, something was seen
    std::string id;       // of the decision
    std::string command;  // create, run, restore, exec, verify, watch
    std::string container;
    std::string message;  // one line for people
    Fields fields;        // lower case names, e.g. {"rule", …}
};

// The entry in journald's native protocol: "FIELD=value" lines, names in upper case with the prefix AA_SHIM_
// (systemd, "Native Journal Protocol"). Values never hold a newline: they are escaped.
std::string to_journal(const LogEntry& entry);

// The entry as one JSON object and a newline; NOW in seconds since the epoch, UTC.
std::string to_json(const LogEntry& entry, long long now);

// Writes ENTRY where this host keeps logs, and appends it to JSON_FILE unless that is empty.
void log_decision(const LogEntry& entry, std::string_view json_file) noexcept;

}  // namespace aa::shim
