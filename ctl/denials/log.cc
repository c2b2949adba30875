// SPDX-License-Identifier: Apache-2.0
#include "ctl/denials/log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <utility>

#include "base/fd.h"
#include "base/file.h"
#include "base/process.h"
#include "base/text.h"
#include "base/time.h"
#include "ctl/denials/intake.h"
#include "ctl/denials/kernel_log.h"
#include "ctl/explain/decision_record.h"

namespace aa::ctl {

namespace {

using apparmor::Event;

constexpr const char* kAuditdLog = "/var/log/audit/audit.log";
constexpr const char* kAuditdPid = "/run/auditd.pid";
constexpr std::array kSyslogs = {"/var/log/kern.log", "/var/log/syslog", "/var/log/messages"};

bool exists(const char* path) { return ::access(path, R_OK) == 0; }

// What auditd takes, the kernel does not print, and journald may not see.
bool is_auditds() { return exists(kAuditdLog) && exists(kAuditdPid); }

// Whether the journal is the log of this host.
bool is_journals() { return !is_auditds() && find_journalctl() != nullptr && exists("/run/systemd/journal"); }

// The second that "@SECONDS" or "2026-11-30T04:51:00Z" means.
Result<long long> second_of(const std::string& since) {
    unsigned long long seconds = 0;
    if (since.starts_with('@') && parse_decimal(since.substr(1), seconds)) return static_cast<long long>(seconds);
    if (const auto time = read_rfc3339(since)) return *time;
    return Error{ErrorKind::usage, concat({"--since ", quote(since),
                                           " is for the journal alone, which is not what is read here; other logs take @SECONDS or ",
                                           "YYYY-MM-DDThh:mm:ssZ"})};
}

Result<void> read_kernels_journal(const LogOptions& options, Intake& intake) {
    intake.read().name = "the journal";
    return read_journal_lines(
        {"--output-fields=MESSAGE,_TRANSPORT,_AUDIT_ID,_SOURCE_REALTIME_TIMESTAMP", "_TRANSPORT=kernel", "_TRANSPORT=audit"}, options.since,
        [&](std::string_view line) { return intake.take(read_journal_entry(line)); });
}

Result<void> read_stream(int fd, Intake& intake) {
    TRY(read_lines(fd, [&](std::string_view line) { return intake.take(apparmor::read_log_line(line)); }));
    return {};
}

Result<void> read_file_of(const std::string& path, Intake& intake) {
    intake.read().name = path == "-" ? "standard input" : path;
    if (path == "-") return read_stream(STDIN_FILENO, intake);
    const Fd fd = TRY(open_file(AT_FDCWD, path, O_RDONLY | O_NOCTTY));
    return read_stream(fd.get(), intake).context(path);
}

// The log that a host has.
Result<void> read_first(const LogOptions& options, Intake& intake) {
    if (is_auditds()) return read_file_of(kAuditdLog, intake);
    if (is_journals()) return read_kernels_journal(options, intake);
    for (const char* path : kSyslogs) {
        if (exists(path)) return read_file_of(path, intake);
    }
    return read_kernel_log(intake);
}

}  // namespace

Result<void> read_log(const LogOptions& options, LogRead& read, const TakeEvent& take) {
    Intake intake(read, take);
    const bool by_journal = options.file.empty() && !options.follow && is_journals();
    if (!options.since.empty() && !by_journal) intake.not_before(TRY(second_of(options.since)));
    if (!options.file.empty()) return read_file_of(options.file, intake);
    return options.follow ? follow_kernel(intake, options.seconds) : read_first(options, intake);
}

}  // namespace aa::ctl
