// SPDX-License-Identifier: Apache-2.0
#include "apparmor/audit/risk.h"

#include <gtest/gtest.h>

#include <string>

#include "base/capability_set.h"
#include "base/text.h"

namespace aa::apparmor {
namespace {

Risk of_file(std::string name, std::string denied, std::string operation = "open") {
    Event event;
    event.operation = std::move(operation);
    event.name = std::move(name);
    event.denied = std::move(denied);
    event.user = event.owner = 0;
    return risk_of(event).risk;
}
Risk of_capability(std::string name) {
    Event event;
    event.operation = "capable";
    event.capability = std::move(name);
    return risk_of(event).risk;
}
Risk of_network(std::string family, std::string type) {
    Event event;
    event.operation = "create";
    event.family = std::move(family);
    event.socket_type = std::move(type);
    return risk_of(event).risk;
}
Risk of_peer(std::string operation, std::string denied, std::string peer) {
    Event event;
    event.operation = std::move(operation);
    event.denied = std::move(denied);
    event.label = "web";
    event.peer = std::move(peer);
    return risk_of(event).risk;
}
Risk of_operation(std::string operation) {
    Event event;
    event.operation = std::move(operation);
    return risk_of(event).risk;
}

TEST(RiskOfARule, WhatGivesTheHostAway) {
    EXPECT_EQ(of_file("/proc/sysrq-trigger", "w"), Risk::never);
    EXPECT_EQ(of_file("/proc/kcore", "r"), Risk::never);
    EXPECT_EQ(of_file("/dev/mem", "r"), Risk::never);
    EXPECT_EQ(of_file("/proc/sys/kernel/core_pattern", "w"), Risk::never);
    EXPECT_EQ(of_file("/sys/kernel/security/apparmor/.load", "w"), Risk::never);
    EXPECT_EQ(of_file("/run/docker.sock", "wr", "connect"), Risk::never);
    EXPECT_EQ(of_file("/var/run/docker.sock", "w"), Risk::never);
    EXPECT_EQ(of_file("/run/containerd/containerd.sock", "wr"), Risk::never);
    EXPECT_EQ(of_file("/dev/sda1", "r"), Risk::never);
    EXPECT_EQ(of_file("/dev/nvme0n1", "r"), Risk::never);
    for (const char* name : {"sys_module", "sys_rawio", "mac_admin", "mac_override", "sys_boot"})
        EXPECT_EQ(of_capability(name), Risk::never) << name;
    EXPECT_EQ(of_peer("ptrace", "trace", "unconfined"), Risk::never);
    EXPECT_EQ(of_operation("profile_replace"), Risk::never);
    Event change;
    change.operation = "change_profile";
    change.name = change.target = "unconfined";
    EXPECT_EQ(risk_of(change).risk, Risk::never);
}

TEST(RiskOfARule, WhatReachesTheHost) {
    EXPECT_EQ(of_file("/proc/keys", "r"), Risk::high);
    EXPECT_EQ(of_file("/proc/key-users", "r"), Risk::high);
    EXPECT_EQ(of_file("/proc/sys/vm/swappiness", "w"), Risk::high);
    EXPECT_EQ(of_file("/proc/1/mem", "r"), Risk::high);
    EXPECT_EQ(of_file("/dev/ttyUSB9x", "r") == Risk::low, true);  // named like a terminal
    EXPECT_EQ(of_file("/dev/snd/x", "r"), Risk::high);
    EXPECT_EQ(of_file("/etc/shadow", "r"), Risk::high);
    EXPECT_EQ(of_file("/usr/bin/x", "w"), Risk::high);
    EXPECT_EQ(of_file("/tmp/x", "x", "exec"), Risk::high);
    for (const char* name : {"sys_admin", "sys_ptrace", "dac_read_search", "net_admin", "bpf", "perfmon", "syslog", "mknod", "sys_time"}) {
        EXPECT_EQ(of_capability(name), Risk::high) << name;
    }
    EXPECT_EQ(of_network("inet", "raw"), Risk::high);
    EXPECT_EQ(of_network("packet", "raw"), Risk::high);
    EXPECT_EQ(of_network("alg", "seqpacket"), Risk::high);
    EXPECT_EQ(of_peer("ptrace", "read", "db"), Risk::high);
    for (const char* operation : {"mount", "umount", "pivotroot", "userns_create", "uring_sqpoll", "change_onexec"}) {
        EXPECT_EQ(of_operation(operation), Risk::high) << operation;
    }
}

TEST(RiskOfARule, WhatStaysInTheContainer) {
    EXPECT_EQ(of_file("/srv/a", "r"), Risk::low);
    EXPECT_EQ(of_file("/tmp/a", "wc"), Risk::low);
    EXPECT_EQ(of_file("/dev/null", "w"), Risk::low);
    EXPECT_EQ(of_file("/etc/a.conf", "r"), Risk::low);
    EXPECT_EQ(of_file("/etc/a.conf", "w"), Risk::medium);
    EXPECT_EQ(of_file("/proc/sys/net/core/somaxconn", "w"), Risk::medium);
    EXPECT_EQ(of_file("/proc/sys/vm/swappiness", "r"), Risk::low);
    EXPECT_EQ(of_file("/bin/ls", "x", "exec"), Risk::medium);
    EXPECT_EQ(of_capability("chown"), Risk::low);
    EXPECT_EQ(of_capability("net_raw"), Risk::medium);
    EXPECT_EQ(of_network("inet", "stream"), Risk::low);
    EXPECT_EQ(of_network("netlink", "raw"), Risk::medium);
    EXPECT_EQ(of_peer("signal", "receive", "unconfined"), Risk::low);
    EXPECT_EQ(of_peer("signal", "send", "web"), Risk::low);
    EXPECT_EQ(of_peer("signal", "send", "db"), Risk::medium);
    EXPECT_EQ(of_peer("ptrace", "trace", "web"), Risk::medium);
    EXPECT_EQ(of_operation("setrlimit"), Risk::low);
}

// A link has the risk of the file that gets another name.
TEST(RiskOfARule, OfALinkIsThatOfWhatItNames) {
    Event link;
    link.operation = "link";
    link.name = "/tmp/a";
    link.denied = "l";
    link.target = "/etc/shadow";
    link.user = link.owner = 0;
    EXPECT_EQ(risk_of(link).risk, Risk::high);
    link.target = "/tmp/b";
    EXPECT_EQ(risk_of(link).risk, Risk::medium);
}

TEST(RiskOfARule, EverythingHasAReason) {
    for (unsigned capability = 0; capability < 41; ++capability) {
        std::string name;
        for (const char c : capability_name(capability)) name += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        Event event;
        event.operation = "capable";
        event.capability = name;
        EXPECT_NE(risk_of(event).reason, "") << name;
    }
    EXPECT_NE(risk_of(Event()).reason, "");
    EXPECT_EQ(risk_name(Risk::never), "never");
}

}  // namespace
}  // namespace aa::apparmor
