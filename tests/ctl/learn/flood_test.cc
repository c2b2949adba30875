// SPDX-License-Identifier: Apache-2.0
//
// A hundred thousand records of fifty containers at once, as the kernel writes them, with the names that whoever would be more than a name
// chooses: each is in the recording, or counted.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <string>

#include "apparmor/learn/recording.h"
#include "base/text.h"
#include "ctl/denials/intake.h"
#include "ctl/learn/recorder.h"

namespace aa::ctl {
namespace {

constexpr int kContainers = 50;
constexpr int kEach = 2000;

constexpr std::array<std::string_view, 10> kHostile = {
    "\n  /** rwx,\n", "\"",         "\x1b[2J\x1b]0;x\x07", "@{HOME}",     "**",
    "\xff\xfe",       " # quiet\n", "{a,b}[^/]",           "include <x>", "\" capname=\"sys_admin"};

// As audit_log_untrustedstring() writes TEXT.
std::string untrusted(std::string_view text) {
    const bool is_plain = std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7F && c != '"'; });
    if (is_plain) return concat({"\"", text, "\""});
    std::string digits;
    for (const char c : text) {
        constexpr std::string_view kDigits = "0123456789ABCDEF";
        digits += kDigits[static_cast<unsigned char>(c) >> 4U];
        digits += kDigits[static_cast<unsigned char>(c) & 15U];
    }
    return digits;
}

std::string number(int value) { return decimal(value); }

// The record of what CONTAINER did at its step AT, with the name of its step NAMED.
std::string record(int container, int at, int named) {
    const auto hostile = kHostile[static_cast<std::size_t>(named) % kHostile.size()];
    const auto name = concat({"/srv/c", number(container), "/", number(named / 10), hostile});
    return concat({"audit(1796017648.304:", number(container * kEach + at),
                   "): apparmor=\"ALLOWED\" operation=\"open\" class=\"file\" profile=\"aa-shim-learning-web\" name=", untrusted(name),
                   " pid=", number(1000 + container), " comm=", untrusted(concat({"c", number(container), hostile}).substr(0, 15)),
                   " requested_mask=\"r\" denied_mask=\"r\" fsuid=0 ouid=1000"});
}

long long memory() {
    struct rusage used {};
    (void)::getrusage(RUSAGE_SELF, &used);
    return used.ru_maxrss;  // KiB
}

class Flood : public testing::Test {
protected:
    // Takes what EACH makes of a container and a step.
    template <class Each>
    void take_all(Each each) {
        const TakeEvent take = [this](const apparmor::Event& event) {
            recorder_.take(event, 1);
            return true;
        };
        Intake intake(read_, take);
        for (int at = 0; at < kEach; ++at) {
            for (int container = 0; container < kContainers; ++container)
                ASSERT_TRUE(intake.take(apparmor::read_audit_message(apparmor::kAvcRecord, each(container, at))));
        }
    }

    // How many records of CONTAINER are in the recording.
    std::uint64_t recorded(int container) const {
        const auto folder = concat({"/srv/c", number(container), "/"});
        std::uint64_t sum = 0;
        for (const auto& [fact, count] : recorder_.recording().facts()) sum += fact.event.name.starts_with(folder) ? count : 0;
        return sum;
    }

    apparmor::Kernel kernel_{"/nowhere", "/nowhere", "/nowhere"};
    LogRead read_;
    Recorder recorder_{kernel_, "web", "aa-shim-learning-web", read_, {}, {}};
};

TEST_F(Flood, EachIsItsContainersWhateverItIsCalled) {
    // Two hundred names each, so that all have room.
    take_all([](int container, int at) { return record(container, at, at % 200); });
    EXPECT_EQ(read_.records, 100'000U);
    EXPECT_EQ(read_.damaged, 0U);
    for (int container = 0; container < kContainers; ++container) EXPECT_EQ(recorded(container), 2000U) << container;
}

TEST_F(Flood, WhatHasNoRoomIsCounted) {
    take_all([](int container, int at) { return record(container, at, at); });
    EXPECT_EQ(read_.records, 100'000U);
    std::uint64_t sum = 0;
    for (int container = 0; container < kContainers; ++container) sum += recorded(container);
    EXPECT_EQ(recorder_.recording().facts().size(), apparmor::Recording::kMostFacts);
    EXPECT_EQ(sum + recorder_.recording().losses().unrecorded, 100'000U);
    const auto text = write_recording(recorder_.recording());
    EXPECT_TRUE(std::all_of(text.begin(), text.end(), [](char c) { return c == '\n' || (c >= 0x20 && c < 0x7F); }));
    const auto again = apparmor::read_recording(text);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(write_recording(*again), text);
    EXPECT_LT(memory(), 300LL << 10U);
    RecordProperty("memory", number(static_cast<int>(memory())));
}

TEST_F(Flood, WhatIsCutIsCountedToo) {
    take_all([](int container, int at) {
        auto text = record(container, at, at % 200);
        return at % 4 == 0 ? text.substr(0, text.size() - 40) : text;
    });
    EXPECT_GT(read_.damaged, 0U);
    std::uint64_t sum = 0;
    for (int container = 0; container < kContainers; ++container) sum += recorded(container);
    EXPECT_EQ(sum + read_.damaged, 100'000U);
}

}  // namespace
}  // namespace aa::ctl
