// SPDX-License-Identifier: Apache-2.0
#include "oci/bundle/host_request.h"

#include <gtest/gtest.h>

#include "base/text.h"

#include "oci/bundle/bundle.h"

namespace aa::oci {
namespace {

Config parsed(const std::string& rest) {
    auto config = read_config(R"({"process":{},)" + rest + "}");
    EXPECT_TRUE(config) << (config ? "" : config.error().message);
    return config ? *std::move(config) : Config();
}

std::string changed(const std::string& rest, HostChanges changes) {
    const auto text = R"({"process":{},)" + rest + "}";
    const auto config = parsed(rest);
    const auto splices = change_config(
        config, text, {.process = {}, .annotations = {}, .deny_syscalls = {}, .architectures = {}, .host = std::move(changes)});
    EXPECT_TRUE(splices);
    auto result = splices->apply(text);
    EXPECT_TRUE(read_config(result)) << result;
    return result.substr(14, result.size() - 15);
}

TEST(HostRequest, Devices) {
    const auto config =
        parsed(R"("linux":{"devices":[{"path":"/dev/a","type":"b","major":8,"minor":1,"fileMode":384},{"path":"/dev/b","type":"u"}],
        "resources":{"devices":[{"allow":false,"access":"rwm"},{"allow":true,"type":"c","major":10,"minor":-1,"access":"r"},{"type":""}]}})");
    ASSERT_EQ(config.host.devices.size(), 2U);
    EXPECT_EQ(config.host.devices[0].path, "/dev/a");
    EXPECT_EQ(config.host.devices[0].type, 'b');
    EXPECT_EQ(config.host.devices[0].major, 8);
    EXPECT_EQ(config.host.devices[0].minor, 1);
    EXPECT_EQ(config.host.devices[1].type, 'u');
    ASSERT_EQ(config.host.device_rules.size(), 3U);
    EXPECT_FALSE(config.host.device_rules[0].allow);
    EXPECT_EQ(config.host.device_rules[0].type, 'a');
    EXPECT_EQ(config.host.device_rules[0].major, std::nullopt);
    EXPECT_EQ(config.host.device_rules[1].type, 'c');
    EXPECT_EQ(config.host.device_rules[1].major, 10);
    EXPECT_EQ(config.host.device_rules[1].minor, std::nullopt);
    EXPECT_EQ(config.host.device_rules[1].access, "r");
    EXPECT_EQ(config.host.device_rules[2].type, 'a');
}

TEST(HostRequest, NamespacesPathsAndHooks) {
    const auto config =
        parsed(R"("linux":{"namespaces":[{"type":"pid"},{"type":"network","path":"/proc/1/ns/net"}],"maskedPaths":["/proc/kcore"],
        "readonlyPaths":null},"hooks":{"prestart":[{"path":"/a","args":["b","c"]}],"poststop":[{"path":"/d"}],"poststart":null})");
    ASSERT_NE(config.host.find("pid"), nullptr);
    EXPECT_EQ(config.host.find("pid")->path, "");
    EXPECT_EQ(config.host.find("network")->path, "/proc/1/ns/net");
    EXPECT_EQ(config.host.find("ipc"), nullptr);
    EXPECT_EQ(config.host.masked_paths.values, std::vector<std::string>{"/proc/kcore"});
    EXPECT_FALSE(config.host.readonly_paths.present);
    ASSERT_EQ(config.host.hooks.size(), 2U);
    EXPECT_EQ(config.host.hooks[0].args, (std::vector<std::string>{"b", "c"}));
    EXPECT_EQ(config.host.hooks[1].path, "/d");
}

TEST(HostRequest, WhatRuntimesDisagreeAboutIsRefused) {
    struct Case {
        const char* rest;
        const char* problem;
    };
    const Case cases[] = {
        {R"("linux":{"namespaces":[{"type":"pid"},{"type":"pid","path":"/x"}]})", "the namespace 'pid' is there twice"},
        {R"("linux":{"namespaces":[{"type":"Pid"}]})", "there is no namespace 'Pid'"},
        {R"("linux":{"namespaces":[{"path":"/x"}]})", "there is no namespace ''"},
        {R"("linux":{"devices":[{"type":"x"}]})", "'x' is no type of a device"},
        {R"("linux":{"resources":{"devices":[{"type":"u"}]}})", "'u' is no type of a device rule"},
        {R"("linux":{"Devices":[]})", "Devices"},
        {R"("linux":{"devices":[],"devices":[]})", "devices"},
        {R"("linux":{"maskedPaths":[1]})", "string"},
        {R"("Hooks":{})", "Hooks"},
    };
    for (const auto& c : cases) {
        const auto config = read_config(R"({"process":{},)" + std::string(c.rest) + "}");
        ASSERT_FALSE(config) << c.rest;
        EXPECT_NE(config.error().message.find(c.problem), std::string::npos) << config.error().message;
    }
}

