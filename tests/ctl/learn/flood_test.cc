// SPDX-License-Identifier: Apache-2.0
//
// A hundred thousand records of fifty containers at once, as the kernel writes them, with the names that whoever would be more than a name
// chooses: each is in the recording, or counted.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <map>
#include <numeric>
#include <string>
#include <vector>

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

// What CONTAINER did with the name of its step NAMED, without when. It is what most of the time goes into, and so made once.
const std::string& deed(int container, int named) {
    static std::array<std::map<int, std::string>, kContainers> made;
    auto& text = made[static_cast<std::size_t>(container)][named];
    if (!text.empty()) return text;
    const auto hostile = kHostile[static_cast<std::size_t>(named) % kHostile.size()];
    const auto name = concat({"/srv/c", number(container), "/", number(named / 10), hostile});
    text = concat({"): apparmor=\"ALLOWED\" operation=\"open\" class=\"file\" profile=\"aa-shim-learning-web\" name=", untrusted(name),
                   " pid=", number(1000 + container), " comm=", untrusted(concat({"c", number(container), hostile}).substr(0, 15)),
                   " requested_mask=\"r\" denied_mask=\"r\" fsuid=0 ouid=1000"});
    return text;
}

// The record of what CONTAINER did at its step AT, with the name of its step NAMED.
std::string record(int container, int at, int named) {
    return concat({"audit(1796017648.304:", number(container * kEach + at), deed(container, named)});
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

    // How many records of each container are in the recording.
    std::vector<std::uint64_t> recorded() const {
        constexpr std::string_view kFolder = "/srv/c";
        std::vector<std::uint64_t> counts(kContainers);
        for (const auto& [fact, count] : recorder_.recording().facts()) {
            const auto& name = fact.event.name;
            EXPECT_TRUE(name.starts_with(kFolder)) << name;
            counts.at(std::stoul(name.substr(kFolder.size()))) += count;
        }
        return counts;
    }
    std::uint64_t recorded_in_all() const {
        const auto counts = recorded();
        return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
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
    EXPECT_EQ(recorded(), std::vector<std::uint64_t>(kContainers, kEach));
}

TEST_F(Flood, WhatHasNoRoomIsCounted) {
    // More names than have room; those that have are met again once it is full.
    take_all([](int container, int at) { return record(container, at, at % 1200); });
    EXPECT_EQ(read_.records, 100'000U);
    const auto sum = recorded_in_all();
    EXPECT_GT(sum, apparmor::Recording::kMostFacts);
    EXPECT_EQ(recorder_.recording().facts().size(), apparmor::Recording::kMostFacts);
    EXPECT_EQ(sum + recorder_.recording().losses().unrecorded, 100'000U);
    const auto text = write_recording(recorder_.recording());
    EXPECT_TRUE(std::all_of(text.begin(), text.end(), [](char c) { return c == '\n' || (c >= 0x20 && c < 0x7F); }));
    const auto again = apparmor::read_recording(text);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(write_recording(*again), text);
#ifndef __SANITIZE_ADDRESS__  // which keeps what is freed
    EXPECT_LT(memory(), 300LL << 10U);
#endif
    RecordProperty("memory", number(static_cast<int>(memory())));
}

TEST_F(Flood, WhatIsCutIsCountedToo) {
    take_all([](int container, int at) {
        auto text = record(container, at, at % 200);
        return at % 4 == 0 ? text.substr(0, text.size() - 40) : text;
    });
    EXPECT_GT(read_.damaged, 0U);
    EXPECT_EQ(recorded_in_all() + read_.damaged, 100'000U);
}

}  // namespace
}  // namespace aa::ctl
