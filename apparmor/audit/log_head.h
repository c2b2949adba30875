// SPDX-License-Identifier: Apache-2.0
//
// What stands in front of an audit record in a log, and who wrote it by that: auditd, the kernel's printk, journald, syslog. Each form is
// taken from the beginning of the line on: what looks like a head within a message is part of that message.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace aa::apparmor {

struct LogHead {
    enum class Kind : std::uint8_t {
        record,       // of the kernel (type 1400, AVC)
        user_record,  // of a process, by way of the kernel (type 1107, USER_AVC)
        bus,          // of dbus-daemon, by way of syslog
        lost,         // no record: it says that some are missing
    };
    Kind kind = Kind::record;
    std::string_view rest;  // the record
    long long seconds = 0;  // since the epoch; 0: it does not say
    unsigned milliseconds = 0;
    std::optional<unsigned long long> serial;
    unsigned long long suppressed = 0;  // of `lost`
    std::optional<unsigned long long> lost_in_total;
};

// That of a line of a file, of a message by itself, and of a record of the audit type NUMBER ("audit(…): …"); nothing: it is none.
std::optional<LogHead> head_of_line(std::string_view line);
std::optional<LogHead> head_of_message(std::string_view text);
std::optional<LogHead> head_of_record(unsigned number, std::string_view text);

}  // namespace aa::apparmor
