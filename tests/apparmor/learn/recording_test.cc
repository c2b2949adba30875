// SPDX-License-Identifier: Apache-2.0
//
// Recordings: what of an event is kept, that neither order nor hosts make a difference, and that nothing else is read as one.
#include "apparmor/learn/recording.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "base/text.h"

namespace aa::apparmor {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Event file_event(std::string name, std::string denied = "r", unsigned long long owner = 0) {
    Event event;
    event.type = EventType::allowed;
    event.operation = "open";
    event.label = "aa-shim-learning-web";
    event.name = std::move(name);
    event.denied = std::move(denied);
    event.command = "nginx";
    event.pid = 4711;
    event.user = 0;
    event.owner = owner;
    return event;
}

// What the kernel of RELEASE told of the deeds of tests/vm.
std::vector<Event> events_of(const std::string& release) {
    std::ifstream file(std::string(AA_RECORDS) + "/" + release);
    std::vector<Event> result;
    for (std::string line; std::getline(file, line);) {
        const auto read = read_log_line(line);
        if (const auto* event = std::get_if<Event>(&read)) result.push_back(*event);
    }
    return result;
}

Recording recording_of(const std::vector<Event>& events) {
    Recording recording;
    for (const auto& event : events) recording.add(event, "/bin/deed");
    return recording;
}

std::string error_of(std::string_view bytes) {
    const auto read = read_recording(bytes);
    return read ? "" : read.error().message;
}

TEST(Recording, KeepsNeitherProcessesNorWhatTheyCallThemselves) {
    Recording recording;
    auto event = file_event("/proc/4711/task/4712/comm", "wc", 33);
    event.seconds = 1700000000;
    event.serial = 9;
    recording.add(event, "/usr/sbin/nginx");
    event.pid = 1;
    event.command = "worker";
    event.name = "/proc/12/task/13/comm";
    event.user = 5;
    recording.add(event, "/usr/sbin/nginx");
    ASSERT_EQ(recording.facts().size(), 1U);
    EXPECT_EQ(write_recording(recording),
              "{\"aa-shim-recording\":1,\"backlog\":0,\"overruns\":0,\"suppressed\":0,\"unattributed\":0,\"unrecorded\":0,\"lines\":1}\n"
              "{\"fact\":\"ALLOWED\",\"program\":\"/usr/sbin/nginx\",\"operation\":\"open\",\"name\":\"/proc/1/task/1/comm\","
              "\"denied\":\"wc\",\"owned\":false,\"count\":2}\n");
}

// Whether execs may lead to another profile is told from version 2 on; of an older recording, or of one that was merged with it, it is not known.
TEST(Recording, SaysWhetherItsProcessesMayGainPrivileges) {
    Recording old;
    old.add_start("/bin/app");
    EXPECT_THAT(write_recording(old), HasSubstr("{\"aa-shim-recording\":1,\"backlog\":0"));
    EXPECT_FALSE(old.all_may_gain());
    EXPECT_FALSE(Recording().all_may_gain());
    Recording recording;
    recording.add_start("/bin/app", true);
    recording.add_exec("/bin/tool", true);
    const auto written = write_recording(recording);
    EXPECT_THAT(written, HasSubstr("{\"aa-shim-recording\":2,\"mayGain\":2,\"backlog\":0"));
    auto again = read_recording(written);
    ASSERT_TRUE(again);
    EXPECT_TRUE(again->all_may_gain());
    EXPECT_EQ(write_recording(*again), written);
    again->merge(recording);
    EXPECT_TRUE(again->all_may_gain());
    again->merge(old);
    EXPECT_FALSE(again->all_may_gain());
    recording.add_exec("/bin/tool", false);
    EXPECT_FALSE(recording.all_may_gain());
}

TEST(Recording, KnowsItsOwnLabelFromOthers) {
    Event event;
    event.type = EventType::allowed;
    event.operation = "signal";
    event.label = "aa-shim-learning-web";
    event.denied = "send";
    event.signal = "term";
    Recording recording;
    // A stack is written in any order.
    for (const char* peer : {"aa-shim-learning-web", "aa-shim-learning-web//&crun", "crun//&aa-shim-learning-web"}) {
        event.peer = peer;
        recording.add(event, "");
    }
    event.peer = "unconfined";
    recording.add(event, "");
    ASSERT_EQ(recording.facts().size(), 2U);
    EXPECT_EQ(recording.facts().begin()->first.event.peer, kOwnLabel);
    EXPECT_THAT(write_recording(recording), Not(HasSubstr("aa-shim-learning")));
}

TEST(Recording, OfAnExecThatIsToldThoughAllowed) {
    auto event = file_event("/bin/sh");
    event.type = EventType::audit;
    event.operation = "exec";
    event.denied.clear();
    event.requested = "x";
    event.target = event.label;
    Recording recording;
    recording.add(event, "/bin/start");
    const auto& fact = recording.facts().begin()->first;
    EXPECT_EQ(fact.event.denied, "x");
    EXPECT_EQ(fact.event.target, "");
}

TEST(Recording, TakesNoWordOfPolicyItself) {
    auto event = file_event("web");
    event.type = EventType::status;
    Recording recording;
    recording.add(event, "");
    EXPECT_TRUE(recording.facts().empty());
}

TEST(Recording, OnlyTheNumbersOfProcessesAreLeftOut) {
    for (const auto& [name, kept] : std::vector<std::pair<const char*, const char*>>{{"/proc/12/stat", "/proc/1/stat"},
                                                                                     {"/proc/12", "/proc/1"},
                                                                                     {"/proc/self/fd/7", "/proc/self/fd/7"},
                                                                                     {"/proc/12/fd/77", "/proc/1/fd/77"},
                                                                                     {"/proc/1a/stat", "/proc/1a/stat"},
                                                                                     {"/proc/self/task/8/comm", "/proc/self/task/1/comm"},
                                                                                     {"/a/proc/12/", "/a/proc/12/"},
                                                                                     {"/proc/", "/proc/"},
                                                                                     {"/proc", "/proc"}}) {
        EXPECT_EQ(without_processes(name), kept);
    }
}

class RealRecords : public ::testing::TestWithParam<const char*> {};

TEST_P(RealRecords, GiveTheSameBytesInAnyOrderAndAfterReading) {
    auto events = events_of(GetParam());
    ASSERT_GT(events.size(), 30U);
    const auto written = write_recording(recording_of(events));
    const auto read = read_recording(written);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(write_recording(*read), written);
    std::shuffle(events.begin(), events.end(), std::mt19937(7));
    EXPECT_EQ(write_recording(recording_of(events)), written);
}

TEST_P(RealRecords, OfThreeHostsMergedAreThoseOfOneThatSawAll) {
    const auto events = events_of(GetParam());
    std::vector<Recording> hosts(3);
    for (std::size_t at = 0; at < events.size(); ++at) hosts[at % 3].add(events[at], "/bin/deed");
    RecordingLosses losses;
    losses.backlog = 2;
    hosts[1].add(losses);
    hosts[2].add_start("/bin/deed");
    hosts[0].add_exec("/bin/sh");
    auto whole = recording_of(events);
    whole.add(losses);
    whole.add_start("/bin/deed");
    whole.add_exec("/bin/sh");
    Recording merged;
    for (const std::size_t host : {2U, 0U, 1U}) merged.merge(hosts[host]);
    EXPECT_EQ(write_recording(merged), write_recording(whole));
}
INSTANTIATE_TEST_SUITE_P(Kernels, RealRecords, ::testing::Values("6.1", "6.12", "7.2"));

TEST(Recording, HoldsAnyBytesOfAName) {
    std::string name = "/";
    for (int byte = 1; byte < 256; ++byte) name += static_cast<char>(byte);
    Recording recording;
    recording.add(file_event(name), name);
    recording.add_exec(name);
    recording.add_start("\xff\xfe");
    const auto written = write_recording(recording);
    EXPECT_EQ(std::count(written.begin(), written.end(), '\n'), 4);
    EXPECT_TRUE(std::all_of(written.begin(), written.end(), [](char c) { return c == '\n' || (c >= 0x20 && c < 0x7F) || c == 0x7F; }));
    const auto read = read_recording(written);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->facts().begin()->first.event.name, name);
    EXPECT_EQ(read->execs().begin()->first, name);
}

