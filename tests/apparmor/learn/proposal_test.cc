// SPDX-License-Identifier: Apache-2.0
//
// Proposals for applications as they are: small, proved, the same for the same observations; and what is hostile stays a name. The real
// apparmor_parser compiles them.
#include "apparmor/learn/proposal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <ostream>
#include <set>

#include "apparmor/algebra/inclusion.h"
#include "apparmor/policy/transition.h"
#include "apparmor/source/profile_rules.h"
#include "apparmor/source/profile_words.h"
#include "base/text.h"
#include "proposals.h"

namespace aa::apparmor {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

struct Application {
    const char* name;
    const char* written_by_hand;  // in share/, for the same
};

void PrintTo(const Application& application, std::ostream* out) { *out << application.name; }

class Applications : public Proposals, public ::testing::WithParamInterface<Application> {};

// A change of the file golden/NAME shows what a change of the code means.
TEST_P(Applications, GetTheProfileThatIsExpected) {
    const auto recording = observed(GetParam().name);
    const auto proposal = proposed(recording);
    EXPECT_EQ(proposal.text, read(concat({AA_GOLDEN, "/", GetParam().name})));
    EXPECT_THAT(proposal.apart, IsEmpty());
}

TEST_P(Applications, NeedHardlyMoreRulesThanAPersonWrites) {
    const auto recording = observed(GetParam().name);
    const auto by_hand = rules_of(read(concat({AA_SHARE, "/apparmor.d/", GetParam().written_by_hand})));
    ASSERT_GT(by_hand, 20U);
    EXPECT_LE(2 * rules_of(proposed(recording).text), 3 * by_hand);
}

TEST_P(Applications, OfThreeNodesAreThoseOfOne) {
    const auto whole = observed(GetParam().name);
    Recording merged;
    for (const std::size_t node : {2U, 0U, 1U}) merged.merge(observed(GetParam().name, [&](std::size_t row) { return row % 3 == node; }));
    EXPECT_EQ(proposed(merged).text, proposed(whole).text);
}

// What half of the observations gives is in what all give, and the rest is all that is new afterwards.
TEST_P(Applications, OfAHalfLackWhatTheOtherHalfDid) {
    const auto whole = observed(GetParam().name);
    const auto half = observed(GetParam().name, [](std::size_t row) { return row % 2 == 0; });
    const auto first = proposed(half);
    const auto all = proposed(whole);
    auto smaller = compiled(first.text);
    auto larger = compiled(all.text);
    Budget budget;
    const auto found = inclusion({smaller.get(), kProfile}, {larger.get(), kProfile}, budget);
    ASSERT_TRUE(found);
    EXPECT_TRUE(found->included());
    const auto second = proposed(whole, first.text);
    EXPECT_THAT(second.text, HasSubstr(first.text.substr(0, first.text.size() - 2)));
    EXPECT_LT(second.rules.size(), all.rules.size());
    EXPECT_FALSE(second.rules.empty());
    const auto third = proposed(whole, second.text);
    EXPECT_EQ(third.text, second.text);
    EXPECT_TRUE(third.rules.empty());
}
INSTANTIATE_TEST_SUITE_P(OfImages, Applications,
                         ::testing::Values(Application{"nginx", "aa-shim-web"}, Application{"postgresql", "aa-shim-database"},
                                           Application{"flask", "aa-shim-web"}));

TEST_F(Proposals, OfNothingHaveWhatEveryContainerNeeds) {
    const Recording nothing;
    const auto proposal = proposed(nothing);
    EXPECT_TRUE(proposal.rules.empty());
    EXPECT_THAT(proposal.text, HasSubstr("signal (receive) peer=unconfined,"));
    EXPECT_TRUE(proposal.capabilities.empty());
}

TEST_F(Proposals, TheCeilingIsWhatWasUsed) {
    ceiling_ = *CapabilitySet::from_names("CHOWN,KILL");
    Recording recording;
    for (const char* name : {"chown", "setuid"}) recording.add(observed_event("capable", "-", "-", name), "/bin/x");
    const auto proposal = proposed(recording);
    EXPECT_EQ(proposal.capabilities.names(), "CHOWN");
    ASSERT_EQ(proposal.apart.size(), 1U);
    EXPECT_EQ(proposal.apart[0].why, "it is beyond the ceiling of the confinement");
    EXPECT_THAT(proposal.text, AllOf(HasSubstr("capability chown,"), Not(HasSubstr("capability setuid"))));
}

TEST_F(Proposals, WhatNoContainerShouldNeedStandsApart) {
    Recording recording;
    recording.add(observed_event("capable", "-", "-", "sys_admin"), "/bin/x");
    recording.add(observed_event("ptrace", "trace", "-", "unconfined"), "/bin/x");
    recording.add(observed_event("open", "wc", "own", "/proc/sysrq-trigger"), "/bin/x");
    recording.add(observed_event("open", "r", "own", "/proc/keys"), "/bin/x");
    recording.add(observed_event("exec", "x", "own", "/tmp/x"), "/bin/x");
    auto mount = observed_event("mount", "", "", "");
    mount.user.reset();
    mount.owner.reset();
    mount.name = "/mnt/";
    mount.file_system = "tmpfs";
    mount.source = "tmpfs";
    mount.flags = "rw";
    recording.add(mount, "/bin/x");
    EXPECT_THAT(
        apart(recording),
        ::testing::UnorderedElementsAre(
            "capability sys_admin: high: mounts, namespaces and much else: near to root of the host",
            "ptrace (trace) peer=unconfined: never: changes processes that are not of this profile",
            "owner /proc/sysrq-trigger w: never: stops or restarts the host",
            "owner /proc/keys r: high: keyrings, which are of no namespace", "owner /tmp/x ix: high: runs what anybody may have written",
            "mount fstype=tmpfs options=(rw) tmpfs -> /mnt/: high: what is mounted is read by other names, which rules do not know"));
    EXPECT_THAT(proposed(recording).rules, IsEmpty());
}

// What the profile allows already is nobody's news, whatever is risked by it.
TEST_F(Proposals, WhatIsAllowedDoesNotStandApart) {
    Recording recording;
    recording.add(observed_event("open", "wr", "own", "/dev/console"), "/bin/x");
    recording.add(observed_event("open", "r", "own", "/etc/shadow"), "/bin/x");
    EXPECT_THAT(apart(recording), ElementsAre("owner /etc/shadow r: high: passwords"));
    auto existing = proposed(recording).text;
    existing.replace(existing.rfind('}'), 1, "  /etc/shadow r,\n}");
    const auto proposal = proposed(recording, existing);
    EXPECT_THAT(proposal.apart, IsEmpty());
    EXPECT_EQ(proposal.text, existing);
}

TEST_F(Proposals, WhatWasDeniedOrToldByAProcessStandsApart) {
    Recording recording;
    auto event = observed_event("open", "r", "own", "/srv/a");
    event.type = EventType::denied;
    recording.add(event, "/bin/x");
    event = observed_event("open", "r", "own", "/srv/b");
    event.teller = Teller::process;
    recording.add(event, "/bin/x");
    EXPECT_THAT(apart(recording), ElementsAre("owner /srv/a r: it was denied; low: read, of the container or of what is mounted in it",
                                              "owner /srv/b r: a process told it, not the kernel"));
}

TEST_F(Proposals, NothingIsBeyondTheBound) {
    bound_ = compiled(
        "abi <abi/3.0>,\ninclude <tunables/global>\nprofile bound flags=(attach_disconnected,mediate_deleted) {\n"
        "  signal,\n  ptrace,\n  /{,usr/}lib{,32,64}/** mr,\n  /etc/** r,\n  /{dev/,}pts/* rw,\n  /dev/* rw,\n  /proc/** r,\n"
        "  /srv/data/ r,\n  /srv/data/{a,b,c,d} rw,\n}\n");
    bound_label_ = "bound";
    Recording recording;
    for (const char* name : {"a", "b", "c", "e"})
        recording.add(observed_event("open", "wc", "other", concat({"/srv/data/", name})), "/bin/x");
    const auto proposal = proposed(recording);
    // The folder as a whole would be beyond it.
    std::vector<std::string> rules;
    for (const auto& rule : proposal.rules) rules.push_back(rule.text);
    EXPECT_THAT(rules, ElementsAre("/srv/data/a w", "/srv/data/b w", "/srv/data/c w"));
    ASSERT_EQ(proposal.apart.size(), 1U);
    EXPECT_EQ(proposal.apart[0].rule + ": " + proposal.apart[0].why, "/srv/data/e w: it is beyond 'bound'");
}

TEST_F(Proposals, AreNotMadeIfTheyCannotBeProved) {
    bound_ = compiled("abi <abi/3.0>,\nprofile bound { /srv/a r, }\n");
    bound_label_ = "bound";
    const Recording nothing;
    const auto proposal = propose(nothing);
    ASSERT_FALSE(proposal);
    EXPECT_THAT(proposal.error().message,
                HasSubstr("nothing is proposed, as it is not proved of profile 'aa-shim-learned-x' that it allows "
                          "nothing beyond 'bound': "));
}

TEST_F(Proposals, KeepWhatThePersonWroteWhoHasTheProfile) {
    Recording recording;
    recording.add(observed_event("open", "r", "other", "/srv/a"), "/bin/x");
    recording.add(observed_event("open", "r", "other", "/srv/b"), "/bin/x");
    const std::string existing = "abi <abi/3.0>,\nprofile other { /x r, }\nprofile aa-shim-learned-x { # mine }\n  /srv/a r, }\n# end\n";
    EXPECT_EQ(proposed(recording, existing).text,
              "abi <abi/3.0>,\nprofile other { /x r, }\nprofile aa-shim-learned-x { # mine }\n  /srv/a r, \n"
              "\n  # Data that is read.\n  /srv/b r,  # 1 time, by /bin/x\n}\n# end\n");
}

// Whatever a name holds, it is a name: nothing else is allowed, and nothing of it is in the text as it stands.
TEST_F(Proposals, OfHostileNamesAllowThese) {
    const std::vector<std::string> names = {"/srv/a\n  /** rwk,",
                                            "/srv/b\", /** rw, #",
                                            "/srv/c}\n}\nprofile evil { file, }",
                                            "/srv/@{HOME}/x",
                                            "/srv/@{pid}",
                                            "/srv/**",
                                            "/srv/{a,/etc/shadow}",
                                            "/srv/[a-z]?",
                                            "/srv/\033]0;x\007\033[2J",
                                            "/srv/x\\",
                                            "/srv/\xff\xfe",
                                            "/srv/a b ix",
                                            "/srv/# aa-shim: ignore AA401 because x",
                                            "/srv/$(id)"};
    Recording recording;
    for (const auto& name : names) recording.add(observed_event("open", "wr", "other", name), name);
    // One alone in each of its folders, so that none is told as a whole.
    for (std::size_t at = 0; at < names.size(); ++at)
        recording.add(
            observed_event("open", "r", "other", concat({"/run/secrets/", std::string(1, static_cast<char>('a' + at)), names[at]})),
            "/bin/x");
    const auto proposal = proposed(recording);
    EXPECT_TRUE(std::ranges::all_of(proposal.text, [](char c) { return c == '\n' || (c >= 0x20 && c < 0x7F); }));
    EXPECT_THAT(proposal.text,
                AllOf(Not(HasSubstr("evil { file")), Not(HasSubstr("# aa-shim: ignore")), HasSubstr("by one with an odd name")));
    auto policy = compiled(proposal.text);
    ASSERT_EQ((*policy->all()).size(), 1U);
    const auto reads = [&](const std::string& path) {
        return (file_permissions(*policy, kProfile, path, false)->allow & permission::kRead) != 0;
    };
    for (std::size_t at = 0; at < names.size(); ++at)
        EXPECT_TRUE(reads(concat({"/run/secrets/", std::string(1, static_cast<char>('a' + at)), names[at]}))) << names[at];
    for (const char* other : {"/etc/shadow", "/run/secrets/d/srv/root/x", "/run/secrets/e/srv/12", "/run/secrets/f/srv/a",
                              "/run/secrets/g/srv/a", "/run/secrets/h/srv/ab", "/run/secrets/a/srv/a", "/root/x"})
        EXPECT_FALSE(reads(other)) << other;
}

TEST_F(Proposals, OfTheSameFactsAreTheSameBytes) {
    const auto recording = observed("nginx");
    const auto again = read_recording(write_recording(recording));
    ASSERT_TRUE(again);
    EXPECT_EQ(proposed(*again).text, proposed(recording).text);
}

// All that tests/vm does to a kernel, as if it had been allowed: rules for what can be had, and the rest apart with a reason.
TEST_F(Proposals, OfRealRecordsAreProved) {
    for (const char* release : {"6.1", "6.12", "7.2"}) {
        std::ifstream file(std::string(AA_RECORDS) + "/" + release);
        Recording recording;
        for (std::string line; std::getline(file, line);) {
            const auto read_line = read_log_line(line);
            auto event = std::get<Event>(read_line);
            event.type = EventType::allowed;
            recording.add(event, "/bin/deed");
        }
        ASSERT_GT(recording.facts().size(), 30U);
        const auto proposal = proposed(recording);
        EXPECT_GT(proposal.rules.size(), 10U);
        std::set<std::string> rules;
        for (const auto& one : proposal.apart) {
            EXPECT_NE(one.why, "");
            rules.insert(one.rule);
        }
        EXPECT_THAT(rules, AllOf(Contains("capability sys_admin"), Contains("umount /tmp/deed/tmpfs/"),
                                 Contains("ptrace (trace) peer=unconfined")));
    }
}

TEST_F(Proposals, LinksAllowNoMoreThanTheirFiles) {
    Recording recording;
    for (const char* name : {"a", "b"}) {
        auto event = observed_event("link", "l", "own", concat({"/srv/", name}));
        event.target = concat({"/srv/old", name});
        recording.add(event, "/bin/x");
    }
    recording.add(observed_event("open", "r", "own", "/srv/olda"), "/bin/x");
    recording.add(observed_event("open", "r", "own", "/srv/oldb"), "/bin/x");
    recording.add(observed_event("open", "w", "own", "/srv/b"), "/bin/x");
    const auto proposal = proposed(recording);
    EXPECT_THAT(proposal.text, HasSubstr("  owner link subset /srv/a -> /srv/olda,  # 1 time, by /bin/x\n"));
    ASSERT_EQ(proposal.apart.size(), 1U);
    EXPECT_EQ(proposal.apart[0].rule + ": " + proposal.apart[0].why, "link /srv/b -> /srv/oldb: its file allows less than the link would");
}

TEST_F(Proposals, NeedAPlainName) {
    const Recording nothing;
    const auto proposal = apparmor::propose(nothing, {"x y", "x {", {}, {*bound_, bound_label_}, ceiling_, parser_, kFeatures, {}, false});
    ASSERT_FALSE(proposal);
    EXPECT_THAT(proposal.error().message, HasSubstr("no profile can be called 'x {'"));
}

TEST_F(Proposals, OfSocketsAndPeers) {
    Recording recording;
    auto event = observed_event("sendmsg", "unix", "stream", "-");
    event.denied = "send";
    event.address = "none";
    event.peer_address = "@00a1f";
    event.peer = event.label;
    recording.add(event, "/bin/x");
    event.denied = "receive";
    event.peer_address = "@00a20";
    recording.add(event, "/bin/x");
    event.denied = "connect";
    event.peer_address = "@bus";
    event.peer = "unconfined";
    recording.add(event, "/bin/x");
    recording.add(observed_event("signal", "receive", "hup", "other"), "/bin/x");
    recording.add(observed_event("ptrace", "read", "-", "self"), "/bin/x");
    std::vector<std::string> rules;
    for (const auto& rule : proposed(recording).rules) rules.push_back(rule.text);
    EXPECT_THAT(rules, AllOf(Contains("network unix stream"), Contains("unix (connect) type=stream peer=(label=unconfined)"),
                             Contains(R"(unix (receive, send) type=stream peer=(label="{**//&,}aa-shim-learned-x{,//**}"))")));
}

}  // namespace
}  // namespace aa::apparmor
