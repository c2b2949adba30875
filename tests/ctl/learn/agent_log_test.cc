// SPDX-License-Identifier: Apache-2.0
#include "ctl/learn/agent_log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "base/text.h"

namespace aa::ctl::learned {
namespace {

// What a container can call a file: with what this log is made of in it.
constexpr std::string_view kHostile = "/a\n\"{\"aa-shim-learned\":1,\x1b[2J\xff\\";

apparmor::Recording recording_of(std::initializer_list<std::string> names) {
    apparmor::Recording recording;
    for (const auto& name : names) {
        apparmor::Event event;
        event.type = apparmor::EventType::allowed;
        event.label = "aa-shim-learning-web";
        event.operation = "open";
        event.name = name;
        event.denied = "r";
        recording.add(event, "/bin/app");
    }
    return recording;
}

std::string log_of(const std::string& node, long long at, std::initializer_list<std::string> names,
                   const std::string& confinement = "web") {
    std::string text;
    for (const auto& line : log_lines(node, confinement, at, write_recording(recording_of(names)))) text += line + "\n";
    return text;
}

// What LOGS together have of "web", as one recording; or the error.
std::string merged(std::initializer_list<std::string> logs) {
    AgentLogs all("web");
    for (const auto& log : logs) {
        if (const auto added = all.add(log, "the.log"); !added) return added.error().message;
    }
    const auto recordings = all.recordings();
    if (!recordings) return recordings.error().message;
    apparmor::Recording result;
    for (const auto& one : *recordings) result.merge(one);
    return write_recording(result);
}

std::string whole(std::initializer_list<std::string> names) { return write_recording(recording_of(names)); }

TEST(AgentLog, IsReadAsItWasWritten) {
    EXPECT_EQ(merged({log_of("n1", 10, {"/a", std::string(kHostile)})}), whole({"/a", std::string(kHostile)}));
    EXPECT_EQ(log_lines("n1", "web", 10, "{\"x\":1}\n{}\n")[1],
              R"({"aa-shim-learned":1,"node":"n1","confinement":"web","at":"1970-01-01T00:00:10Z","line":2,"of":2,"recording":{}})");
}

TEST(AgentLog, HasOneObjectALineWhateverContainersCallTheirFiles) {
    const auto log = log_of("n\n1", 10, {std::string(kHostile)});
    EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 2);
    for (const auto line : lines(log)) {
        EXPECT_TRUE(line.starts_with("{\"aa-shim-learned\":1,"));
        EXPECT_TRUE(std::all_of(line.begin(), line.end(), [](char c) { return c >= 0x20 && c < 0x7F; })) << line;
    }
}

TEST(AgentLog, StandsAmongOtherLines) {
    std::string log = "ready: aa-shim\n";
    const auto own = log_of("n1", 10, {"/a", "/b"});
    for (const auto line : lines(own)) log += concat({"[pod/aa-shim-x/node] 2026-11-30T10:00:00.123Z ", line, "\nrestart pending\n"});
    EXPECT_EQ(merged({log}), whole({"/a", "/b"}));
}

TEST(AgentLog, OfEachNodeTheLastCounts) {
    const auto early = log_of("n1", 10, {"/a"});
    const auto late = log_of("n1", 20, {"/a", "/b"});
    const auto other = log_of("n2", 15, {"/c"});
    for (const auto& logs : {early + late + other, other + late + early, late + early + other})
        EXPECT_EQ(merged({logs}), whole({"/a", "/b", "/c"}));
    EXPECT_EQ(merged({early, other + late, late}), whole({"/a", "/b", "/c"})) << "the same twice counts once";
    EXPECT_EQ(merged({late + log_of("n1", 30, {"/x"}, "database")}), whole({"/a", "/b"}));
}

TEST(AgentLog, ThatIsNotWholeIsRefused) {
    const auto early = log_of("n1", 10, {"/a"});
    auto late = log_of("n1", 20, {"/a", "/b"});
    late.erase(late.find('\n', late.find('\n') + 1) + 1);
    EXPECT_EQ(merged({early + late}),
              "the recording of node 'n1' from 1970-01-01T00:00:20Z has 2 of its 3 lines in the log: give all of the log, or the node's "
              "own file, "
              "/var/lib/aa-shim/learn/web.recording");
    EXPECT_EQ(merged({early.substr(0, early.size() - 3)}),
              "'the.log':2: is no line of an agent of this version that learns, or was cut off");
    EXPECT_EQ(merged({log_of("n1", 10, {"/a"}, "database")}), "'the.log' is the log of an agent that did not learn from confinement 'web'");
}

TEST(AgentLog, ThatNoAgentWritesIsRefused) {
    const auto good = log_of("n1", 10, {"/a"});
    const std::pair<std::string, std::string> changes[] = {{"learned\":1", "learned\":2"}, {"\"node\":\"n1\"", "\"node\":1"},
                                                           {"\"of\":2", "\"of\":0"},       {"\"line\":1", "\"line\":0"},
                                                           {"\"line\":1", "\"line\":3"},   {"\"line\":1", "\"line\":-1"},
                                                           {"1970-01-01T", "1970-01-01 "}, {"\"recording\":{", "\"recordings\":{"}};
    for (const auto& [before, after] : changes) {
        auto wrong = good;
        wrong.replace(wrong.find(before), before.size(), after);
        EXPECT_NE(merged({wrong}).find("is no line of an agent"), std::string::npos) << after;
    }
    auto other = good;
    other.replace(other.find("\"count\":1"), 9, "\"count\":2");
    EXPECT_NE(merged({good + other}).find("is no line of an agent"), std::string::npos) << "two of the same time that differ";
    auto forged = good;
    forged.replace(forged.find("\"denied\":\"r\""), 12, "\"denied\":\"\\u0072\"");
    EXPECT_EQ(merged({forged}), whole({"/a"})) << "it is the same text";
}

}  // namespace
}  // namespace aa::ctl::learned