TEST(Recording, HasRoomForSoMuchAndCountsTheRest) {
    Recording recording;
    auto event = file_event("/a");
    for (std::size_t at = 0; at < Recording::kMostFacts + 3; ++at) {
        event.name = "/a" + decimal(static_cast<long long>(at));
        recording.add(event, "");
    }
    for (std::size_t at = 0; at < Recording::kMostPrograms + 2; ++at) recording.add_exec(decimal(static_cast<long long>(at)));
    recording.add(file_event("/" + std::string(Recording::kMostText, 'a')), "");
    EXPECT_EQ(recording.facts().size(), Recording::kMostFacts);
    EXPECT_EQ(recording.execs().size(), Recording::kMostPrograms);
    EXPECT_EQ(recording.losses().unrecorded, 3U + 2U + 1U);
    recording.add(file_event("/a1"), "");
    EXPECT_EQ(recording.losses().unrecorded, 6U);
}

// However it was filled, it can be read again.
TEST(Recording, IsNeverLargerThanWhatIsRead) {
    static_assert(6 * Recording::kMostTexts + 1024 * (Recording::kMostFacts + 2 * Recording::kMostPrograms) <= kMostRecordingBytes);
    Recording recording;
    const auto long_name = std::string(Recording::kMostText - 20, 'a');
    for (int at = 0; at < 1100; ++at) recording.add(file_event(concat({"/", decimal(at), long_name})), "");
    EXPECT_GT(recording.losses().unrecorded, 0U);
    const auto written = write_recording(recording);
    EXPECT_GT(written.size(), Recording::kMostTexts - Recording::kMostText);
    EXPECT_TRUE(read_recording(written));
}

