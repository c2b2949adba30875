// SPDX-License-Identifier: Apache-2.0
#include "oci/bundle/id_map.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "oci/bundle/bundle.h"
#include "oci/path/permission.h"
#include "tests/oci/tree.h"

namespace aa::oci {
namespace {

TEST(IdMap, FindsThePartner) {
    const auto map = IdMap::parse("         0     100000      65536\n     70000       1000          1\n");
    ASSERT_TRUE(map.has_value()) << map.error().message;
    EXPECT_FALSE(map->is_identity());
    struct Case {
        std::uint32_t inside;
        std::optional<std::uint32_t> outside;
    };
    const Case cases[] = {
        {0, 100000},   {1000, 101000},        {65535, 165535},     {65536, std::nullopt},
        {70000, 1000}, {70001, std::nullopt}, {~0U, std::nullopt}, {~0U - 1, std::nullopt},
    };
    for (const auto& c : cases) EXPECT_EQ(map->outside(c.inside), c.outside) << c.inside;
    for (const std::uint32_t id : {100000U, 165535U, 1000U}) EXPECT_TRUE(map->reaches(id)) << id;
    for (const std::uint32_t id : {0U, 99999U, 165536U, 1001U, ~0U}) EXPECT_FALSE(map->reaches(id)) << id;
}

TEST(IdMap, OfNoNamespaceIsTheIdentity) {
    const auto map = IdMap::parse("         0          0 4294967295\n");
    ASSERT_TRUE(map.has_value());
    EXPECT_TRUE(map->is_identity());
    EXPECT_EQ(map->outside(4242), 4242U);
    EXPECT_EQ(map->outside(~0U), std::nullopt);
    EXPECT_TRUE(map->reaches(0));
    const auto none = IdMap::parse("");
    ASSERT_TRUE(none.has_value());
    EXPECT_FALSE(none->is_identity());
    EXPECT_EQ(none->outside(0), std::nullopt);
}

TEST(IdMap, NeverOverflows) {
    const auto map = IdMap::parse("0 4294967290 10\n4294967290 0 6\n");
    ASSERT_TRUE(map.has_value());
    EXPECT_EQ(map->outside(4), 4294967294U);
    EXPECT_EQ(map->outside(5), std::nullopt);  // (uid_t)-1 is nobody
    EXPECT_EQ(map->outside(6), std::nullopt);
    EXPECT_EQ(map->outside(4294967294U), 4U);
}

TEST(IdMap, RefusesWhatTheKernelNeverWrites) {
    for (const char* text : {"\n", "0", "0 0", "0 0 x", "-1 0 1", "0 0 1 2", "0 0 4294967296", "0 0 1\n\n", "0\t0 1"}) {
        const auto map = IdMap::parse(text);
        ASSERT_FALSE(map.has_value()) << text;
        EXPECT_EQ(map.error().message, "a map of user ids that the kernel never writes");
    }
}

Result<uid_t> host_uid(pid_t pid, uid_t uid) {
    const auto maps = IdMaps::of_process(pid);
    return maps ? maps->host_uid(uid) : Result<uid_t>(maps.error());
}

TEST(HostUid, OfThisProcess) {
    EXPECT_EQ(*host_uid(::getpid(), 1234), 1234U);
    EXPECT_FALSE(host_uid(0x7ffffff0, 0).has_value());
}

TEST(HostUid, OfAProcessInAUserNamespace) {
    const Tree tree;
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        const char answer = ::unshare(CLONE_NEWUSER) == 0 ? '+' : '-';
        (void)!::write(ends[1], &answer, 1);
        while (true) ::pause();
    }
    char answer = '-';
    ASSERT_EQ(::read(ends[0], &answer, 1), 1);
    if (answer == '+') {
        EXPECT_EQ(host_uid(child, 0).error().message,
                  "the user 0 does not exist in the container's user namespace: choose one that its id map has, or extend the map");
        if (::geteuid() == 0) {
            std::ofstream("/proc/" + std::to_string(child) + "/uid_map") << "0 200000 1000\n";
            EXPECT_EQ(*host_uid(child, 7), 200007U);
            EXPECT_FALSE(host_uid(child, 1000).has_value());
        }
    }
    ::kill(child, SIGKILL);
    (void)::waitpid(child, nullptr, 0);
    if (answer != '+') GTEST_SKIP() << "no user namespaces here";
}

TEST(HostUid, OfAConfig) {
    struct Case {
        const char* linux_member;
        std::uint32_t uid;
        const char* expected;
    };
    const std::string no_user =
        "the user 7 does not exist in the container's user namespace: choose one that its id map has, or extend the map";
    const Case cases[] = {
        {"{}", 7, "7"},
        {R"({"namespaces":[{"type":"mount"}]})", 7, "7"},
        {R"({"uidMappings":[{"containerID":0,"hostID":5000,"size":10}]})", 7, "7"},  // not without a user namespace
        {R"({"namespaces":[{"type":"user"}],"uidMappings":[{"containerID":0,"hostID":5000,"size":10}]})", 7, "5007"},
        {R"({"namespaces":[{"type":"user","path":"/proc/1/ns/user"}],"uidMappings":[{"containerID":0,"hostID":5000,"size":10}]})", 7,
         "5007"},
        {R"({"namespaces":[{"type":"user"}],"uidMappings":[{"containerID":0,"hostID":5000,"size":7}]})", 7, no_user.c_str()},
        {R"({"namespaces":[{"type":"user"}]})", 7, no_user.c_str()},
        {R"({"namespaces":[{"type":"user","path":"/proc/1/ns/user"}]})", 7,
         "the container joins a user namespace, and config.json has no linux.uidMappings that say how it numbers users"},
    };
    for (const auto& c : cases) {
        const auto config = read_config(R"({"process":{},"linux":)" + std::string(c.linux_member) + "}");
        ASSERT_TRUE(config.has_value()) << config.error().message;
        const auto maps = config->id_maps();
        const auto uid = maps ? maps->host_uid(c.uid) : Result<uid_t>(maps.error());
        EXPECT_EQ(uid ? std::to_string(*uid) : uid.error().message, c.expected) << c.linux_member;
    }
    EXPECT_EQ(read_config(R"({"process":{},"linux":{"uidMappings":[{"size":-1}]}})").error().message,
              "line 1, column 47: a number of users that does not fit into 32 bits");
}

// struct posix_acl_xattr_header and entries, in the byte order of every machine that this runs on.
std::string acl(std::initializer_list<std::array<std::uint32_t, 3>> entries, std::uint32_t version = 2) {
    std::string out(reinterpret_cast<const char*>(&version), sizeof version);
    for (const auto& [tag, permissions, id] : entries) {
        const auto head = tag | permissions << 16;
        out.append(reinterpret_cast<const char*>(&head), sizeof head);
        out.append(reinterpret_cast<const char*>(&id), sizeof id);
    }
    return out;
}

TEST(Acl, AllowsAsTheKernelDoes) {
    constexpr std::uint32_t kNobody = ~0U;
    const std::string full =
        acl({{1, 7, kNobody}, {2, 1, 1000}, {2, 6, 1001}, {4, 1, kNobody}, {8, 6, 3000}, {8, 1, 4000}, {16, 7, kNobody}, {32, 0, kNobody}});
    const std::string masked = acl({{1, 7, kNobody}, {2, 7, 1000}, {4, 7, kNobody}, {16, 6, kNobody}, {32, 1, kNobody}});
    struct Case {
        const std::string& text;
        uid_t uid;
        gid_t gid;
        std::vector<gid_t> groups;
        bool expected;
    };
    const Case cases[] = {
        {full, 1000, 9, {}, true},                                          // the user's own entry
        {full, 1001, 4000, {}, false},                                      // which counts before any group's
        {full, 1002, 2000, {}, true},                                       // the file's group
        {full, 1002, 3000, {}, false},   {full, 1002, 3000, {4000}, true},  // one group that allows it is enough
        {full, 1002, 9, {}, false},      {masked, 1000, 9, {}, false},      // the mask takes it away
        {masked, 1002, 2000, {}, false}, {masked, 1002, 9, {}, true},       // but not from others
    };
    for (const auto& c : cases) {
        const Subject subject{c.uid, c.gid, c.groups, CapabilitySet(), nullptr};
        const auto allowed = acl_allows_execute(c.text, subject, 2000);
        ASSERT_TRUE(allowed.has_value());
        EXPECT_EQ(*allowed, c.expected) << c.uid << " " << c.gid;
    }
    for (const std::string& bad : {std::string(), std::string("\2"), acl({}, 1), full + "x"}) {
        EXPECT_FALSE(acl_allows_execute(bad, Subject(), 0).has_value());
    }
}

}  // namespace
}  // namespace aa::oci
