// SPDX-License-Identifier: Apache-2.0
#include "ctl/denials/groups.h"

#include <gtest/gtest.h>

#include <string>

namespace aa::ctl {
namespace {

using apparmor::Event;

Event event(std::string name, long long seconds = 10) {
    Event result;
    result.operation = "open";
    result.label = "web";
    result.name = std::move(name);
    result.denied = "r";
    result.user = 0;
    result.owner = 1;
    result.seconds = seconds;
    return result;
}

TEST(DenialGroups, HaveOneOfAKind) {
    Groups groups;
    EXPECT_TRUE(groups.add(event("/a", 20), {}).is_new);
    EXPECT_FALSE(groups.add(event("/a", 10), {}).is_new);
    EXPECT_FALSE(groups.add(event("/a", 30), {}).is_new);
    ASSERT_EQ(groups.all().size(), 1U);
    const auto& group = groups.all().front();
    EXPECT_EQ(group.count, 3U);
    EXPECT_EQ(group.from, 10);
    EXPECT_EQ(group.to, 30);
    EXPECT_EQ(group.remedy.rule, "/a r");
}

TEST(DenialGroups, KeepApartWhatDiffers) {
    Groups groups;
    groups.add(event("/a"), {});
    Who other;
    other.container = "c1";
    EXPECT_TRUE(groups.add(event("/a"), other).is_new);
    auto label = event("/a");
    label.label = "db";
    EXPECT_TRUE(groups.add(label, {}).is_new);
    auto killed = event("/a");
    killed.type = apparmor::EventType::killed;
    EXPECT_TRUE(groups.add(killed, {}).is_new);
    auto told = event("/a");
    told.teller = apparmor::Teller::process;
    EXPECT_TRUE(groups.add(told, {}).is_new);
    EXPECT_TRUE(groups.add(event("/b"), {}).is_new);
}

TEST(DenialGroups, AreBounded) {
    Groups groups;
    for (std::size_t i = 0; i < Groups::kMost + 7; ++i) groups.add(event("/" + std::to_string(i)), {});
    EXPECT_EQ(groups.all().size(), Groups::kMost);
    EXPECT_EQ(groups.left_out(), 7U);
    EXPECT_EQ(groups.add(event("/new"), {}).group, nullptr);
    EXPECT_NE(groups.add(event("/1"), {}).group, nullptr);  // there is room for more of what is known
}

TEST(DenialGroups, SayWhatWasTried) {
    EXPECT_EQ(what_was_tried(event("/a")), "open r /a");
    Event mount;
    mount.operation = "mount";
    mount.source = "tmpfs";
    mount.name = "/mnt/";
    EXPECT_EQ(what_was_tried(mount), "mount tmpfs on /mnt/");
    Event signal;
    signal.operation = "signal";
    signal.denied = "send";
    signal.signal = "term";
    signal.peer = "db";
    EXPECT_EQ(what_was_tried(signal), "signal send term of db");
}

}  // namespace
}  // namespace aa::ctl
