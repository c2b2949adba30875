// SPDX-License-Identifier: Apache-2.0
#include "shim/host_bounds.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "shim/devices.h"

namespace aa::shim {
namespace {

using apparmor::HostNamespace;

struct Judgement {
    oci::HostChanges changes;
    std::vector<std::string> reasons;
    std::string refusal;
};

Judgement judge(const apparmor::HostCeilings& ceilings, const std::string& rest, HostFacts facts = {}) {
    const auto config = oci::read_config(R"({"process":{},)" + rest + "}");
    EXPECT_TRUE(config) << (config ? "" : config.error().message);
    EXPECT_TRUE(collect_devices(config->host, false, facts));
    apparmor::Confinement confinement;
    confinement.name = "test";
    confinement.host = ceilings;
    confinement.origin = {"f.json", 1, 2};
    Judgement judgement;
    auto changes = judge_host(confinement, *config, facts, judgement.reasons);
    if (changes) {
        judgement.changes = *std::move(changes);
    } else {
        EXPECT_EQ(changes.error().kind, ErrorKind::denied);
        judgement.refusal = changes.error().message;
    }
    return judgement;
}

HostFacts one_path(const std::string& path, std::vector<std::string> names, bool is_protected = false) {
    HostFacts facts;
    facts.paths.push_back({0, "/in", path, std::move(names), is_protected, false, false, false, {}, {}});
    return facts;
}

const std::string kMount = R"("mounts":[{"destination":"/in","type":"bind","source":"/x"}])";

std::vector<std::string> texts(const std::vector<oci::DeviceRule>& rules) {
    std::vector<std::string> result;
    for (const auto& rule : rules) {
        const auto number = [](const auto& n) { return n ? decimal(*n) : std::string("*"); };
        result.push_back(concat({rule.allow ? "allow " : "deny ", std::string_view(&rule.type, 1), " ", number(rule.major), ":",
                                 number(rule.minor), " ", rule.access}));
    }
    return result;
}

TEST(HostBounds, PathsAreListedByAllTheirNames) {
    apparmor::HostCeilings srv;
    srv.paths = {"/srv/**"};
    EXPECT_EQ(judge(srv, kMount, one_path("/srv/a", {"/srv/a"})).refusal, "");
    EXPECT_EQ(judge({}, kMount, one_path("/etc/x", {"/etc/x"})).refusal, "");
    const auto refused = judge(srv, kMount, one_path("/etc", {"/etc"})).refusal;
    EXPECT_EQ(refused,
              "the mount at '/in' brings the host's '/etc' into the container: mount another directory, or let the operator list it "
              "under \"hostPaths\" of confinement 'test' (f.json:1:2)");
    const auto volume = judge(srv, kMount, one_path("/srv/v", {"/", "/srv/v"})).refusal;
    EXPECT_NE(volume.find("brings the host's '/' (by '/srv/v') into"), std::string::npos) << volume;
}

TEST(HostBounds, WhatWasJudgedIsMounted) {
    const auto linked = judge({}, kMount, one_path("/srv/a", {"/srv/a"}));
    EXPECT_EQ(linked.changes.mount_sources, (std::vector<std::pair<std::size_t, std::string>>{{0, "/srv/a"}}));
    EXPECT_TRUE(judge({}, kMount, one_path("/x", {"/x"})).changes.mount_sources.empty());
}

TEST(HostBounds, WhatIsProtectedTakesMoreThanAPattern) {
    apparmor::HostCeilings ceilings;
    const auto run = one_path("/run", {"/run"}, true);
    EXPECT_NE(judge(ceilings, kMount, run).refusal.find("keep what confines it"), std::string::npos);
    ceilings.paths = {"/**"};
    EXPECT_NE(judge(ceilings, kMount, run).refusal.find("\"weaker\": true under \"hostPaths\""), std::string::npos);
    ceilings.protected_paths = true;
    EXPECT_EQ(judge(ceilings, kMount, run).refusal, "");
    ceilings.paths = {"/srv/**"};
    EXPECT_NE(judge(ceilings, kMount, run).refusal, "");
}

TEST(HostBounds, Namespaces) {
    HostFacts facts;
    facts.namespaces = bit(HostNamespace::pid) | bit(HostNamespace::user);
    apparmor::HostCeilings ceilings;
    EXPECT_EQ(judge(ceilings, R"("x":1)", facts).refusal, "");
    ceilings.namespaces = bit(HostNamespace::user);
    EXPECT_NE(judge(ceilings, R"("x":1)", facts).refusal.find("would share the host's namespaces: pid: give"), std::string::npos);
    ceilings.namespaces = bit(HostNamespace::user) | bit(HostNamespace::pid);
    EXPECT_EQ(judge(ceilings, R"("x":1)", facts).refusal, "");
}

TEST(HostBounds, WhatIsUnmaskedIsMaskedAgain) {
    HostFacts facts;
    facts.unmasked = {"/proc/kcore"};
    facts.writable = {"/proc/sys"};
    EXPECT_FALSE(judge({}, R"("x":1)", facts).changes.takes_away());
    apparmor::HostCeilings keep;
    keep.keep_masked = true;
    const auto judged = judge(keep, R"("x":1)", facts);
    EXPECT_EQ(judged.changes.masked_paths, facts.unmasked);
    EXPECT_EQ(judged.changes.readonly_paths, facts.writable);
    EXPECT_EQ(judged.reasons.size(), 2U);
    facts.kernel_file_systems = {"/tmp/p"};
    EXPECT_NE(judge(keep, R"("x":1)", facts).refusal.find("'/tmp/p' shows the kernel's files at another place"), std::string::npos);
}

TEST(HostBounds, ControlGroupsOfTheHostAreReadOnly) {
    HostFacts facts;
    facts.writable_cgroups = {0};
    EXPECT_FALSE(judge({}, kMount, facts).changes.takes_away());
    apparmor::HostCeilings keep;
    keep.keep_masked = true;
    EXPECT_EQ(judge(keep, kMount, facts).changes.readonly_mounts, facts.writable_cgroups);
    EXPECT_EQ(judge(keep, kMount, facts).reasons,
              std::vector<std::string>{"makes the host's control groups read-only again (\"keepMasked\")"});
    apparmor::HostCeilings devices;
    devices.devices = {*apparmor::parse_device_grant("a *:*")};
    EXPECT_EQ(judge(devices, kMount, facts).changes.readonly_mounts, facts.writable_cgroups);
    EXPECT_TRUE(judge(devices, kMount, facts).changes.takes_away());
}

TEST(HostBounds, AnOverlayMayBeOfAnotherPlaceByThen) {
    auto facts = one_path("overlay of overlay", {"/srv/a", "/srv/b"});
    facts.paths.back().may_be_another = true;
    apparmor::HostCeilings listed;
    listed.paths = {"/srv/*"};
    for (const auto& ceilings : {apparmor::HostCeilings(), listed}) {
        EXPECT_EQ(judge(ceilings, kMount, facts).refusal,
                  "the mount at '/in' is an overlay of the host's '/srv/a', '/srv/b', which somebody could exchange for another place in "
                  "time, without a trace: mount the directory itself (Podman: without ':O'), or let the operator list it with \"weaker\": "
                  "true under \"hostPaths\" of confinement 'test' (f.json:1:2)");
    }
    listed.protected_paths = true;
    EXPECT_EQ(judge(listed, kMount, facts).refusal, "");
    listed.paths = {"/srv/a"};
    EXPECT_NE(judge(listed, kMount, facts).refusal.find("brings the host's '/srv/b'"), std::string::npos);
}

// A runtime writes them as root of the host.
TEST(HostBounds, NobodyIsTakenIntoItsControlGroup) {
    const std::string takes_in = R"("linux":{"resources":{"unified":{"memory.high":"1","cgroup.procs":"1","cgroup.kill":"1"}}})";
    const std::string limits = R"("linux":{"resources":{"unified":{"memory.high":"1","cgroup.max.depth":"1"}}})";
    EXPECT_EQ(judge({}, takes_in).refusal, "");
    apparmor::HostCeilings keep;
    keep.keep_masked = true;
    apparmor::HostCeilings devices;
    devices.devices = {*apparmor::parse_device_grant("a *:*")};
    for (const auto& [ceilings, key] : {std::pair(keep, "keepMasked"), std::pair(devices, "devices")}) {
        EXPECT_EQ(judge(ceilings, limits).refusal, "");
        EXPECT_EQ(judge(ceilings, takes_in).refusal,
                  concat({"of its control group the container asks to have 'cgroup.procs', 'cgroup.kill' written "
                          "(\"linux.resources.unified\"), by which any process of the host can be taken into it, and ended with it, and "
                          "confinement 'test' (f.json:1:2) keeps the host's control groups (\"",
                          key, "\"): leave that out"}));
    }
}

TEST(HostBounds, AllThatIsRefusedForOneReasonIsNamed) {
    HostFacts facts;
    facts.kernel_file_systems = {"/tmp/p", "/q\n"};
    apparmor::HostCeilings keep;
    keep.keep_masked = true;
    EXPECT_NE(judge(keep, R"("x":1)", facts).refusal.find(R"(what is mounted at '/tmp/p', '/q\x0a' shows the kernel's files)"),
              std::string::npos);
    facts = {};
    facts.odd_readonly_paths = {"/a", "/b", "/c", "/d", "/e"};
    EXPECT_NE(judge(keep, R"("x":1)", facts).refusal.find("read-only paths '/a', '/b', '/c', '/d' and 1 more may lie"), std::string::npos);
}

const std::string kPrivileged =
    R"("linux":{"devices":[{"path":"/dev/null","type":"c","major":1,"minor":3},{"path":"/dev/fuse","type":"b","major":8,"minor":0},
    {"path":"/dev/kvm","type":"c","major":10,"minor":232},{"path":"/f","type":"p"}],
    "resources":{"devices":[{"allow":false,"access":"rwm"},{"allow":true,"access":"rwm"},{"allow":true,"type":"c","major":1,"minor":3,"access":"rwm"},
    {"allow":true,"type":"b","access":"m"},{"allow":true,"type":"c","major":10,"minor":232,"access":"rwm"}]}})";

