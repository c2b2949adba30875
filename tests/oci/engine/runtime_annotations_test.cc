// SPDX-License-Identifier: Apache-2.0
#include "oci/engine/runtime_annotations.h"

#include <gtest/gtest.h>

#include <vector>

namespace aa::oci {
namespace {

TEST(RuntimeAnnotations, WhatRuntimesInterpretSteersThem) {
    for (const char* key : {
             "run.oci.handler",
             "run.oci.hooks.stdout",
             "run.oci.hooks.stderr",
             "run.oci.seccomp.plugins",
             "run.oci.seccomp.receiver",
             "run.oci.seccomp_bpf_data",
             "run.oci.seccomp_fail_unknown_syscall",
             "run.oci.pidfd_receiver",
             "run.oci.delegate-cgroup",
             "run.oci.systemd.subgroup",
             "run.oci.systemd.force_cgroup_v1",
             "run.oci.mount_context_type",
             "run.oci.keep_original_groups",
             "run.oci.timens_offset",
             "run.oci.scheduler",
             "run.oci.a.key.of.tomorrow",
             "org.systemd.property.ExecStopPost",
             "org.criu.config",
             "io.kubernetes.cri.container-type",
             "krun.cpus",
             "module.wasm.image/variant",
             "bundle",
             // runc reads another key in each of these.
             "org.criu.config=/etc/shadow",
             "bundle=/elsewhere",
             "io.kubernetes.cri.container-type=x",
         }) {
        EXPECT_EQ(annotation_kind(key, {}), AnnotationKind::steering) << key;
    }
}

TEST(RuntimeAnnotations, EverythingElseIsData) {
    for (const char* key : {
             "",
             "run",
             "run.oci",
             "org.systemd.property",
             "org.criu",
             "bundled",
             "krun",
             "example.com/run.oci.handler",
             "my.run.oci.handler",
             // Keys of Go's maps and crun's alike are compared byte by byte.
             "Run.oci.handler",
             "RUN.OCI.HANDLER",
             "Bundle",
             " run.oci.handler",
             "org.systemd.Property.X",
             "io.kubernetes.cri.sandbox-id",
             "io.kubernetes.cri-o.Image",
             "io.container.manager",
             "org.opencontainers.image.stopSignal",
             "nerdctl/name",
             "io.podman.annotations.init",
             "io.kubernetes.cri.container-typed",
             "team=run.oci.handler",
         }) {
        EXPECT_EQ(annotation_kind(key, {}), AnnotationKind::data) << key;
    }
}

TEST(RuntimeAnnotations, TheRuntimesOwnListCountsToo) {
    const std::vector<std::string> more{"vendor.exact", "vendor.prefix."};
    for (const char* key : {"vendor.exact", "vendor.prefix.", "vendor.prefix.x", "vendor.exact=1"})
        EXPECT_EQ(annotation_kind(key, more), AnnotationKind::steering) << key;
    for (const char* key : {"vendor.exact.x", "vendor.prefix", "vendor"})
        EXPECT_EQ(annotation_kind(key, more), AnnotationKind::data) << key;
}

struct OwnCase {
    const char* engine;
    const char* key;
    const char* value;
    bool own;
};

constexpr OwnCase kOwnCases[] = {
    {"podman", "org.systemd.property.KillSignal", "15", true},
    {"podman", "org.systemd.property.KillSignal", "", false},
    {"podman", "org.systemd.property.KillSignal", "15 ", false},
    {"podman", "org.systemd.property.KillSignal", "'x'", false},
    {"podman", "org.systemd.property.KillSignal", "111111111111111111111", false},
    {"podman", "org.systemd.property.TimeoutStopUSec", "uint64 10000000", true},
    {"podman", "org.systemd.property.TimeoutStopUSec", "uint64 ", false},
    {"podman", "org.systemd.property.TimeoutStopUSec", "10000000", false},
    {"podman", "org.systemd.property.CollectMode", "'inactive-or-failed'", false},
    {"podman", "run.oci.keep_original_groups", "1", true},
    {"podman", "run.oci.keep_original_groups", "2", false},
    {"podman", "run.oci.mount_context_type", "rootcontext", true},
    {"podman", "run.oci.mount_context_type", "context", false},
    {"podman", "run.oci.hooks.stdout", "1", false},
    {"docker", "org.systemd.property.KillSignal", "15", false},
    {"docker", "run.oci.keep_original_groups", "1", false},
    {"nerdctl", "run.oci.keep_original_groups", "1", false},
    {"other", "run.oci.keep_original_groups", "1", false},
    {"cri-o", "org.systemd.property.TimeoutStopUSec", "uint64 30000000", true},
    {"cri-o", "org.systemd.property.CollectMode", "'inactive-or-failed'", true},
    {"cri-o", "org.systemd.property.CollectMode", "'inactive'", false},
    {"cri-o", "org.systemd.property.DefaultDependencies", "true", true},
    {"cri-o", "org.systemd.property.DefaultDependencies", "false", false},
    {"cri-o", "org.systemd.property.After", "['crio.service']", true},
    {"cri-o", "org.systemd.property.After", "['x.service']", false},
    {"cri-o", "org.systemd.property.ExecStopPost", "x", false},
    {"cri-o", "run.oci.systemd.subgroup", "", true},
    {"cri-o", "run.oci.systemd.subgroup", "x", false},
    {"cri-containerd", "org.systemd.property.Delegate", "true", true},
    {"cri-containerd", "org.systemd.property.Delegate", "false", false},
    {"cri-containerd", "io.kubernetes.cri.container-type", "container", true},
    {"cri-containerd", "io.kubernetes.cri.container-type", "sandbox", true},
    {"cri-containerd", "io.kubernetes.cri.container-type", "x", false},
    {"cri-containerd", "io.kubernetes.cri.container-type=x", "container", false},
    {"other", "io.kubernetes.cri.container-type", "sandbox", true},
    {"docker", "io.kubernetes.cri.container-type", "container", true},
    {"docker", "io.kubernetes.cri.container-type", "sandbox", false},
    {"docker", "org.criu.checkpoint.container.name", "web", true},
    {"docker", "org.criu.config", "", false},
};

TEST(RuntimeAnnotations, AnEngineMaySetWhatItSetsByItself) {
    for (const auto& c : kOwnCases)
        EXPECT_EQ(is_engines_own(c.engine, c.key, c.value), c.own) << c.engine << " " << c.key << "=" << c.value;
}

TEST(RuntimeAnnotations, TheAgentOfAnEngineIsItsOwn) {
    EXPECT_TRUE(is_engines_own_listener("cri-o", "/var/run/crio/seccomp/c1", "c1"));
    EXPECT_TRUE(is_engines_own_listener("cri-o", "/run/crio/seccomp/c1", "c1"));
    EXPECT_FALSE(is_engines_own_listener("cri-o", "/run/crio/seccomp/c2", "c1"));
    EXPECT_FALSE(is_engines_own_listener("cri-o", "/run/crio/seccomp/../crio.sock", "c1"));
    EXPECT_FALSE(is_engines_own_listener("podman", "/run/crio/seccomp/c1", "c1"));
}

}  // namespace
}  // namespace aa::oci
