// SPDX-License-Identifier: Apache-2.0
#include "oci/engine/engine.h"

#include <gtest/gtest.h>

#include <array>

#include "tests/oci/engine/records.h"

namespace aa::oci {
namespace {

using namespace test;

TEST(Engine, IsToldByWhereTheCallComesFrom) {
    struct Case {
        const char* name;
        const char* root;
        const char* bundle;
        StringMap annotations;
        Engine engine;
    };
    const char* const docker_root = "/var/run/docker/runtime-runc/moby";
    const char* const docker_bundle = "/run/containerd/io.containerd.runtime.v2.task/moby/ID";
    const char* const cri_root = "/run/containerd/runc/k8s.io";
    const char* const cri_bundle = "/run/containerd/io.containerd.runtime.v2.task/k8s.io/ID";
    const std::array<Case, 30> cases{{
        {"docker", docker_root, docker_bundle, {}, Engine::docker},
        {"docker, own containerd",
         "/x/docker/runtime-runc/moby",
         "/x/docker/containerd/daemon/io.containerd.runtime.v2.task/moby/ID",
         {},
         Engine::docker},
        {"docker, forged annotations", docker_root, docker_bundle, kForged, Engine::docker},
        {"docker's root, another bundle", docker_root, "/srv/bundle", {}, Engine::other},
        {"docker's root, another container's bundle", docker_root, "/run/x/moby/other", {}, Engine::other},
        {"docker's bundle, another root", "/run/runc", docker_bundle, {}, Engine::other},
        {"docker's plugin", "/run/docker/runtime-runc/plugins.moby", "/run/x/plugins.moby/ID", {}, Engine::other},
        {"docker's look-alike", "/var/run/docker/xruntime-runc/moby", docker_bundle, {}, Engine::other},
        {"docker in a namespace of Kubernetes'", "/var/run/docker/runtime-runc/k8s.io", cri_bundle, kForged, Engine::other},
        {"a container run in docker's namespace by hand", "/run/containerd/runc/moby", docker_bundle, {}, Engine::other},
        {"containerd CRI", cri_root, cri_bundle, kCri, Engine::cri_containerd},
        {"containerd CRI wins", cri_root, cri_bundle, kForged, Engine::cri_containerd},
        {"containerd CRI, no mark", cri_root, cri_bundle, {}, Engine::other},
        {"containerd CRI, another namespace's bundle", cri_root, "/run/x/default/ID", kCri, Engine::other},
        {"annotations alone", "/run/runc", "/srv/bundle", kForged, Engine::other},
        {"annotations in another namespace", "/run/containerd/runc/default", "/run/x/default/ID", kCri, Engine::other},
        {"nerdctl", "/run/containerd/runc/default", "/run/x/default/ID", kNerdctl, Engine::nerdctl},
        {"nerdctl in Kubernetes' namespace", cri_root, cri_bundle, kNerdctl, Engine::nerdctl},
        {"ctr", "/run/containerd/runc/default", "/run/x/default/ID", {}, Engine::other},
        {"podman", "/run/runc", "/var/lib/containers/storage/overlay-containers/ID/userdata", {}, Engine::podman},
        {"podman, another driver", "/run/crun", "/srv/c/vfs-containers/ID/userdata", {}, Engine::podman},
        {"podman, forged annotations", "/run/crun", "/srv/c/vfs-containers/ID/userdata", kForged, Engine::podman},
        {"podman --rootfs", "/run/crun", "/var/lib/containers/storage/libpod/ID", {}, Engine::podman},
        {"podman --rootfs, later", "/run/crun", "/var/lib/containers/storage/libpod/ID/userdata", {}, Engine::podman},
        {"another container's userdata", "/run/crun", "/srv/overlay-containers/other/userdata", {}, Engine::other},
        {"no driver's directory", "/run/crun", "/srv/containers/ID/userdata", {}, Engine::other},
        {"a person", "/run/runc", "/srv/bundle", {}, Engine::other},
        {"relative", "runtime-runc/moby", "moby/ID", {}, Engine::other},
        {"not clean", "/x/runtime-runc/./moby", docker_bundle, {}, Engine::other},
        {"nothing", "", "", {}, Engine::other},
    }};
    for (const auto& c : cases) {
        const std::string bundle = with_id(c.bundle);
        EXPECT_EQ(engine_name(identify_engine({c.root, bundle, kId}, config_with(c.annotations))), engine_name(c.engine)) << c.name;
    }
}

TEST(Engine, IsOtherForAnIdThatNoRuntimeTakes) {
    EXPECT_EQ(identify_engine({"/r/runtime-runc/moby", "/b/moby/*", "*"}, Config{}), Engine::other);
    EXPECT_EQ(identify_engine({"/r/runtime-runc/moby", "/b/moby/", ""}, Config{}), Engine::other);
}

TEST(Engine, HasAName) {
    EXPECT_EQ(engine_name(Engine::docker), "docker");
    EXPECT_EQ(engine_name(Engine::cri_containerd), "cri-containerd");
    EXPECT_EQ(engine_name(Engine::cri_o), "cri-o");
    EXPECT_EQ(engine_name(Engine::podman), "podman");
    EXPECT_EQ(engine_name(Engine::nerdctl), "nerdctl");
    EXPECT_EQ(engine_name(Engine::other), "other");
}

TEST(EngineFacts, OfNobodyKnownAreNone) {
    const auto facts = read_engine_facts(Engine::other, {"/run/runc", "/b", "x1"}, config_with(kForged));
    ASSERT_TRUE(facts);
    EXPECT_EQ(facts->engine, Engine::other);
    EXPECT_EQ(facts->container + facts->image + facts->pod + facts->kubernetes_namespace, "");
    EXPECT_EQ(facts->labels, StringMap{});
    EXPECT_FALSE(facts->sandbox);
    EXPECT_FALSE(facts->privileged.has_value());
}

// ---- containerd

TEST(EngineFacts, OfACriContainer) {
    const auto config = config_with({{"io.kubernetes.cri.container-type", "container"},
                                     {"io.kubernetes.cri.container-name", "web"},
                                     {"io.kubernetes.cri.image-name", "docker.io/library/nginx:1.27"},
                                     {"io.kubernetes.cri.sandbox-id", "77"},
                                     {"io.kubernetes.cri.sandbox-name", "shop-7d9"},
                                     {"io.kubernetes.cri.sandbox-namespace", "prod"}});
    const auto facts = read_engine_facts(Engine::cri_containerd, {"", "", kId}, config);
    ASSERT_TRUE(facts);
    EXPECT_EQ(facts->engine, Engine::cri_containerd);
    EXPECT_EQ(facts->kubernetes_namespace, "prod");
    EXPECT_EQ(facts->pod, "shop-7d9");
    EXPECT_EQ(facts->container, "web");
    EXPECT_EQ(facts->image, "docker.io/library/nginx:1.27");
    EXPECT_FALSE(facts->sandbox);
    EXPECT_FALSE(facts->privileged.has_value());
}

TEST(EngineFacts, OfACriSandbox) {
    const auto config = config_with({{"io.kubernetes.cri.container-type", "sandbox"},
                                     {"io.kubernetes.cri.podsandbox.image-name", "registry.k8s.io/pause:3.10"},
                                     {"io.kubernetes.cri.sandbox-name", "shop-7d9"},
                                     {"io.kubernetes.cri.sandbox-namespace", "prod"}});
    const auto facts = read_engine_facts(Engine::cri_containerd, {"", "", kId}, config);
    ASSERT_TRUE(facts);
    EXPECT_TRUE(facts->sandbox);
    EXPECT_EQ(facts->pod, "shop-7d9");
    EXPECT_EQ(facts->container, "");
    EXPECT_EQ(facts->image, "registry.k8s.io/pause:3.10");
}

TEST(EngineFacts, OfNerdctl) {
    struct Case {
        const char* value;
        std::optional<bool> privileged;
    };
    for (const auto& c : {Case{"true", true}, Case{"false", false}, Case{"TRUE", std::nullopt}, Case{"", std::nullopt}}) {
        const auto facts =
            read_engine_facts(Engine::nerdctl, {"", "", kId}, config_with({{"nerdctl/name", "web-1"}, {"nerdctl/privileged", c.value}}));
        ASSERT_TRUE(facts);
        EXPECT_EQ(facts->engine, Engine::nerdctl);
        EXPECT_EQ(facts->container, "web-1");
        EXPECT_EQ(facts->privileged, c.privileged) << c.value;
    }
}

}  // namespace
}  // namespace aa::oci