TEST(HostBounds, DevicesAreCutToWhatIsListed) {
    EXPECT_FALSE(judge({}, kPrivileged).changes.takes_away());
    apparmor::HostCeilings ceilings;
    ceilings.devices.emplace();
    auto judged = judge(ceilings, kPrivileged);
    EXPECT_EQ(judged.changes.removed_devices, (std::vector<bool>{false, true, true, false}));
    EXPECT_EQ(texts(*judged.changes.device_rules),
              (std::vector<std::string>{"deny a *:* rwm", "allow c 1:3 rwm", "allow b *:* m", "allow c 1:3 rwm"}));
    ASSERT_EQ(judged.reasons.size(), 2U);
    EXPECT_NE(judged.reasons[0].find("'/dev/fuse (b 8:0)', '/dev/kvm (c 10:232)'"), std::string::npos) << judged.reasons[0];

    ceilings.devices = {*apparmor::parse_device_grant("c 10:232 rw")};
    judged = judge(ceilings, kPrivileged);
    EXPECT_EQ(judged.changes.removed_devices, (std::vector<bool>{false, true, false, false}));
    EXPECT_EQ(texts(*judged.changes.device_rules), (std::vector<std::string>{"deny a *:* rwm", "allow c 1:3 rwm", "allow b *:* m",
                                                                             "allow c 10:232 rw", "allow c 1:3 rwm", "allow c 10:232 rw"}));

    ceilings.devices = {*apparmor::parse_device_grant("a *:*")};
    EXPECT_FALSE(judge(ceilings, kPrivileged).changes.takes_away());
}