TEST(HostRequest, FilesOfTheControlGroup) {
    const auto read = [](const std::string& resources) { return bounded_resources(resources); };
    const auto good =
        read(R"({"devices":[{"allow":true}],"unified":{"memory.high":"max","cgroup.max.depth":"2","cgroup.max.descendants":"2"}})");
    ASSERT_TRUE(good);
    EXPECT_EQ(*good, R"({"devices":[],"unified":{"memory.high":"max","cgroup.max.depth":"2","cgroup.max.descendants":"2"}})");
    EXPECT_TRUE(read(R"({"unified":null})"));
    for (const char* name : {"cgroup.procs", "cgroup.threads", "cgroup.kill", "cgroup.freeze", "cgroup.\\u0070rocs"}) {
        const auto refused = read(concat({R"({"unified":{"memory.high":"max",")", name, R"(":"1"}})"}));
        ASSERT_FALSE(refused) << name;
        EXPECT_EQ(refused.error().kind, ErrorKind::denied);
        EXPECT_NE(refused.error().message.find("\"unified\" has 'cgroup."), std::string::npos) << refused.error().message;
    }
    EXPECT_FALSE(read(R"({"Unified":{}})"));
    EXPECT_FALSE(read(R"({"unified":[]})"));
}

TEST(HostRequest, PathsAreAddedToWhatIsThere) {
    const HostChanges add{{}, {}, {"/proc/a", "/proc/\"b"}, {"/proc/c"}, {}, {}, {}};
    EXPECT_EQ(changed(R"("linux":{"maskedPaths":["/proc/k"],"readonlyPaths":[]})", add),
              R"("linux":{"maskedPaths":["/proc/a","/proc/\"b","/proc/k"],"readonlyPaths":["/proc/c"]})");
    EXPECT_EQ(changed(R"("linux":{"maskedPaths":null})", add),
              R"("linux":{"readonlyPaths":["/proc/c"],"maskedPaths":["/proc/a","/proc/\"b"]})");
    EXPECT_EQ(changed(R"("linux":{})", add), R"("linux":{"maskedPaths":["/proc/a","/proc/\"b"],"readonlyPaths":["/proc/c"]})");
    EXPECT_EQ(changed(R"("linux":null)", add), R"("linux":{"maskedPaths":["/proc/a","/proc/\"b"],"readonlyPaths":["/proc/c"]})");
    EXPECT_EQ(changed(R"("linux":{ "x" : 1 })", {}), R"("linux":{ "x" : 1 })");
}

TEST(HostRequest, DevicesAreTakenAway) {
    HostChanges changes;
    changes.removed_devices = {true, false, true};
    changes.device_rules = {{false, 'a', std::nullopt, std::nullopt, "rwm"}, {true, 'c', 10, std::nullopt, "r"}};
    const std::string rules = R"("devices":[{"allow":false,"access":"rwm"},{"allow":true,"type":"c","major":10,"access":"r"}])";
    EXPECT_EQ(changed(R"("linux":{"devices":[{"path":"/a"}, {"path":"/b"}, {"path":"/c"}],"resources":{"devices":[{"allow":true}],"x":1}})",
                      changes),
              R"("linux":{"devices":[{"path":"/b"}],"resources":{)" + rules + R"(,"x":1}})");
    changes.removed_devices = {};
    EXPECT_EQ(changed(R"("linux":{"resources":{"x":1}})", changes), R"("linux":{"resources":{)" + rules + R"(,"x":1}})");
    EXPECT_EQ(changed(R"("linux":{"resources":{"devices":null}})", changes), R"("linux":{"resources":{)" + rules + "}}");
    EXPECT_EQ(changed(R"("linux":{"resources":null})", changes), R"("linux":{"resources":{)" + rules + "}}");
    EXPECT_EQ(changed(R"("linux":{})", changes), R"("linux":{"resources":{)" + rules + "}}");
}

TEST(HostRequest, SourcesOfMounts) {
    HostChanges changes;
    changes.mount_sources = {{1, "/srv/\"x"}};
    changes.removed_mounts = {};
    EXPECT_EQ(changed(R"("mounts":[{"source":"/a"},{"destination":"/d", "source" : "../b"}])", changes),
              R"("mounts":[{"source":"/a"},{"destination":"/d", "source" : "/srv/\"x"}])");
}

TEST(HostRequest, MountsAreTakenAway) {
    HostChanges changes;
    changes.removed_mounts = {true, false};
    EXPECT_EQ(changed(R"("mounts":[{"source":"/a"}, {"destination":"/d"}])", changes), R"("mounts":[{"destination":"/d"}])");
}

}  // namespace
}  // namespace aa::oci