TEST(Recording, NothingElseIsReadAsOne) {
    const auto good = write_recording(recording_of(events_of("6.12")));
    const auto header = good.substr(0, good.find('\n') + 1);
    EXPECT_EQ(error_of(""), "line 1 is not how a recording of this version begins: take a recording as aa-shimctl learn wrote it");
    EXPECT_THAT(error_of("[]\n"), HasSubstr("line 1 "));
    for (const char* begin : {R"({"aa-shim-recording":2)", R"({"aa-shim-recording":2,"mayGain":0)", R"({"aa-shim-recording":1,"mayGain":1)",
                              R"({"aa-shim-recording":3,"mayGain":1)"})
        EXPECT_THAT(error_of(begin + header.substr(22)), HasSubstr("line 1 ")) << begin;
    EXPECT_THAT(error_of(header), HasSubstr("line 1 is not where it ends: it was cut off"));
    const auto one = [](const std::string& line, const char* count = "1") {
        return concat({R"({"aa-shim-recording":1,"backlog":0,"overruns":0,"suppressed":0,"unattributed":0,"unrecorded":0,"lines":)", count,
                       "}\n", line});
    };
    const std::string fact = R"({"fact":"ALLOWED","operation":"open","name":"/a","denied":"r","owned":true,"count":1})";
    EXPECT_EQ(error_of(one(fact + "\n")), "");
    for (const auto& line :
         {std::string("x"), std::string("[1]"), std::string(R"({"start":"/a"})"), std::string(R"({"start":1,"count":1})"),
          std::string(R"({"start":"/a","count":-1})"), std::string(R"({"start":"/a","count":0})"),
          std::string(R"({"start":"/a","count":1.5})"), std::string(R"({"exec":"\u0100","count":1})"),
          std::string(R"({"fact":"STATUS","count":1})"), std::string(R"({"fact":"ALLOWED","name":7,"count":1})"),
          std::string(R"({"fact":"ALLOWED","owned":"yes","count":1})"), std::string(3000, '[')}) {
        EXPECT_EQ(error_of(one(line + "\n")), "line 2 is nothing that a recording has: take a recording as aa-shimctl learn wrote it")
            << line;
    }
    for (const auto& bytes : {one(fact), one(fact + "\n", "2")}) EXPECT_THAT(error_of(bytes), HasSubstr("cut off"));
    EXPECT_THAT(error_of(one(fact + "\n" + fact + "\n")), HasSubstr("line 3 is nothing"));
    const std::string other = R"({"start":"/a","count":1})";
    for (const auto& bytes : {one(fact + "\n" + fact + "\n", "2"), one(fact + "\n" + other + "\n", "2"), one(" " + fact + "\n"),
                              one(R"({"start":"/a","start":"/b","count":1})"
                                  "\n"),
                              one(R"({"start":"/a","count":1,"more":2})"
                                  "\n"),
                              one(R"({"fact":"ALLOWED","told":"x","count":1})"
                                  "\n")})
        EXPECT_THAT(error_of(bytes), HasSubstr("is not in the words or the order of a recording"));
}

// Whatever is cut off is noticed, and no byte can be changed into something that is read otherwise than it stands there.
TEST(Recording, ADamagedOneIsRefusedOrReadAsItStands) {
    const auto good = write_recording(recording_of(events_of("7.2")));
    for (std::size_t size = 0; size < good.size(); size += 97) EXPECT_NE(error_of(std::string_view(good).substr(0, size)), "") << size;
    std::mt19937 random(3);
    for (int round = 0; round < 300; ++round) {
        auto bytes = good;
        bytes[random() % bytes.size()] = static_cast<char>(random());
        const auto read = read_recording(bytes);
        EXPECT_TRUE(!read || write_recording(*read) == bytes);
    }
}

}  // namespace
}  // namespace aa::apparmor