// runc allows by itself only those devices that the request does not name (specconv, createDevices).
TEST(HostBounds, WhatStaysIsAllowedAgain) {
    const std::string devices =
        R"("linux":{"devices":[{"path":"/dev/null","type":"c","major":1,"minor":3},{"path":"/dev/fuse","type":"c","major":10,"minor":229},
        {"path":"/dev/x","type":"c","major":4,"minor":1}],"resources":{"devices":)";
    apparmor::HostCeilings ceilings;
    ceilings.devices = {*apparmor::parse_device_grant("c 10:229 r"), *apparmor::parse_device_grant("c 4:1")};
    const auto all = judge(ceilings, devices + R"([{"allow":true,"access":"rw"}]}})");
    EXPECT_EQ(texts(*all.changes.device_rules),
              (std::vector<std::string>{"deny a *:* rwm", "allow c 1:3 rwm", "allow c 10:229 r", "allow c 4:1 rwm"}));
    // What was not allowed before is not allowed now.
    const auto some =
        judge(ceilings, devices + R"([{"allow":false,"access":"rwm"},{"allow":true,"type":"c","major":10,"access":"rwm"}]}})");
    EXPECT_EQ(texts(*some.changes.device_rules), (std::vector<std::string>{"deny a *:* rwm", "allow c 10:229 r"}));
}

