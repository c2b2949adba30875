// SPDX-License-Identifier: Apache-2.0
#include "oci/command_line/runtime_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <ctime>

#include "base/fd.h"
#include "base/file.h"
#include "base/ignored_signal.h"
#include "base/text.h"

namespace aa::oci {
namespace {

constexpr std::string_view kEllipsis = "…";

std::string two_digits(long long value) { return concat({value < 10 ? "0" : "", decimal(value)}); }

// RFC 3339, the only form that containerd's shim can read. Not gmtime(3), which reads /etc/localtime first.
std::string timestamp(long long now) {
    using std::chrono::floor;
    const std::chrono::sys_seconds time{std::chrono::seconds(now)};
    const auto day = floor<std::chrono::days>(time);
    const std::chrono::year_month_day date(day);
    const auto seconds = (time - day).count();
    return concat({decimal(static_cast<int>(date.year())), "-", two_digits(static_cast<unsigned>(date.month())), "-",
                   two_digits(static_cast<unsigned>(date.day())), "T", two_digits(seconds / 3600), ":", two_digits(seconds / 60 % 60), ":",
                   two_digits(seconds % 60), "Z"});
}

// One write(2), so that the lines of runtimes that share a log never mix.
void write_once(int fd, std::string_view text) {
    ssize_t n = 0;
    do {
        n = ::write(fd, text.data(), text.size());
    } while (n < 0 && errno == EINTR);
}

void append_to_log(std::string_view message, const CommandLine& line) {
    const std::string path(log_file(line.log));
    if (path.empty()) return;
    // O_NONBLOCK: a FIFO that nobody reads must not hold us up.
    const auto fd = open_file(AT_FDCWD, path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY, 0644);
    if (fd) write_once(fd->get(), log_line(message, line.log_format, ::time(nullptr)));
}

}  // namespace

std::string log_line(std::string_view message, std::string_view format, long long now) {
    const std::string text = json_escape(message);
    const std::string time = timestamp(now);
    if (format == "json") return concat({R"({"level":"error","msg":")", text, R"(","time":")", time, "\"}\n"});
    return concat({"time=\"", time, "\" level=error msg=\"", text, "\"\n"});
}

std::string stderr_line(std::string_view message) {
    if (message.size() < kMaxStderrBytes) return concat({message, "\n"});
    std::size_t end = kMaxStderrBytes - 1 - kEllipsis.size();
    // Back to the first byte of the character that would be cut.
    while (end > 0 && (static_cast<unsigned char>(message[end]) & 0xC0U) == 0x80U) --end;
    return concat({message.substr(0, end), kEllipsis, "\n"});
}

std::string_view log_file(std::string_view log) {
    if (log.starts_with("journald:") || log.starts_with("syslog:")) return {};
    if (log.starts_with("file:")) log.remove_prefix(5);
    return log;
}

void report_error(std::string_view message, const CommandLine& line) noexcept {
    // Whoever read our stderr may be gone, or a log be as long as it may be; the exit code must not become that of a signal.
    const IgnoredSignal nobody_reads(SIGPIPE);
    const IgnoredSignal too_long(SIGXFSZ);
    try {
        append_to_log(message, line);
        write_once(STDERR_FILENO, stderr_line(message));
    } catch (...) {
        write_once(STDERR_FILENO, "out of memory\n");
    }
}

}  // namespace aa::oci
