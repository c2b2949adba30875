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
              "AA_SHIM_FACTS=image=\\x27x\"y\\x27\n");
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
