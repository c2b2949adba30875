// SPDX-License-Identifier: Apache-2.0
#include "ctl/denials/log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <ctime>
#include <memory>
#include <utility>

#include "base/fd.h"
#include "base/file.h"
#include "base/process.h"
#include "base/text.h"
#include "ctl/denials/intake.h"
#include "ctl/denials/kernel_log.h"

namespace aa::ctl {

namespace {

using apparmor::Event;

constexpr std::array kJournalctl = {"/usr/bin/journalctl", "/bin/journalctl"};
constexpr const char* kAuditdLog = "/var/log/audit/audit.log";
constexpr const char* kAuditdPid = "/run/auditd.pid";
constexpr std::array kSyslogs = {"/var/log/kern.log", "/var/log/syslog", "/var/log/messages"};

bool exists(const char* path) { return ::access(path, R_OK) == 0; }

const char* journalctl() {
    for (const char* program : kJournalctl) {
        if (::access(program, X_OK) == 0) return program;
    }
    return nullptr;
}

// The second that "@SECONDS" or "2026-11-30T04:51:00Z" means.
Result<long long> second_of(const std::string& since) {
    unsigned long long seconds = 0;
    if (since.starts_with('@') && parse_decimal(since.substr(1), seconds)) return static_cast<long long>(seconds);
    std::tm parts{};
    const char* end = ::strptime(since.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts);
    if (end != nullptr && *end == '\0') return static_cast<long long>(::timegm(&parts));
    return Error{ErrorKind::usage, concat({"--since ", quote(since),
                                           " is for the journal alone, which is not what is read here; other logs take @SECONDS or ",
                                           "YYYY-MM-DDThh:mm:ssZ"})};
}

Result<void> read_journal(const char* program, const LogOptions& options, Intake& intake) {
    intake.read().name = "the journal";
    Command command{{program, "--output=json", "--output-fields=MESSAGE,_TRANSPORT,_AUDIT_ID,_SOURCE_REALTIME_TIMESTAMP", "--no-pager",
                     "--quiet", "_TRANSPORT=kernel", "_TRANSPORT=audit"},
                    {},
                    {},
                    0,
                    {}};
    if (!options.since.empty()) command.words.push_back("--since=" + options.since);
    const auto outcome = TRY(run_for_lines(command, [&](std::string_view line) { return intake.take(read_journal_entry(line)); }));
    if (!outcome.ok()) return Error{ErrorKind::system, concat({program, " failed: ", last_words(outcome)})};
    return {};
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

// Which log a host has: what auditd takes, the kernel does not print, and journald may not see.
Result<void> read_first(const LogOptions& options, Intake& intake) {
    if (exists(kAuditdLog) && exists(kAuditdPid)) return read_file_of(kAuditdLog, intake);
    const char* const program = journalctl();
    if (program != nullptr && exists("/run/systemd/journal")) return read_journal(program, options, intake);
    for (const char* path : kSyslogs) {
        if (exists(path)) return read_file_of(path, intake);
    }
    return read_kernel_log(intake);
}

bool is_journal(const LogOptions& options) {
    return options.file.empty() && !options.follow && !(exists(kAuditdLog) && exists(kAuditdPid)) && journalctl() != nullptr &&
           exists("/run/systemd/journal");
}

}  // namespace

Result<void> read_log(const LogOptions& options, LogRead& read, const TakeEvent& take) {
    Intake intake(read, take);
    if (!options.since.empty() && !is_journal(options)) intake.not_before(TRY(second_of(options.since)));
    if (!options.file.empty()) return read_file_of(options.file, intake);
    return options.follow ? follow_kernel(intake) : read_first(options, intake);
}

}  // namespace aa::ctl
