// SPDX-License-Identifier: Apache-2.0
//
// Audit records: those of real kernels (records/, by tests/vm), held against libapparmor's reader; every form of line; and what pretends.
#include "apparmor/audit/record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "base/text.h"
#include "library.h"

namespace aa::apparmor {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kRecord =
    R"(apparmor="DENIED" operation="open" class="file" profile="web" name="/srv/a" pid=7 comm="cat" requested_mask="r" denied_mask="r" fsuid=0 ouid=0)";
constexpr std::string_view kStamp = "audit(1796014679.939:8): ";

std::string kernel(std::string_view record = kRecord) { return concat({"audit: type=1400 ", kStamp, record}); }

Event event_of(std::string_view line) {
    const auto read = read_log_line(line);
    EXPECT_TRUE(std::holds_alternative<Event>(read)) << line;
    return std::holds_alternative<Event>(read) ? std::get<Event>(read) : Event();
}

// Why LINE is a damaged record; empty if it is none, or a good one.
std::string damage(std::string_view line) {
    const auto read = read_log_line(line);
    return std::holds_alternative<Damaged>(read) ? std::get<Damaged>(read).why : std::string();
}
bool is_nothing(std::string_view line) { return std::holds_alternative<std::monostate>(read_log_line(line)); }

std::vector<std::string> golden(const std::string& release) {
    std::ifstream file(std::string(AA_RECORDS) + "/" + release);
    std::vector<std::string> result;
    for (std::string line; std::getline(file, line);) result.push_back(line);
    EXPECT_GT(result.size(), 40U) << release;
    return result;
}

TEST(AuditRecord, ReadsEveryField) {
    const auto event = event_of(kernel());
    EXPECT_EQ(event.type, EventType::denied);
    EXPECT_EQ(event.teller, Teller::kernel);
    EXPECT_EQ((std::vector{event.operation, event.mediation_class, event.label, event.name, event.command, event.requested, event.denied}),
              (std::vector<std::string>{"open", "file", "web", "/srv/a", "cat", "r", "r"}));
    EXPECT_EQ(event.pid, 7U);
    EXPECT_EQ(event.user, 0U);
    EXPECT_EQ(event.owner, 0U);
    EXPECT_EQ(event.seconds, 1796014679);
    EXPECT_EQ(event.milliseconds, 939U);
    EXPECT_EQ(event.serial, 8U);
}

TEST(AuditRecord, IsReadFromEveryLog) {
    for (const auto& line : {
             kernel(),
             concat({"[   12.345678] ", kernel()}),
             concat({"<5>[   12.345678] ", kernel()}),
             concat({"[Mon Nov 30 04:51:00 2026] ", kernel()}),
             concat({"Nov 30 04:51:00 host kernel: ", kernel()}),
             concat({"Nov  3 04:51:00 host kernel: [   12.345678] ", kernel()}),
             concat({"2026-11-30T04:51:00.123456+00:00 host kernel: [   12.345678] ", kernel()}),
             concat({"type=AVC msg=", kStamp, kRecord}),
             concat({"type=AVC msg=", kStamp, kRecord,
                     "\x1d"
                     "FSUID=\"root\" OUID=\"root\""}),
             concat({"node=a type=APPARMOR_DENIED msg=", kStamp, kRecord}),
             concat({"Nov 30 04:51:00 host audit[7]: AVC ", kRecord}),
             concat({"AVC ", kRecord}),
             concat({kernel(), "\r"}),
         }) {
        EXPECT_EQ(event_of(line).name, "/srv/a") << line;
        EXPECT_EQ(event_of(line).teller, Teller::kernel) << line;
    }
    const auto read = read_audit_message(1400, concat({kStamp, kRecord}));
    ASSERT_TRUE(std::holds_alternative<Event>(read));
    EXPECT_EQ(std::get<Event>(read).name, "/srv/a");
    EXPECT_TRUE(std::holds_alternative<std::monostate>(read_audit_message(1300, concat({kStamp, kRecord}))));
}

TEST(AuditRecord, OfAProcessIsToldApart) {
    constexpr std::string_view kBus =
        R"(apparmor="DENIED" operation="dbus_method_call"  bus="system" path="/org/freedesktop/DBus" interface="org.freedesktop.DBus" member="Hello" mask="send" name="org.freedesktop.DBus" pid=9 label="web" peer_label="unconfined")";
    constexpr std::string_view kAbout = R"( exe="/usr/bin/dbus-daemon" sauid=103 hostname=? addr=? terminal=?')";
    constexpr std::string_view kSender = "pid=5 uid=103 auid=4294967295 ses=4294967295 subj=unconfined msg='";
    for (const auto& line :
         {concat({"type=USER_AVC msg=", kStamp, kSender, kBus, kAbout}), concat({"audit: type=1107 ", kStamp, kSender, kBus, kAbout}),
          concat({"Nov 30 04:51:00 host audit[5]: USER_AVC ", kSender, kBus, kAbout}),
          concat({"Nov 30 04:51:00 host dbus-daemon[5]: ", kBus})}) {
        const auto event = event_of(line);
        EXPECT_EQ(event.teller, Teller::process) << line;
        EXPECT_EQ((std::vector{event.operation, event.bus, event.path, event.interface, event.member, event.requested, event.name,
                               event.label, event.peer}),
                  (std::vector<std::string>{"dbus_method_call", "system", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello", "send",
                                            "org.freedesktop.DBus", "web", "unconfined"}))
            << line;
        EXPECT_EQ(event.pid, 9U) << line;
    }
    // Whatever it says within its message, it is its own word.
    const auto claim = event_of(concat({"audit: type=1107 ", kStamp, "pid=5 uid=0 msg='", kRecord, "'"}));
    EXPECT_EQ(claim.teller, Teller::process);
}

TEST(AuditRecord, KnowsTheTypes) {
    for (const auto& [name, type] : std::vector<std::pair<std::string, EventType>>{{"AUDIT", EventType::audit},
                                                                                   {"ALLOWED", EventType::allowed},
                                                                                   {"DENIED", EventType::denied},
                                                                                   {"HINT", EventType::hint},
                                                                                   {"STATUS", EventType::status},
                                                                                   {"ERROR", EventType::error},
                                                                                   {"KILLED", EventType::killed}}) {
        std::string record(kRecord);
        record.replace(record.find("DENIED"), 6, name);
        EXPECT_EQ(event_of(kernel(record)).type, type);
        EXPECT_EQ(event_type_name(type), name);
    }
    std::string record(kRecord);
    EXPECT_THAT(damage(kernel(record.replace(record.find("DENIED"), 6, "DENY"))), HasSubstr("'apparmor'"));
}

std::string with_name(std::string_view value) {
    return kernel(concat({R"(apparmor="DENIED" operation="open" profile="web" name=)", value,
                          R"( pid=7 comm="cat" requested_mask="r" denied_mask="r" fsuid=0 ouid=0)"}));
}

TEST(AuditRecord, DecodesBareHexAlone) {
    EXPECT_EQ(event_of(with_name("2F646174612F77697468207370616365")).name, "/data/with space");
    EXPECT_EQ(event_of(with_name("\"2F61\"")).name, "2F61");
    EXPECT_EQ(event_of(with_name("2F0A00FF5C")).name, std::string("/\n\0\xff\\", 5));
    EXPECT_EQ(event_of(with_name(R"("/a\x41@{x}**")")).name, R"(/a\x41@{x}**)");  // there are no escapes
    for (const char* value : {"2F6", "2f61", "/a", "2F6G", "\xff"}) EXPECT_THAT(damage(with_name(value)), HasSubstr("'name'")) << value;
}

// What a process may choose stands within quotes or is hexadecimal; more than one field of a name is no record.
TEST(AuditRecord, CannotBeForgedFromWithin) {
    EXPECT_EQ(event_of(with_name("\"x'profile='y'\"")).label, "web");
    EXPECT_THAT(damage(kernel(concat({kRecord, " profile=\"other\""}))), HasSubstr("twice"));
    EXPECT_THAT(damage(kernel(concat({kRecord, " label=\"other\""}))), HasSubstr("'label'"));
    EXPECT_THAT(damage(kernel(concat({kRecord, " pid=8"}))), HasSubstr("twice"));
    EXPECT_THAT(damage(with_name("\"/a\"x")), HasSubstr("quotes"));
    EXPECT_THAT(damage(with_name("\"/a\" \"b\"")), HasSubstr("no field"));
    EXPECT_THAT(damage(kernel("apparmor=\"DENIED\" apparmor=\"ALLOWED\"")), HasSubstr("twice"));
}

// What anybody can write to a log, or a process name, is not the kernel's word.
TEST(AuditRecord, IsTakenFromTheBeginningOfALineAlone) {
    for (const auto& line :
         {concat({"Nov 30 04:51:00 host app[7]: ", kernel()}), concat({"Nov 30 04:51:00 host kernel x: ", kernel()}),
          concat({"Nov 30 04:51:00 host app: kernel: ", kernel()}), concat({"x ", kernel()}), concat({"[x] y ", kernel()}),
          concat({"usb 1-1: Product: ", kernel()}), concat({"type=EXECVE msg=", kStamp, kRecord}),
          concat({"type=USER_CMD msg=", kStamp, "pid=1 msg='", kRecord, "'"}), concat({"audit: type=1300 ", kStamp, kRecord}),
          concat({"type=AVC msg=audit(1.2): ", kRecord}), std::string("type=AVC msg=audit(1.002:3): avc:  denied"), std::string(),
          std::string("\n"), std::string(kRecord)}) {
        EXPECT_TRUE(is_nothing(line)) << line;
    }
}

TEST(AuditRecord, ThatIsCutAnywhereIsAnError) {
    const std::string line = kernel();
    const std::size_t begin = line.find("apparmor=") + std::string_view("apparmor=\"").size();
    for (std::size_t length = begin; length < line.size(); ++length)
        EXPECT_NE(damage(line.substr(0, length)), "") << line.substr(0, length);
    const auto hex = with_name("2F646174612F77697468207370616365");
    for (std::size_t length = begin; length < hex.size(); ++length) EXPECT_NE(damage(hex.substr(0, length)), "") << hex.substr(0, length);
    const auto capability =
        kernel(R"(apparmor="DENIED" operation="capable" profile="web" pid=1 comm="a" capability=21  capname="sys_admin")");
    EXPECT_EQ(event_of(capability).capability, "sys_admin");
    for (std::size_t length = begin; length < capability.size(); ++length) EXPECT_NE(damage(capability.substr(0, length)), "") << length;
}

TEST(AuditRecord, HasOneLine) {
    EXPECT_THAT(damage(with_name("\"/a\x01\"")), HasSubstr("control"));
    EXPECT_THAT(damage(with_name("\"/a\x7f\"")), HasSubstr("control"));
    const auto read = read_message(concat({"audit: type=1107 ", kStamp, "pid=5 uid=0 msg='", kRecord, "\n", kernel(), "'"}));
    EXPECT_TRUE(std::holds_alternative<Damaged>(read));
    EXPECT_TRUE(std::holds_alternative<std::monostate>(read_message(concat({"x\n", kernel()}))));
}

TEST(AuditRecord, OfWhatWasLost) {
    const auto lost = [](std::string_view line) {
        const auto read = read_log_line(line);
        return std::holds_alternative<Lost>(read) ? std::optional(std::get<Lost>(read)) : std::nullopt;
    };
    ASSERT_TRUE(lost("audit: audit_lost=17 audit_rate_limit=0 audit_backlog_limit=64"));
    EXPECT_EQ(lost("audit: audit_lost=17 audit_rate_limit=0 audit_backlog_limit=64")->in_total, 17U);
    for (const char* line : {"kauditd_printk_skb: 12 callbacks suppressed", "audit_printk_skb: 12 callbacks suppressed\n",
                             "Nov 30 04:51:00 host kernel: [    1.000000] kauditd_printk_skb: 12 callbacks suppressed"}) {
        ASSERT_TRUE(lost(line)) << line;
        EXPECT_EQ(lost(line)->suppressed, 12U);
    }
    EXPECT_FALSE(lost("net_ratelimit: 12 callbacks suppressed"));
    EXPECT_FALSE(lost("Nov 30 04:51:00 host app: kauditd_printk_skb: 12 callbacks suppressed"));
    EXPECT_FALSE(lost("audit: audit_lost=x"));
}

// libapparmor 3.0 reads no record of limits, user namespaces, io_uring, and peers of sockets.
bool is_known_to_library(const Event& event) {
    return event.operation != "setrlimit" && event.operation != "uring_sqpoll" && event.operation != "userns_create" &&
           event.peer_address.empty();
}

// LINE in a form that it knows: as auditd has it, without the class, of which kernels from 6.7 on tell, and without an address that is none.
std::string as_known(const std::string& line) {
    std::string result = concat({"type=AVC msg=", line.substr(line.find("audit("))});
    const std::size_t at = result.find(" class=\"");
    if (at != std::string::npos) result.erase(at, result.find('"', at + 8) + 1 - at);
    constexpr std::string_view kNoAddress = " addr=none";
    if (const std::size_t none = result.find(kNoAddress); none != std::string::npos) result.erase(none, kNoAddress.size());
    return result;
}

class RealRecords : public ::testing::TestWithParam<const char*> {};

TEST_P(RealRecords, AreReadAsLibapparmorReadsThem) {
    const std::array<std::string Event::*, 15> members = {&Event::operation,   &Event::label,       &Event::name,   &Event::target,
                                                          &Event::command,     &Event::requested,   &Event::denied, &Event::info,
                                                          &Event::family,      &Event::socket_type, &Event::signal, &Event::peer,
                                                          &Event::file_system, &Event::flags,       &Event::source};
    std::size_t compared = 0;
    for (const auto& line : golden(GetParam())) {
        const auto event = event_of(line);
        if (!is_known_to_library(event)) continue;
        const auto auditd = as_known(line);
        const std::unique_ptr<void, decltype(&library_free)> record(library_record(auditd.c_str()), library_free);
        ASSERT_TRUE(record) << line;
        for (std::size_t field = 0; field < members.size(); ++field) {
            const bool is_capability = members[field] == &Event::name && event.operation == "capable";
            EXPECT_EQ(is_capability ? event.capability : event.*members[field], library_text(record.get(), static_cast<int>(field)))
                << field << ": " << line;
        }
        EXPECT_EQ(event.pid, library_pid(record.get())) << line;
        EXPECT_EQ(event.seconds, static_cast<long long>(library_epoch(record.get()))) << line;
        // Numbered alike, but that libapparmor's begin with two that are none of the kernel's.
        EXPECT_GT(library_event(record.get()), 1) << line;
        ++compared;
    }
    EXPECT_GT(compared, 40U);
}
INSTANTIATE_TEST_SUITE_P(Kernels, RealRecords, ::testing::Values("6.1", "6.12", "7.2"));

}  // namespace
}  // namespace aa::apparmor
