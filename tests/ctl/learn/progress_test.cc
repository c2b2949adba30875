// SPDX-License-Identifier: Apache-2.0
#include "ctl/learn/progress.h"

#include <gtest/gtest.h>

#include <numeric>
#include <string>

namespace aa::ctl {
namespace {

constexpr long long kNow = 1'000'000'020;
constexpr long long kMinute = 60;

std::uint64_t total(const Progress& progress) { return std::accumulate(progress.lately.begin(), progress.lately.end(), std::uint64_t{0}); }

TEST(LearnProgress, CountsWhatIsNewByTheMinute) {
    Progress progress;
    progress.note_new(3, kNow);
    progress.note_new(2, kNow + kMinute);
    EXPECT_EQ(progress.lately.size(), Progress::kMinutes);
    EXPECT_EQ(progress.lately.back(), 2U);
    EXPECT_EQ(progress.lately[Progress::kMinutes - 2], 3U);
    progress.move_to(kNow + 9 * kMinute);
    EXPECT_EQ(total(progress), 5U);
    progress.move_to(kNow + 10 * kMinute);
    EXPECT_EQ(total(progress), 2U);
    progress.move_to(kNow + 1000 * kMinute);
    EXPECT_EQ(total(progress), 0U);
}

TEST(LearnProgress, AClockThatIsSetBackLosesTheMinutesAlone) {
    Progress progress;
    progress.note_new(3, kNow);
    progress.move_to(kNow - 6000);
    EXPECT_EQ(total(progress), 0U);
    EXPECT_EQ(progress.last_new, kNow);
}

TEST(LearnProgress, TellsHowLongNothingWasNew) {
    Progress progress;
    EXPECT_EQ(how_quiet(progress, kNow), "nothing was seen yet");
    progress.events = 10;
    progress.starts = 1;
    progress.note_new(1, kNow);
    progress.events = 250;
    progress.starts = 4;
    EXPECT_EQ(how_quiet(progress, kNow + 12 * kMinute + 5), "nothing new for 12 minutes, over 3 starts and 240 events");
    progress.events = 11;
    progress.starts = 2;
    EXPECT_EQ(how_quiet(progress, kNow + kMinute), "nothing new for 1 minute, over 1 start and 1 event");
    EXPECT_EQ(how_quiet(progress, kNow - 60), "nothing new for 0 minutes, over 1 start and 1 event");
}

TEST(LearnProgress, IsReadAsItWasWritten) {
    Progress progress;
    progress.began = kNow;
    progress.events = 77;
    for (int i = 0; i < 2; ++i) {
        const auto read = read_progress(to_text(progress));
        ASSERT_TRUE(read.has_value());
        EXPECT_EQ(*read, progress);
        progress.note_new(5, kNow);
    }
}

TEST(LearnProgress, WhatIsDamagedIsAnError) {
    const auto whole = to_text(Progress());
    for (std::size_t size = 0; size + 2 < whole.size(); ++size) EXPECT_FALSE(read_progress(whole.substr(0, size))) << size;
    auto wrong = whole;
    wrong.replace(wrong.find("\"events\":0"), 10, "\"events\":-1");
    EXPECT_FALSE(read_progress(wrong));
    EXPECT_FALSE(read_progress("[]"));
    wrong = whole;
    wrong.replace(wrong.find("[]"), 2, "[1]");
    EXPECT_FALSE(read_progress(wrong));
}

apparmor::Event event(const std::string& operation) {
    apparmor::Event event;
    event.type = apparmor::EventType::allowed;
    event.label = "twin";
    event.operation = operation;
    return event;
}

apparmor::Event signal(const std::string& name, const std::string& mask) {
    auto one = event("signal");
    one.signal = name;
    one.requested = one.denied = mask;
    return one;
}

Exercise::Seen seen(const apparmor::Recording& recording, const std::string& name) {
    for (const auto& one : exercises(recording)) {
        if (one.name == name) return one.seen;
    }
    ADD_FAILURE() << name;
    return Exercise::Seen::unknown;
}

TEST(LearnExercises, AreSeenByWhatTheyLeave) {
    apparmor::Recording recording;
    for (const auto* name : {"stop", "reload", "log rotation", "exec", "health check"})
        EXPECT_EQ(seen(recording, name), Exercise::Seen::no) << name;
    for (const auto* name : {"backup", "upgrade"}) EXPECT_EQ(seen(recording, name), Exercise::Seen::unknown) << name;
    recording.add(signal("hup", "send"), "/bin/a");
    EXPECT_EQ(seen(recording, "reload"), Exercise::Seen::no) << "sent, not received";
    recording.add(signal("hup", "receive"), "/bin/a");
    EXPECT_EQ(seen(recording, "reload"), Exercise::Seen::yes);
    EXPECT_EQ(seen(recording, "stop"), Exercise::Seen::no);
    recording.add(signal("quit", "receive"), "/bin/a");
    EXPECT_EQ(seen(recording, "stop"), Exercise::Seen::yes);
    auto rename = event("rename_src");
    rename.name = "/var/log/a.log";
    recording.add(rename, "/bin/a");
    EXPECT_EQ(seen(recording, "log rotation"), Exercise::Seen::yes);
    recording.add_exec("/bin/true");
    recording.add_exec("/bin/false");
    recording.add_exec("/bin/cat");
    EXPECT_EQ(seen(recording, "exec"), Exercise::Seen::yes);
    EXPECT_EQ(seen(recording, "health check"), Exercise::Seen::no);
    recording.add_exec("/bin/true");
    recording.add_exec("/bin/true");
    EXPECT_EQ(seen(recording, "health check"), Exercise::Seen::yes);
}

TEST(LearnCoverage, IsByProgram) {
    apparmor::Recording recording;
    auto open = event("open");
    open.name = "/etc/a";
    open.requested = open.denied = "r";
    recording.add(open, "/bin/a");
    recording.add(open, "/bin/a");
    open.name = "/etc/b";
    recording.add(open, "/bin/a");
    recording.add_start("/bin/a");
    recording.add_exec("/bin/b");
    const auto all = coverage(recording);
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0].program, "/bin/a");
    EXPECT_EQ(all[0].facts, 2U);
    EXPECT_EQ(all[0].events, 3U);
    EXPECT_EQ(all[0].starts, 1U);
    EXPECT_EQ(all[1].program, "/bin/b");
    EXPECT_EQ(all[1].execs, 1U);
}

}  // namespace
}  // namespace aa::ctl
