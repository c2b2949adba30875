// SPDX-License-Identifier: Apache-2.0
//
// What comes out of a log: counted once, in order; and the kernel's own buffer, in which others write, too.
#include "ctl/denials/intake.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/text.h"
#include "ctl/denials/kernel_log.h"

namespace aa::ctl {
namespace {

using apparmor::Event;

std::string record(unsigned serial, std::string_view second = "1796014679") {
    return concat(
        {"audit: type=1400 audit(", second, ".939:", decimal(serial),
         R"(): apparmor="DENIED" operation="open" profile="web" name="/a" pid=7 comm="a" requested_mask="r" denied_mask="r" fsuid=0 ouid=0)"});
}

class LogIntake : public ::testing::Test {
protected:
    bool take(std::string_view message) { return intake_.take(apparmor::read_message(message)); }

    std::vector<unsigned long long> taken_;
    bool more_ = true;
    LogRead read_;
    TakeEvent take_ = [this](const Event& event) {
        taken_.push_back(event.serial.value_or(0));
        return more_;
    };
    Intake intake_{read_, take_};
};

TEST_F(LogIntake, TakesARecordOnce) {
    for (const unsigned serial : {1U, 2U, 1U, 2U, 3U}) EXPECT_TRUE(take(record(serial)));
    EXPECT_EQ(taken_, (std::vector<unsigned long long>{1, 2, 3}));
    EXPECT_EQ(read_.records, 3U);
    EXPECT_EQ(read_.twice, 2U);
    EXPECT_TRUE(take(record(1, "1796014680")));  // the host was started anew
    EXPECT_EQ(read_.records, 4U);
}

TEST_F(LogIntake, ForgetsWhatIsLongPast) {
    for (unsigned serial = 0; serial < 100'000; ++serial) take(record(serial));
    EXPECT_EQ(read_.records, 100'000U);
    EXPECT_TRUE(take(record(0)));
    EXPECT_EQ(read_.twice, 0U);
    take(record(99'999));
    EXPECT_EQ(read_.twice, 1U);
}

TEST_F(LogIntake, EndsWhereNoMoreIsWanted) {
    more_ = false;
    EXPECT_FALSE(take(record(1)));
    EXPECT_TRUE(take("something else"));
}

TEST_F(LogIntake, LeavesOutWhatIsOlder) {
    intake_.not_before(1796014680);
    take(record(1));
    take(record(2, "1796014680"));
    EXPECT_EQ(taken_, std::vector<unsigned long long>{2});
}

TEST_F(LogIntake, CountsWhatIsLost) {
    take("audit: audit_lost=40 audit_rate_limit=0");  // since the start of the host: at least this one
    EXPECT_EQ(read_.losses.backlog, 1U);
    take("audit: audit_lost=45 audit_rate_limit=0");
    EXPECT_EQ(read_.losses.backlog, 6U);
    take("audit: audit_lost=2 audit_rate_limit=0");  // started anew
    EXPECT_EQ(read_.losses.backlog, 7U);
    take("kauditd_printk_skb: 7 callbacks suppressed");
    EXPECT_EQ(read_.losses.suppressed, 7U);
}

TEST_F(LogIntake, CountsWhatIsDamaged) {
    take(record(1).substr(0, 100));
    EXPECT_EQ(read_.damaged, 1U);
    EXPECT_NE(read_.damage, "");
    EXPECT_TRUE(taken_.empty());
}

TEST(JournalEntry, OfEitherWayIsTheSame) {
    const auto body = record(8).substr(record(8).find("apparmor="));
    std::string quoted;
    for (const char c : body) quoted += c == '"' ? std::string("\\\"") : std::string(1, c);
    const auto of_audit = read_journal_entry(concat(
        {R"({"MESSAGE":"AVC )", quoted, R"(","_TRANSPORT":"audit","_AUDIT_ID":"8","_SOURCE_REALTIME_TIMESTAMP":"1796014679039000"})"}));
    ASSERT_TRUE(std::holds_alternative<Event>(of_audit));
    const auto& event = std::get<Event>(of_audit);
    EXPECT_EQ(event.serial, 8U);
    EXPECT_EQ(event.seconds, 1796014679);
    EXPECT_EQ(event.milliseconds, 39U);
    for (const char* entry : {"", "[]", "{}", R"({"MESSAGE":[1],"_TRANSPORT":"kernel"})", R"({"MESSAGE":"AVC","_TRANSPORT":"audit"})"}) {
        EXPECT_TRUE(std::holds_alternative<std::monostate>(read_journal_entry(entry))) << entry;
    }
}

TEST(KernelMessages, HaveASequenceAndAText) {
    const auto message = read_kernel_message("5,1234,99,-;audit: type=1400 x\\x5cy\n SUBSYSTEM=z\n");
    ASSERT_TRUE(message);
    EXPECT_EQ(message->sequence, 1234U);
    EXPECT_EQ(message->text, "audit: type=1400 x\\y");
    EXPECT_EQ(read_kernel_message("5,1,2,-;a\\x0ab")->text, "a\nb");
    for (const char* other : {"", ";", "5;x", "x,1,2,-;y", "5,x,2,-;y"}) EXPECT_FALSE(read_kernel_message(other)) << other;
}

// What is written to /dev/kmsg has another facility, whatever it asks for.
TEST(KernelMessages, OfOthersHaveNoText) {
    const auto message = read_kernel_message("13,1235,99,-;audit: type=1400 audit(1.000:1): apparmor=\"DENIED\"");
    ASSERT_TRUE(message);
    EXPECT_EQ(message->sequence, 1235U);
    EXPECT_FALSE(message->text);
}

// A process may send a text with a line end in it, by way of the kernel: it is no second record.
TEST(KernelMessages, AreOneRecordAtMost) {
    const auto message = read_kernel_message(concat({"5,1,2,-;audit: type=1107 audit(1.000:1): pid=1 uid=0 msg='x\\x0a", record(9), "'"}));
    ASSERT_TRUE(message && message->text);
    EXPECT_FALSE(std::holds_alternative<Event>(apparmor::read_message(*message->text)));
}

// Each datagram is a record, as each read(2) of /dev/kmsg gives one. After three events no more is wanted.
class KernelBuffer : public ::testing::Test {
protected:
    void SetUp() override {
        std::array<int, 2> ends{};
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends.data()), 0);
        reader_ = Fd(ends[0]);
        writer_ = Fd(ends[1]);
    }

    void put(int sequence, const std::string& text) {
        const auto all = concat({"5,", decimal(sequence), ",1,-;", text});
        ASSERT_EQ(::send(writer_.get(), all.data(), all.size(), 0), static_cast<ssize_t>(all.size()));
    }

    Fd reader_, writer_;
    LogRead read_;
    std::size_t events_ = 0;
    TakeEvent take_ = [this](const Event&) { return ++events_ < 3; };
    Intake intake_{read_, take_};
};

TEST_F(KernelBuffer, ThatWasOverwrittenIsCounted) {
    std::optional<unsigned long long> next;
    put(100, record(1));  // what was before the first one is nobody's loss
    put(101, "of no interest");
    put(105, record(2));
    auto more = read_kernel_records(reader_.get(), intake_, next);
    ASSERT_TRUE(more && *more);
    EXPECT_EQ(read_.losses.overwritten, 3U);
    put(106, record(3));
    put(110, record(4));
    more = read_kernel_records(reader_.get(), intake_, next);
    ASSERT_TRUE(more);
    EXPECT_FALSE(*more);  // it wants no more
    EXPECT_EQ(read_.losses.overwritten, 3U);
    EXPECT_EQ(next, 107U);
}

TEST_F(KernelBuffer, TellsWhatTheQueueLostBesideTheMessagesThemselves) {
    int sequence = 0;
    for (const auto& text :
         {record(1), std::string("audit: audit_lost=3 audit_rate_limit=0 audit_backlog_limit=64"), record(2),
          std::string("other: audit: audit_lost=7"), std::string("audit: audit_lost=9 audit_rate_limit=0 audit_backlog_limit=64")}) {
        put(++sequence, text);
    }
    ASSERT_TRUE(read_kernel_losses(reader_.get(), intake_));
    EXPECT_EQ(read_.losses.backlog, 7U);
    EXPECT_EQ(events_, 0U);
    EXPECT_EQ(read_.twice, 0U);
}

}  // namespace
}  // namespace aa::ctl
