// SPDX-License-Identifier: Apache-2.0
#include "shim/log/decision_log.h"

#include <gtest/gtest.h>

namespace aa::shim {
namespace {

LogEntry sample() {
    return {.allowed = false,
            .id = "0123456789abcdef",
            .command = "create",
            .container = "c\n1",
            .message = "no\nAA_SHIM_OUTCOME=allowed",
            .fields = {{"rule", "rule c.json:1:2"}, {"facts", "image='x\"y'"}}};
}

// A value that holds a newline must not become a field of its own.
TEST(DecisionLog, JournalFieldsStayOnTheirLines) {
    EXPECT_EQ(to_journal(sample()),
              "MESSAGE=no\\x0aAA_SHIM_OUTCOME=allowed\n"
              "PRIORITY=4\n"
              "SYSLOG_IDENTIFIER=aa-shim\n"
              "AA_SHIM_OUTCOME=refused\n"
              "AA_SHIM_DECISION=0123456789abcdef\n"
              "AA_SHIM_COMMAND=create\n"
              "AA_SHIM_CONTAINER=c\\x0a1\n"
              "AA_SHIM_RULE=rule c.json:1:2\n"
              "AA_SHIM_FACTS=image='x\"y'\n");
}

// The remedy stands at its end.
TEST(DecisionLog, MessagesAreWhole) {
    auto entry = sample();
    entry.message = std::string(5000, 'm') + " 'quoted' \\x0a";
    entry.container = std::string(5000, 'c') + "'\\x0a";
    const auto text = to_journal(entry);
    EXPECT_NE(text.find("MESSAGE=" + entry.message + "\n"), std::string::npos);
    EXPECT_NE(text.find("\nAA_SHIM_CONTAINER=" + std::string(4096, 'c') + "…\n"), std::string::npos);
    entry.container = "'\\x0a";
    EXPECT_NE(to_journal(entry).find("\nAA_SHIM_CONTAINER='\\x5cx0a\n"), std::string::npos);
    // Not delivered if it is longer than a datagram may be.
    entry.message = std::string(1 << 20, '\x01');
    EXPECT_LT(to_journal(entry).size(), std::size_t{64} << 10);
}

// Who starts commands must not fill the disk with their words.
TEST(DecisionLog, NoValueOfTheFileIsLong) {
    auto entry = sample();
    entry.message = std::string(8191, 'm');
    entry.fields = {{"program", std::string(8192, 'p')}, {"asked_profile", std::string(1 << 20, '\x01')}};
    const auto text = to_json(entry, 0);
    EXPECT_NE(text.find("\"message\":\"" + entry.message + "\""), std::string::npos);
    EXPECT_NE(text.find("\"program\":\"" + std::string(8191, 'p') + "…\""), std::string::npos);
    EXPECT_LT(text.size(), std::size_t{128} << 10);
}

TEST(DecisionLog, OneJsonObjectALine) {
    EXPECT_EQ(
        to_json(sample(), 0),
        R"({"time":"1970-01-01T00:00:00Z","outcome":"refused","decision":"0123456789abcdef","command":"create","container":"c\u000a1",)"
        R"("message":"no\u000aAA_SHIM_OUTCOME=allowed","rule":"rule c.json:1:2","facts":"image='x\"y'"})"
        "\n");
}

}  // namespace
}  // namespace aa::shim
