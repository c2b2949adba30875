// SPDX-License-Identifier: Apache-2.0
//
// AppArmor's audit records: one line of a log, a typed event. A record begins with `apparmor="TYPE"`, has KEY=VALUE pairs, and what
// stands in front of it tells who wrote it. The kernel quotes a value, or writes it in hexadecimal digits where it holds a quote, a space, a
// control character or a byte beyond ASCII (audit_log_untrustedstring()); so no name of a file or a process can make a field of its own. What
// does not hold to that is no record. For aa-shimctl only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace aa::apparmor {

// The bytes that DIGITS, upper-case hexadecimal ones, stand for; nothing if they are not that.
std::optional<std::string> bytes_of_hex(std::string_view digits);

// What AppArmor did (security/apparmor/audit.c, aa_audit_type).
enum class EventType : std::uint8_t {
    audit,    // allowed, and a rule wants it told
    allowed,  // forbidden, and allowed as the profile complains
    denied,
    hint,
    status,  // of policy itself: a profile was loaded
    error,
    killed,  // denied, and the process was ended
};
std::string_view event_type_name(EventType type);

// Whose word a record is.
enum class Teller : std::uint8_t {
    kernel,
    process,  // a message through the kernel of who has CAP_AUDIT_WRITE, as containers may: dbus-daemon, or whoever says it is
};

// Values are decoded: raw bytes, whatever they are. What a record does not have is empty.
struct Event {
    EventType type = EventType::denied;
    Teller teller = Teller::kernel;
    long long seconds = 0;  // since the epoch; 0: the line does not say
    unsigned milliseconds = 0;
    std::optional<unsigned long long> serial;

    std::string operation;
    std::string mediation_class;    // "file", "net": kernels from 6.7 on
    std::string label;              // the confinement of who did it: a profile, or a stack
    std::string policy_namespace;   // empty: the first one
    std::string name;               // a file, a mount point, a name on D-Bus, a profile to change to
    std::string target;             // of a link the old name, of an exec or a change the profile
    std::string command;            // comm: what the process calls itself
    std::string requested, denied;  // as the class has them: letters of files, words of all others
    std::string info;               // why, where it is not for want of a rule
    std::string error;              // with `info`: the errno, negative
    std::string capability;         // "sys_admin"
    std::string signal;             // "term", "rtmin+8"
    std::string peer;               // the other side's label
    std::string family, socket_type, protocol;
    std::string address, peer_address;         // of a socket of the family unix: "@name" (or "@" and digits, if it is odd), a path, "none"
    std::string file_system, source, flags;    // of mount
    std::string limit, value;                  // of setrlimit
    std::string bus, path, interface, member;  // of D-Bus
    std::optional<unsigned long long> pid, user, owner;  // fsuid and ouid

    // Whether the name is a file's, in the mount namespace of who used it.
    [[nodiscard]] bool is_of_file() const { return user.has_value() && owner.has_value(); }
};

// What says that records were lost.
struct Lost {
    unsigned long long suppressed = 0;           // messages that printk left out before this one
    std::optional<unsigned long long> in_total;  // records that the kernel had no room for, since it was started
};

// A record of AppArmor that cannot be understood; why.
struct Damaged {
    std::string why;
};

// What one line is; nothing of AppArmor's.
using LogLine = std::variant<std::monostate, Event, Lost, Damaged>;

// LINE as a file has it: auditd's (type=AVC msg=audit(…): …), syslog's and journalctl's (DATE HOST kernel: …), dmesg's ([SECONDS] …), or a
// message. A file is believed as far as whoever may write to it: see docs/denials.md.
LogLine read_log_line(std::string_view line);

// TEXT as it is after all that: "audit: type=1400 audit(…): apparmor=…" of the kernel's own buffer, "AVC apparmor=…" of journald.
LogLine read_message(std::string_view text);

// TEXT is the body of a netlink message of the audit type NUMBER: "audit(…): apparmor=…".
LogLine read_audit_message(unsigned number, std::string_view text);

// The audit types of AppArmor's records (linux/audit.h): the kernel's own, and those of processes.
inline constexpr unsigned kAvcRecord = 1400;
inline constexpr unsigned kUserAvcRecord = 1107;

}  // namespace aa::apparmor
