// SPDX-License-Identifier: Apache-2.0
#include "shim/log/decision_log.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>

#include <cstring>
#include <ctime>
#include <string>

#include "base/escape.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "base/time.h"

namespace aa::shim {
namespace {

constexpr const char* kJournal = "/run/systemd/journal/socket";
constexpr const char* kSyslog = "/dev/log";

std::string upper(std::string_view text) {
    std::string out(text);
    for (char& c : out) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    return out;
}

// What is longer is cut: a datagram of a few hundred KiB is not delivered at all (net.core.wmem_default).
constexpr std::size_t kMaxValue = 4096;
constexpr std::size_t kMaxMessage = 8191;  // all that is ever written to stderr

// A foreign value on one line, from which it can be told.
std::string one_line(std::string_view value) { return escape(value, "\\", kMaxValue); }

// Our own words, in which foreign ones are quoted already.
std::string message_line(const LogEntry& entry) { return escape(entry.message, {}, kMaxMessage); }

// What is appended for every command that somebody has started must not be as long as its words.
std::string file_value(std::string_view value) {
    const bool cut = value.size() > kMaxMessage;
    return concat({json_escape(value.substr(0, kMaxMessage)), cut ? "…" : ""});
}

std::string_view outcome(const LogEntry& entry) { return entry.found ? "found" : entry.allowed ? "allowed" : "refused"; }

int priority(const LogEntry& entry) { return entry.allowed ? LOG_INFO : LOG_WARNING; }

// One datagram, never waiting for a log that does not keep up.
bool send_to(const char* path, std::string_view text) {
    const Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket.valid()) return false;
    struct sockaddr_un address {};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    struct sockaddr generic {};
    const socklen_t size = sizeof address;
    static_assert(sizeof generic <= sizeof address);
    return ::sendto(socket.get(), text.data(), text.size(), MSG_NOSIGNAL, reinterpret_cast<const struct sockaddr*>(&address), size) >= 0;
}

std::string to_syslog(const LogEntry& entry) {
    return concat(
        {"<", decimal(LOG_DAEMON | priority(entry)), ">aa-shim: ", message_line(entry), " [", outcome(entry), " ", entry.id, "]"});
}

void append_to(std::string_view path, std::string_view text) {
    const auto file = open_file(AT_FDCWD, std::string(path), O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0640);
    if (file && require_trusted(file->get(), path)) (void)write_all(file->get(), text);
}

}  // namespace

std::string to_journal(const LogEntry& entry) {
    std::string out = concat({"MESSAGE=", message_line(entry), "\nPRIORITY=", decimal(priority(entry)),
                              "\nSYSLOG_IDENTIFIER=aa-shim\nAA_SHIM_OUTCOME=", outcome(entry), "\nAA_SHIM_DECISION=", entry.id,
                              "\nAA_SHIM_COMMAND=", entry.command, "\nAA_SHIM_CONTAINER=", one_line(entry.container), "\n"});
    for (const auto& [name, value] : entry.fields) out += concat({"AA_SHIM_", upper(name), "=", one_line(value), "\n"});
    return out;
}

std::string to_json(const LogEntry& entry, long long now) {
    std::string out = concat({"{\"time\":\"", rfc3339(now), "\",\"outcome\":\"", outcome(entry), "\",\"decision\":\"",
                              json_escape(entry.id), "\",\"command\":\"", json_escape(entry.command), "\",\"container\":\"",
                              file_value(entry.container), "\",\"message\":\"", file_value(entry.message), "\""});
    for (const auto& [name, value] : entry.fields) out += concat({",\"", name, "\":\"", file_value(value), "\""});
    return out + "}\n";
}

void log_decision(const LogEntry& entry, std::string_view json_file) noexcept {
    try {
        if (!send_to(kJournal, to_journal(entry))) (void)send_to(kSyslog, to_syslog(entry));
        if (!json_file.empty()) append_to(json_file, to_json(entry, std::time(nullptr)));
    } catch (...) {  // out of memory: the decision stands all the same
    }
}

}  // namespace aa::shim
