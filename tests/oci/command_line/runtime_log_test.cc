// SPDX-License-Identifier: Apache-2.0
#include "oci/command_line/runtime_log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/fd.h"

namespace aa::oci {
namespace {

constexpr long long kNow = 1795375350;  // date -ud @1795375350

TEST(LogLine, HasTheRuntimesForm) {
    struct Case {
        const char* name;
        std::string message;
        const char* format;
        long long now;
        std::string line;
    };
    const std::array<Case, 9> cases{{
        {"json", "no profile 'web'", "json", kNow, R"({"level":"error","msg":"no profile 'web'","time":"2026-11-22T19:22:30Z"})"},
        {"text", "no profile 'web'", "text", kNow, R"(time="2026-11-22T19:22:30Z" level=error msg="no profile 'web'")"},
        {"no format: text", "x", "", kNow, R"(time="2026-11-22T19:22:30Z" level=error msg="x")"},
        {"unknown format: text", "x", "JSON", kNow, R"(time="2026-11-22T19:22:30Z" level=error msg="x")"},
        {"quotes", R"(a "b" \c)", "json", kNow, R"({"level":"error","msg":"a \"b\" \\c","time":"2026-11-22T19:22:30Z"})"},
        {"quotes in text", R"(a "b" \c)", "text", kNow, R"(time="2026-11-22T19:22:30Z" level=error msg="a \"b\" \\c")"},
        {"control characters", "a\nb\x1b[2J", "json", kNow, R"({"level":"error","msg":"a\u000ab\u001b[2J","time":"2026-11-22T19:22:30Z"})"},
        {"invalid UTF-8", "a\xff\xc3", "json", kNow,
         "{\"level\":\"error\",\"msg\":\"a\xEF\xBF\xBD\xEF\xBF\xBD\",\"time\":\"2026-11-22T19:22:30Z\"}"},
        {"a leap day's last second", "x", "json", 1709251199, R"({"level":"error","msg":"x","time":"2024-02-29T23:59:59Z"})"},
    }};
    for (const auto& c : cases) EXPECT_EQ(log_line(c.message, c.format, c.now), c.line + "\n") << c.name;
}

TEST(LogLine, IsOneJsonObjectWhateverTheMessage) {
    std::string message;
    for (int c = 0; c < 256; ++c) message += static_cast<char>(c);
    const std::string line = log_line(message, "json", kNow);
    EXPECT_EQ(line.find('\n'), line.size() - 1);
    const auto entry = nlohmann::json::parse(line, nullptr, false);
    ASSERT_TRUE(entry.is_object());
    EXPECT_EQ(entry["level"], "error");
    EXPECT_EQ(entry.size(), 3U);
}

TEST(StderrLine, EndsAtACharacterBelowTheLimit) {
    EXPECT_EQ(stderr_line("short"), "short\n");
    EXPECT_EQ(stderr_line(""), "\n");
    const std::string fits(kMaxStderrBytes - 1, 'x');
    EXPECT_EQ(stderr_line(fits), fits + "\n");
    EXPECT_EQ(stderr_line(fits + "x"), std::string(kMaxStderrBytes - 4, 'x') + "…\n");
    std::string wide;
    while (wide.size() < 2 * kMaxStderrBytes) wide += "ü";
    const std::string cut = stderr_line(wide);
    EXPECT_EQ(cut.size(), kMaxStderrBytes - 1);  // one byte less: half a character is not written
    EXPECT_EQ(cut.substr(cut.size() - 6), "ü…\n");
}

TEST(LogFile, IsTheValueWithoutCrunsPrefixes) {
    struct Case {
        std::string_view log;
        std::string_view file;
    };
    const std::array<Case, 7> cases{{{"", ""},
                                     {"/run/log.json", "/run/log.json"},
                                     {"log", "log"},
                                     {"file:/run/log.json", "/run/log.json"},
                                     {"file:", ""},
                                     {"journald:id", ""},
                                     {"syslog:id", ""}}};
    for (const auto& c : cases) EXPECT_EQ(log_file(c.log), c.file) << c.log;
}

// stderr as a socket that keeps every write(2) apart. It is the old one again when this object ends.
class CapturedStderr {
public:
    CapturedStderr() : before_(::dup(STDERR_FILENO)) {
        std::array<int, 2> ends{};
        if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) std::abort();
        read_ = Fd(ends[0]);
        (void)::dup2(ends[1], STDERR_FILENO);
        (void)::close(ends[1]);
    }
    CapturedStderr(const CapturedStderr&) = delete;
    CapturedStderr& operator=(const CapturedStderr&) = delete;
    ~CapturedStderr() { (void)::dup2(before_.get(), STDERR_FILENO); }

