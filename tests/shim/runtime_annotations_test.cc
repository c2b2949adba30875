// SPDX-License-Identifier: Apache-2.0
#include "shim/runtime_annotations.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace aa::shim {
namespace {

apparmor::Confinement web() {
    apparmor::Confinement confinement;
    confinement.name = "web";
    confinement.origin = {"c.json", 3, 5};
    confinement.runtime_annotations = {
        {"run.oci.keep_original_groups", std::nullopt}, {"run.oci.handler", "{wasm,krun}"}, {"org.systemd.property.*", "uint64 *"}};
    return confinement;
}

struct Case {
    const char* engine;
    std::string_view key;
    std::string_view value;
    const char* outcome;  // "data", "own", "listed", "refused"
};

constexpr Case kCases[] = {
    {"docker", "team", "run.oci.handler", "data"},
    {"docker", "run.oci.seccomp.plugins", "/tmp/evil.so", "refused"},
    {"docker", "run.oci.seccomp_bpf_data", "AAAA", "refused"},
    {"docker", "run.oci.hooks.stdout", "/etc/cron.d/x", "refused"},
    {"docker", "org.criu.config", "/tmp/x", "refused"},
    {"docker", "org.criu.config=/tmp/x", "", "refused"},
    {"docker", "run.oci.keep_original_groups", "1", "listed"},
    {"docker", "run.oci.keep_original_groups", "anything", "listed"},
    {"docker", "run.oci.handler", "wasm", "listed"},
    {"docker", "run.oci.handler", "krunx", "refused"},
    {"docker", "run.oci.handler=", "wasm", "refused"},
    {"docker", "org.systemd.property.TimeoutStopUSec", "uint64 1", "listed"},
    {"docker", "org.systemd.property.TimeoutStopUSec", "1", "refused"},
    {"docker", "vendor.steers", "1", "refused"},
    {"podman", "org.systemd.property.KillSignal", "15", "own"},
    {"docker", "org.systemd.property.KillSignal", "15", "refused"},
};

TEST(RuntimeAnnotations, WhatSteersTheRuntimeMustBeListed) {
    const std::vector<std::string> unsafe{"vendor.steers"};
    const auto confinement = web();
    for (const auto& c : kCases) {
        const apparmor::FactPair annotations[] = {{"first", "x"}, {c.key, c.value}};
        std::vector<std::string> reasons;
        const auto checked = check_runtime_annotations(&confinement, unsafe, c.engine, annotations, reasons);
        const std::string outcome = c.outcome;
        ASSERT_EQ(checked.has_value(), outcome != "refused") << c.key << "=" << c.value;
        if (outcome == "refused") {
            EXPECT_EQ(checked.error().kind, ErrorKind::denied);
            EXPECT_EQ(checked.error().message,
                      concat({"the annotation '", c.key, "' with the value '", c.value,
                              "' would steer the runtime itself: remove it, or let the operator list it under \"runtimeAnnotations\" of "
                              "confinement 'web' (c.json:3:5)"}));
        }
        const std::vector<std::string> listed{concat({"the annotation '", c.key, "' steers the runtime, and the confinement lists it"})};
        EXPECT_EQ(reasons, outcome == "listed" ? listed : std::vector<std::string>()) << c.key;
    }
}

TEST(RuntimeAnnotations, ASandboxThatNoRuleNamesBringsNone) {
    const apparmor::FactPair annotations[] = {{"run.oci.hooks.stdout", "/etc/cron.d/x"}};
    std::vector<std::string> reasons;
    const auto checked = check_runtime_annotations(nullptr, {}, "cri-o", annotations, reasons);
    ASSERT_FALSE(checked.has_value());
    EXPECT_EQ(checked.error().message,
              "the annotation 'run.oci.hooks.stdout' with the value '/etc/cron.d/x' would steer the runtime itself: remove it, or let the "
              "operator give such sandboxes a rule (\"sandbox\": true) whose confinement lists it under \"runtimeAnnotations\"");
}

TEST(RuntimeAnnotations, ASeccompAgentIsRefusedUnlessItIsTheEngines) {
    oci::Config config;
    EXPECT_TRUE(check_seccomp_listener(config, "docker", "c1").has_value());
    config.seccomp.listener_path = "/run/crio/seccomp/c1";
    EXPECT_TRUE(check_seccomp_listener(config, "cri-o", "c1").has_value());
    const auto checked = check_seccomp_listener(config, "docker", "c1");
    ASSERT_FALSE(checked.has_value());
    EXPECT_EQ(checked.error().kind, ErrorKind::denied);
    EXPECT_EQ(
        checked.error().message,
        "\"linux.seccomp.listenerPath\" is '/run/crio/seccomp/c1': the runtime would connect to that socket of the host and hand it the "
        "container's system calls; take it out of the seccomp profile, or let the operator pass such containers (\"pass\": true)");
}

}  // namespace
}  // namespace aa::shim
