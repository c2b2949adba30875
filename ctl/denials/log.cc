// SPDX-License-Identifier: Apache-2.0
#include "ctl/denials/log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <set>
#include <utility>
#include <vector>

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

// The log PATH, and behind it what was rotated away of it (auditd.conf(5), num_logs; logrotate(8)). It is opened from the newest on: one that
// is rotated meanwhile has the next name, too, and is left out there.
Result<std::vector<Fd>> open_with_rotated(const std::string& path) {
    constexpr int kMost = 999;  // auditd's own limit
    std::vector<Fd> files;
    std::set<std::pair<dev_t, ino_t>> known;
    for (int number = 0; number <= kMost; ++number) {
        auto fd = open_file(AT_FDCWD, number == 0 ? path : concat({path, ".", decimal(number)}), O_RDONLY | O_NOCTTY);
        if (!fd && fd.error().kind == ErrorKind::not_found && number > 0) break;
        if (!fd) return fd.error();
        struct stat st {};
        if (::fstat(fd->get(), &st) != 0) return errno_error("stat", path, errno);
        if (known.emplace(st.st_dev, st.st_ino).second) files.push_back(*std::move(fd));
    }
    return files;
}

// Reads the oldest first. What was compressed is not read, and told.
Result<void> read_with_rotated(const std::string& path, Intake& intake) {
    const auto files = TRY(open_with_rotated(path));
    auto& name = intake.read().name;
    name = path;
    if (files.size() > 1) name += concat({" and ", decimal(static_cast<long long>(files.size() - 1)), " rotated before"});
    if (exists(concat({path, ".", decimal(static_cast<long long>(files.size())), ".gz"}).c_str()))
        name += ", without those that are compressed";
    for (auto file = files.rbegin(); file != files.rend(); ++file) TRY(read_stream(file->get(), intake).context(path));
    return {};
}

// The log that a host has.
Result<void> read_first(const LogOptions& options, Intake& intake) {
    if (is_auditds()) return read_with_rotated(kAuditdLog, intake);
    if (is_journals()) return read_kernels_journal(options, intake);
    for (const char* path : kSyslogs) {
        if (exists(path)) return read_with_rotated(path, intake);
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
