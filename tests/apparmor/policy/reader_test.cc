// SPDX-License-Identifier: Apache-2.0
#include "apparmor/policy/reader.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "apparmor/policy/reachable.h"
#include "apparmor/policy/transition.h"
#include "tests/apparmor/policy/fixture.h"
#include "tests/apparmor/policy/written_policy.h"

namespace aa::apparmor {
namespace {

const Profile& named(const std::vector<Profile>& profiles, std::string_view name) {
    static const Profile kNone;
    for (const auto& profile : profiles) {
        if (profile.name == name) return profile;
    }
    ADD_FAILURE() << name;
    return kNone;
}

TEST(PolicyReader, ReadsWhatEachCompilerWrites) {
    for (const char* compiler : kCompilers) {
        const auto profiles = policy_profiles(compiler, "exec");
        std::string names;
        for (const auto& profile : profiles) names += profile.name + " ";
        EXPECT_EQ(names, "a a///cx a//cap a//hat a//kid at b bare c free learn strict tofree ") << compiler;
        EXPECT_EQ(named(profiles, "a").capabilities.names(), "CHOWN") << compiler;
        EXPECT_EQ(named(profiles, "a").mode, Mode::enforce);
        EXPECT_EQ(named(profiles, "learn").mode, Mode::complain);
        EXPECT_EQ(named(profiles, "strict").mode, Mode::kill);
        EXPECT_EQ(named(profiles, "free").mode, Mode::unconfined);
        EXPECT_TRUE(named(profiles, "a//hat").hat);
        EXPECT_FALSE(named(profiles, "a//kid").hat);
        EXPECT_EQ(named(profiles, "a").path_flags, 0x20000U);
        EXPECT_FALSE(named(profiles, "a").attachment);
        EXPECT_TRUE(named(profiles, "at").attachment);
        const std::set<std::string> targets(named(profiles, "a").targets.begin(), named(profiles, "a").targets.end());
        for (const char* target : {"b", "gone", "a//kid", "&b", "&gone", "b//&c", "unconfined"})
            EXPECT_TRUE(targets.contains(target)) << target;
        EXPECT_EQ(named(profiles, "a").capability_start, kDeadState);
        EXPECT_TRUE(named(profiles, "bare").files.permissions(named(profiles, "bare").files.match(1, "/x"), true) == Permissions());
    }
}

TEST(PolicyReader, KnowsAttributesOfAttachments) {
    for (const char* compiler : kCompilers) {
        const auto profiles = policy_profiles(compiler, "attributes");
        const auto& twice = named(profiles, "twice");
        ASSERT_TRUE(twice.attachment);
        EXPECT_EQ(std::set<std::string>(twice.attachment->attributes.begin(), twice.attachment->attributes.end()),
                  (std::set<std::string>{"user.sign", "user.more"}));
    }
}

// What is read is asked a few questions; the answers do not matter, as long as there are any.
void ask(std::vector<Profile> profiles) {
    std::vector<std::string> names = {"unconfined"};
    for (const auto& profile : profiles) names.push_back(profile.name);
    PolicySet set(std::move(profiles));
    for (const auto& name : names) {
        for (const char* path : {"/usr/bin/abc", "/ix", "/psb/at", "/s/x"}) {
            const auto outcome = exec_transition(set, name, {path, true, [](std::string_view) { return "yes"; }});
            if (outcome && outcome->allowed) {
                EXPECT_FALSE(outcome->label.empty() || outcome->entered.empty());
            }
        }
        EXPECT_TRUE(allowed_capabilities(set, name) || !allowed_capabilities(set, name).error().message.empty());
    }
}

TEST(PolicyReader, TruncatedFilesAreRefused) {
    for (const char* compiler : kCompilers) {
        const auto bytes = policy_bytes(compiler, "small");
        EXPECT_EQ(problem(bytes), "none");
        // Of the largest one not each: with its tables that would take minutes.
        const std::size_t step = bytes.size() > 10'000 ? 11 : 1;
        for (std::size_t size = 0; size < bytes.size(); size += step) {
            const auto profiles = read_policy(std::string_view(bytes).substr(0, size), "NAME");
            ASSERT_FALSE(profiles) << compiler << " " << size;
            EXPECT_EQ(profiles.error().kind, ErrorKind::config);
            EXPECT_TRUE(profiles.error().message.starts_with("NAME: ")) << profiles.error().message;
        }
    }
}

// A file may end where a record does.
TEST(PolicyReader, TruncatedFilesOfWholeRecordsAreSmallerPolicies) {
    const auto bytes = policy_bytes("3.0-6.1", "small");
    auto second = bytes;
    second.replace(second.find("small"), 5, "other");
    const auto profiles = read_policy(bytes + second, "NAME");
    ASSERT_TRUE(profiles);
    EXPECT_EQ(profiles->size(), 2U);
    EXPECT_EQ(problem((bytes + second).substr(0, bytes.size())), "none");
    EXPECT_NE(problem((bytes + second).substr(0, bytes.size() + 1)), "none");
}

TEST(PolicyReader, FlippedBytesNeverCrashIt) {
    for (const char* compiler : kCompilers) {
        auto bytes = policy_bytes(compiler, "attributes");
        std::size_t refused = 0;
        // Two primes, so that all kinds of places are hit.
        for (std::size_t at = 0; at < bytes.size(); at += 7) {
            const char before = bytes[at];
            bytes[at] = static_cast<char>(static_cast<unsigned char>(before) ^ (1U << (at % 8U)) ^ (at % 13U == 0 ? 0xFFU : 0U));
            auto profiles = read_policy(bytes, "NAME");
            if (profiles) {
                ask(*std::move(profiles));
            } else {
                ++refused;
            }
            bytes[at] = before;
        }
        EXPECT_GT(refused, 0U);
    }
}

TEST(PolicyReader, ASmallRecordIsAPolicy) {
    const auto profiles = read_policy(Record{}.bytes(), "NAME");
    ASSERT_TRUE(profiles) << profiles.error().message;
    ASSERT_EQ(profiles->size(), 1U);
    EXPECT_EQ(profiles->front().name, "p");
    EXPECT_EQ(profiles->front().capabilities, CapabilitySet(5));
    EXPECT_TRUE(profiles->front().files.empty());
}

TEST(PolicyReader, PartsThatDecideNothingAreSkipped) {
    Record record;
    record.name = [](PolicyWriter& w) { w.begin("profile").string("p").string("old", "rename").string("/x", "attach"); };
    record.attachment = [](PolicyWriter& w) {
        w.string("/d", "disconnected").string("/e", "disconnected_ipc").u32(9, "kill").u32(1, "error");
    };
    record.capabilities = [](PolicyWriter& w) {
        w.u32(4, "path_flags").u32(1).u32(2).u32(3).u32(0).begin("caps64").u32(0x100).u32(0).u32(0).u32(0).end();
        w.begin("capsx").u32(0).u32(0).end();
    };
    record.rest = [](PolicyWriter& w) {
        w.array(1, "identity").string("i").array_end();
        w.begin("xattrs").array(1).string("user.x").array_end().end();
        w.begin("rlimits").u32(1).array(2).u64(1).u64(2).array_end().end();
        w.begin("secmark").array(1).u8(0).u8(1).string("l").array_end().end();
        w.array(1, "net_allowed_af").u16(1).u16(2).u16(3).array_end();
        w.begin("tags").u32(1, "version").begin("strs").array(1).string("t").array_end().end();
        w.array(1, "hdrs").u32(0).u32(0).u32(0).u32(0).array_end().array(2, "sets").u32(0).u32(0).array_end().end();
        w.blob(RawTables().bytes(), "aadfa").u32(1, "start").u32(1, "dfa_start");
        w.begin("xtable").array(2).string("b").string(std::string_view(":ns\0c", 5)).array_end().end();
        w.begin("data").string("key").blob("value").end();
    };
    const auto profiles = read_policy(record.bytes(), "NAME");
    ASSERT_TRUE(profiles) << profiles.error().message;
    EXPECT_EQ(profiles->front().capabilities, CapabilitySet(1 | std::uint64_t{0x100} << 32U));
    EXPECT_EQ(profiles->front().path_flags, 4U);
    EXPECT_EQ(profiles->front().targets, (std::vector<std::string>{"b", ":ns:c"}));
}

TEST(PolicyReader, AVersionCountsForTheRecordsAfterIt) {
    Record first;
    first.before = [](PolicyWriter& w) { w.u32(7 | 1U << 11U, "version"); };
    Record second;
    second.before = [](PolicyWriter&) {};
    second.name = [](PolicyWriter& w) { w.begin("profile").string("q"); };
    const auto profiles = read_policy(first.bytes() + second.bytes(), "NAME");
    ASSERT_TRUE(profiles);
    EXPECT_EQ(profiles->at(1).name, "q");
    EXPECT_EQ(profiles->at(0).mode, Mode::complain);
    EXPECT_EQ(profiles->at(1).mode, Mode::complain);
    EXPECT_EQ(problem(second.bytes()), "NAME: at byte 0: cannot evaluate the policy: expected a version, found a struct 'profile'");
}

TEST(PolicyReader, InlinePermissionsAreDecoded) {
    const struct {
        std::uint32_t value;
        Permissions owner, other;
    } kRows[] = {
        {0, {.allow = 0x200}, {.allow = 0x200}},
        {1U | 1U << 7U | 2U << 10U, {.allow = 0x201, .target = 0x84000000}, {.allow = 0x200}},
        {(4U | 1U | 0x100U | 3U << 10U) << 14U, {.allow = 0x200}, {.allow = 0x245, .target = 0x34000000}},
        {2U, {.allow = 0x200 | 2 | 0x100 | 0x10 | 0x20 | 0x1000 | 0x2000 | 0x40}, {.allow = 0x200}},
        {0x70U, {.allow = 0x200 | 0x40000 | 0x8000 | 0x10000}, {.allow = 0x200}},
        {0xC0000000U, {.allow = 0x60000200}, {.allow = 0x60000200}},
        {1U | 0x200U, {.allow = 0x201, .target = 0x40000000}, {.allow = 0x200}},
        {1U | 1U << 10U, {.allow = 0x201, .target = 0x80000000}, {.allow = 0x200}},
        {1U | 5U << 10U, {.allow = 0x201, .target = 0x08000001}, {.allow = 0x200}},
    };
    for (const auto& row : kRows) {
        RawTables tables;
        tables.table(RawTables::kAccept).values[1] = row.value;
        const auto record = with_rest([bytes = tables.bytes()](PolicyWriter& w) {
            w.blob(bytes, "aadfa").begin("xtable").array(2).string("b").string("c").array_end().end();
        });
        const auto profiles = read_policy(record.bytes(), "NAME");
        ASSERT_TRUE(profiles) << profiles.error().message;
        EXPECT_EQ(profiles->front().files.permissions(1, true), row.owner) << row.value;
        EXPECT_EQ(profiles->front().files.permissions(1, false), row.other) << row.value;
        EXPECT_EQ(profiles->front().files.permissions(0, true), Permissions());
    }
}

TEST(PolicyReader, PermissionTablesAreRead) {
    const auto record = with_permissions(
        [](auto& entry) {
            entry[1] = 5;
            entry[2] = 2;
            entry[11] = exec_index::kInherit;
        },
        [](RawTables& tables) {
            tables.tables.push_back({RawTables::kAccept2, 4, {0, 1}});
            tables.table(RawTables::kAccept).values[1] = 0;
        });
    const auto profiles = read_policy(record.bytes(), "NAME");
    ASSERT_TRUE(profiles) << profiles.error().message;
    const Permissions other{.allow = 5, .target = exec_index::kInherit, .deny = 2};
    EXPECT_EQ(profiles->front().files.permissions(1, true), Permissions());
    EXPECT_EQ(profiles->front().files.permissions(1, false), other);
    EXPECT_EQ(profiles->front().files.permissions(0, false), Permissions());
}

// The kernel takes the file rules from the policydb if they are nowhere else, and newer ones the capabilities, too.
TEST(PolicyReader, RulesInThePolicydb) {
    RawTables tables;
    tables.table(RawTables::kAccept).values = {0, 0, 0, 1, 0};
    for (const auto id : {RawTables::kBase, RawTables::kDefault}) tables.table(id).values.resize(5);
    tables.table(RawTables::kBase).values = {0, 256, 512, 0, 512};
    for (const auto id : {RawTables::kCheck, RawTables::kNext}) tables.table(id).values.resize(1024);
    tables.edge(1, 2, 2);
    tables.edge(1, 3, 4);
    tables.edge(2, '/', 3);
    tables.edge(4, 1, 3);
    const auto record = [&](bool table) {
        return with_rest([bytes = tables.bytes(), table](PolicyWriter& w) {
            w.begin("policydb");
            if (table) {
                w.begin("perms").u32(1, "version").array(2);
                for (int i = 0; i < 28; ++i) w.u32(i == 14 + 1 ? 5 : 0);
                w.array_end().end();
            }
            w.blob(bytes, "aadfa").end();
        });
    };
    const auto profiles = read_policy(record(true).bytes(), "NAME");
    ASSERT_TRUE(profiles) << profiles.error().message;
    const auto& profile = profiles->front();
    EXPECT_EQ(profile.files.permissions(profile.files.match(profile.files_start, "/"), true).allow, 5U);
    EXPECT_EQ(profile.capability_start, 4U);
    PolicySet set({profile});
    EXPECT_EQ(allowed_capabilities(set, "p")->mask(), std::uint64_t{5} << 32U);
    EXPECT_TRUE(problem(record(false).bytes()).ends_with("its policydb has file or capability rules, but no permission table"));
}

struct Bad {
    const char* expected;
    Record record;
};

using Part = std::function<void(PolicyWriter&)>;

struct BadRecords : std::vector<Bad> {
    void add(const char* expected, Part Record::*part, const Part& write) {
        push_back({expected, {}});
        back().record.*part = write;
    }
};

BadRecords bad_names() {
    BadRecords bad;
    bad.add("NAME: at byte 16: cannot evaluate the policy: version 4 of the policy format is not known", &Record::before,
            [](PolicyWriter& w) { w.u32(4, "version"); });
    bad.add("NAME: at byte 16: cannot evaluate the policy: version 10 of the policy format is not known", &Record::before,
            [](PolicyWriter& w) { w.u32(10, "version"); });
    bad.add("NAME: at byte 0: cannot evaluate the policy: expected a version, found a number of 64 bits", &Record::before,
            [](PolicyWriter& w) { w.u64(7); });
    bad.add("NAME: at byte 36: cannot evaluate the policy: it belongs to the policy namespace 'ns\\x0a'", &Record::before,
            [](PolicyWriter& w) { w.u32(7, "version").string("ns\n", "namespace"); });
    bad.add("NAME: at byte 16: cannot evaluate the policy: expected a profile, found a struct 'hat'", &Record::name,
            [](PolicyWriter& w) { w.begin("hat").string("p"); });
    bad.add("NAME: at byte 28: cannot evaluate the policy: expected the name of a profile, found a struct 'flags'", &Record::name,
            [](PolicyWriter& w) { w.begin("profile"); });
    bad.add("NAME: at byte 32: cannot evaluate the policy: expected the name of a profile, found a struct 'flags'", &Record::name,
            [](PolicyWriter& w) { w.begin("profile").string(""); });
    bad.add("NAME: at byte 34: cannot evaluate the policy: the name of a profile has a NUL in it", &Record::name,
            [](PolicyWriter& w) { w.begin("profile").string(std::string_view("p\0", 2)); });
    bad.add("NAME: profile ':ns:p' at byte 37: cannot evaluate the policy: it belongs to a policy namespace", &Record::name,
            [](PolicyWriter& w) { w.begin("profile").string(":ns:p"); });
    bad.add("NAME: profile 'a//&b' at byte 37: cannot evaluate the policy: its name reads as a stack", &Record::name,
            [](PolicyWriter& w) { w.begin("profile").string("a//&b"); });
    return bad;
}

BadRecords bad_flags() {
    BadRecords bad;
    bad.add("NAME: profile 'p' at byte 33: cannot evaluate the policy: expected the flags, found a string 'news'", &Record::attachment,
            [](PolicyWriter& w) { w.string("x", "news"); });
    bad.add("NAME: profile 'p' at byte 2215: cannot evaluate the policy: expected the length of the attachment, found a struct 'flags'",
            &Record::attachment, [](PolicyWriter& w) { w.blob(RawTables().bytes(), "aadfa"); });
    bad.add("NAME: profile 'p' at byte 33: cannot evaluate the policy: expected the flags, found an array", &Record::flags,
            [](PolicyWriter& w) { w.array(3); });
    bad.add("NAME: profile 'p' at byte 48: cannot evaluate the policy: expected a number of the flags, found the end of a struct",
            &Record::flags, [](PolicyWriter& w) { w.begin("flags").u32(0).end(); });
    bad.add("NAME: profile 'p' at byte 59: cannot evaluate the policy: it has flags that are not known", &Record::flags,
            [](PolicyWriter& w) { w.begin("flags").u32(8).u32(0).u32(0).end(); });
    bad.add("NAME: profile 'p' at byte 59: cannot evaluate the policy: its mode 5 is not known", &Record::flags,
            [](PolicyWriter& w) { w.begin("flags").u32(0).u32(5).u32(0).end(); });
    // The kernel would skip the name, and take the number for capabilities.
    bad.add("NAME: profile 'p' at byte 59: cannot evaluate the policy: expected the capabilities, found a number of 32 bits 'new'",
            &Record::capabilities, [](PolicyWriter& w) { w.u32(0xFFFFFFFF, "new").u32(0).u32(0).u32(0); });
    return bad;
}

BadRecords bad_ends() {
    BadRecords bad;
    bad.add("NAME: profile 'p' at byte 79: cannot evaluate the policy: expected the end of the profile, found a struct 'caps128'",
            &Record::rest, [](PolicyWriter& w) { w.begin("caps128").end(); });
    bad.add("NAME: profile 'p' at byte 79: cannot evaluate the policy: expected the end of the profile, found an unknown tag 99",
            &Record::rest, [](PolicyWriter& w) { w.number(99, 0, 0); });
    bad.add("NAME: profile 'p' at byte 79: cannot evaluate the policy: expected the end of the profile, found a blob 'aadfa'",
            &Record::rest, [](PolicyWriter& w) { w.number(6, 4, 0xFFFFFFFF, "aadfa"); });
    bad.add("NAME: profile 'p' at byte 79: cannot evaluate the policy: expected the end of the profile, found a name that is cut off",
            &Record::rest, [](PolicyWriter& w) { w.number(4, 2, 0xFFFF); });
    bad.add("NAME: profile 'p' at byte 92: cannot evaluate the policy: expected the automaton of the policydb, found the end of a struct",
            &Record::rest, [](PolicyWriter& w) { w.begin("policydb").end(); });
    bad.add(
        "NAME: profile 'p' at byte 110: cannot evaluate the policy: expected an automaton after the permission table, found the end of "
        "a struct",
        &Record::rest, [](PolicyWriter& w) { w.begin("perms").u32(1, "version").array(0).array_end().end(); });
    bad.add("NAME: profile 'p' at byte 89: cannot evaluate the policy: expected version 1 of the permission table, found an array",
            &Record::rest, [](PolicyWriter& w) { w.begin("perms").array(0); });
    bad.add(
        "NAME: profile 'p' at byte 108: cannot evaluate the policy: expected a number of the permission table, found the end of a struct",
        &Record::rest, [](PolicyWriter& w) { w.begin("perms").u32(1, "version").array(0xFFFF); });
    bad.add("NAME: profile 'p' at byte 93: cannot evaluate the policy: expected a target, found the end of an array", &Record::rest,
            [](PolicyWriter& w) { w.begin("xtable").array(1).array_end(); });
    bad.add("NAME: profile 'p' at byte 99: cannot evaluate the policy: a target begins with white space", &Record::rest,
            [](PolicyWriter& w) { w.begin("xtable").array(1).string(" b"); });
    bad.add("NAME: profile 'p' at byte 100: cannot evaluate the policy: it has more than one text in target 'a\\x00b'", &Record::rest,
            [](PolicyWriter& w) { w.begin("xtable").array(1).string(std::string_view("a\0b", 3)); });
    bad.add("NAME: profile 'p' at byte 97: cannot evaluate the policy: expected data, found the end of a struct", &Record::rest,
            [](PolicyWriter& w) { w.begin("data").string("key12"); });
    return bad;
}

TEST(PolicyReader, SaysWhatIsWrongWithARecord) {
    for (const auto& records : {bad_names(), bad_flags(), bad_ends()}) {
        for (const auto& bad : records) EXPECT_EQ(problem(bad.record.bytes()), bad.expected);
    }
    const auto twice = Record{}.bytes() + Record{}.bytes();
    EXPECT_EQ(problem(twice), "NAME: at byte 160: cannot evaluate the policy: it has profile 'p' twice");
    EXPECT_EQ(problem(""), "NAME: at byte 0: cannot evaluate the policy: expected a version, found the end");
    EXPECT_EQ(problem(Record{}.bytes() + "x"),
              "NAME: at byte 80: cannot evaluate the policy: expected a profile, found an unknown tag 120");
}

}  // namespace
}  // namespace aa::apparmor