    void close_reader() { read_.reset(); }

    std::vector<std::string> writes() {
        std::vector<std::string> all;
        std::string packet(1 << 16, '\0');
        for (ssize_t n = 0; (n = ::recv(read_.get(), packet.data(), packet.size(), MSG_DONTWAIT)) > 0;)
            all.push_back(packet.substr(0, static_cast<std::size_t>(n)));
        return all;
    }

private:
    Fd before_;
    Fd read_;
};

class ReportError : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_NE(::mkdtemp(directory_.data()), nullptr);
        log_ = directory_ + "/log.json";
        line_.log = log_;
        line_.log_format = "json";
        mask_ = ::umask(022);
    }
    void TearDown() override {
        (void)::umask(mask_);
        (void)::unlink(log_.c_str());
        (void)::rmdir(directory_.c_str());
    }

    std::string content() const {
        std::ifstream file(log_);
        return {std::istreambuf_iterator<char>(file), {}};
    }

    std::string directory_ = "/tmp/aa-shim-log.XXXXXX";
    std::string log_;
    CommandLine line_;
    CapturedStderr stderr_;

private:
    mode_t mask_ = 0;
};

TEST_F(ReportError, GoesToTheLogAndToStderrOnce) {
    const long long before = ::time(nullptr);
    report_error("no profile", line_);
    const long long after = ::time(nullptr);
    EXPECT_EQ(stderr_.writes(), std::vector<std::string>{"no profile\n"});
    std::vector<std::string> possible;
    for (long long now = before; now <= after; ++now) possible.push_back(log_line("no profile", "json", now));
    EXPECT_THAT(possible, ::testing::Contains(content()));
    struct stat st {};
    ASSERT_EQ(::stat(log_.c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 07777U, 0644U);
}

TEST_F(ReportError, KeepsWhatTheLogHolds) {
    std::ofstream(log_) << "{\"level\":\"error\",\"msg\":\"older\"}\n";
    report_error("newer", line_);
    EXPECT_EQ(content().find("{\"level\":\"error\",\"msg\":\"older\"}\n{\"level\":\"error\",\"msg\":\"newer\""), 0U) << content();
}

TEST_F(ReportError, WithoutALogFileGoesToStderr) {
    for (const char* log : {"", "journald:x", "syslog:x", "file:", "/nonexistent/log", "/", "/proc/self/cmdline"}) {
        line_.log = log;
        report_error("x", line_);
        EXPECT_EQ(stderr_.writes(), std::vector<std::string>{"x\n"}) << log;
    }
    EXPECT_NE(::access(log_.c_str(), F_OK), 0);
}

TEST_F(ReportError, UnderstandsCrunsPrefix) {
    const std::string prefixed = "file:" + log_;
    line_.log = prefixed;
    line_.log_format = "";
    report_error("x", line_);
    EXPECT_TRUE(content().starts_with("time=\"")) << content();
    EXPECT_TRUE(content().ends_with(" level=error msg=\"x\"\n")) << content();
}

TEST_F(ReportError, DoesNotWaitForTheReaderOfAFifo) {
    ASSERT_EQ(::mkfifo(log_.c_str(), 0600), 0);
    report_error("x", line_);
    EXPECT_EQ(stderr_.writes(), std::vector<std::string>{"x\n"});
}

TEST_F(ReportError, SurvivesAReaderThatIsGone) {
    stderr_.close_reader();
    report_error("x", line_);  // SIGPIPE would end this test
    EXPECT_NE(content().find("\"msg\":\"x\""), std::string::npos);
    struct sigaction action {};
    ASSERT_EQ(::sigaction(SIGPIPE, nullptr, &action), 0);
    EXPECT_EQ(action.sa_handler, SIG_DFL);
}

TEST_F(ReportError, WritesALongMessageOnceToEach) {
    const std::string longest(1 << 20, 'x');
    report_error(longest, line_);
    const auto writes = stderr_.writes();
    ASSERT_EQ(writes.size(), 1U);
    EXPECT_EQ(writes[0].size(), kMaxStderrBytes);
    EXPECT_GT(content().size(), longest.size());
}

}  // namespace
}  // namespace aa::oci