TEST(HostBounds, DevicesThatComeAsMounts) {
    const std::string mounts = R"("mounts":[{"destination":"/dev/kmsg","type":"bind","source":"/dev/kmsg"},{"destination":"/d"}])";
    HostFacts facts = one_path("/dev/kmsg", {"/dev/kmsg"});
    facts.paths[0].is_device = true;
    facts.paths[0].device = oci::Device{"/dev/kmsg", 'c', 1, 11, {}};
    apparmor::HostCeilings ceilings;
    ceilings.paths = {"/srv/**"};
    EXPECT_FALSE(judge(ceilings, mounts, facts).changes.takes_away());
    ceilings.devices.emplace();
    const auto cut = judge(ceilings, mounts, facts);
    EXPECT_EQ(cut.refusal, "");
    EXPECT_EQ(cut.changes.removed_mounts, (std::vector<bool>{true, false}));
    ceilings.devices = {*apparmor::parse_device_grant("c 1:11 r")};
    EXPECT_TRUE(judge(ceilings, mounts, facts).changes.removed_mounts.empty());
}

// By the name that the host gives to the numbers, not by the one in the container.
TEST(HostBounds, DevicesByName) {
    apparmor::HostCeilings ceilings;
    ceilings.devices = {*apparmor::parse_device_grant("/dev/fuse")};
    EXPECT_EQ(judge(ceilings, kPrivileged).changes.removed_devices, (std::vector<bool>{false, true, true, false}));
    const auto config = oci::read_config(R"({"process":{},"linux":{"devices":[{"path":"/dev/x","type":"c","major":1,"minor":11}]}})");
    ASSERT_TRUE(config);
    HostFacts facts;
    ASSERT_TRUE(collect_devices(config->host, true, facts));
    EXPECT_EQ(facts.devices[0].numbers, "c 1:11");
    EXPECT_EQ(facts.devices[0].path, "/dev/kmsg");
}

// Whatever numbers and access stand beside it, runtimes take type a for everything.
TEST(HostBounds, ARuleOfAnyTypeIsAboutEverything) {
    apparmor::HostCeilings ceilings;
    ceilings.devices.emplace();
    const std::string rule =
        R"("linux":{"resources":{"devices":[{"allow":false,"access":"rwm"},{"allow":true,"type":"a","major":1,"minor":3,"access":"m"}]}})";
    EXPECT_EQ(texts(*judge(ceilings, rule).changes.device_rules), (std::vector<std::string>{"deny a *:* rwm"}));
    ceilings.devices = {*apparmor::parse_device_grant("a *:* m")};
    EXPECT_EQ(texts(*judge(ceilings, rule).changes.device_rules), (std::vector<std::string>{"deny a *:* rwm"}));
    EXPECT_FALSE(apparmor::parse_device_grant("a 1:3"));
}

TEST(HostBounds, AnOpenDeviceCgroupIsClosed) {
    apparmor::HostCeilings ceilings;
    ceilings.devices.emplace();
    for (const std::string rest :
         {R"("linux":{})", R"("linux":{"resources":{"devices":[{"allow":true,"type":"c","major":1,"minor":3,"access":"r"}]}})"}) {
        const auto judged = judge(ceilings, rest);
        ASSERT_TRUE(judged.changes.device_rules) << rest;
        EXPECT_EQ(texts(*judged.changes.device_rules)[0], "deny a *:* rwm");
    }
    const auto closed = judge(ceilings, R"("linux":{"resources":{"devices":[{"allow":false,"access":"rwm"}]}})");
    EXPECT_FALSE(closed.changes.device_rules);
    // There, a process makes no device file, and runtimes leave the cgroup alone.
    EXPECT_FALSE(judge(ceilings, R"("linux":{"namespaces":[{"type":"user"}]})").changes.device_rules);
}

}  // namespace
}  // namespace aa::shim
