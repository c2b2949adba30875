// SPDX-License-Identifier: Apache-2.0
#include "oci/engine/own_mounts.h"

#include <gtest/gtest.h>

namespace aa::oci {
namespace {

const std::string kId(64, 'a');
const std::string kSandbox(64, 'c');
const std::string kUid = "1b0c7a52-94d3-4f0e-8a6c-5d2e9f7b3c11";

struct Case {
    std::string destination;
    std::string source;
    MountOwner owner;
};

void expect(Engine engine, const EngineCall& call, const Config& config, const std::vector<Case>& cases) {
    const EngineMounts own(engine, call, config);
    for (const auto& c : cases) {
        Mount mount;
        mount.destination = c.destination;
        mount.source = c.source;
        EXPECT_EQ(own.owner(mount, c.source), c.owner) << c.source << " at " << c.destination;
    }
}

TEST(OwnMounts, OfDocker) {
    const std::string bundle = "/run/containerd/io.containerd.runtime.v2.task/moby/" + kId;
    const EngineCall call{"/run/docker/runtime-runc/moby", bundle, kId};
    Config config;
    config.root_path = "/data/docker/overlay2/abc/merged";
    config.host.namespaces = {{"ipc", ""}};
    const std::string data = "/data/docker";
    expect(Engine::docker, call, config,
           {{"/etc/hosts", data + "/containers/" + kId + "/hosts", MountOwner::engine},
            {"/dev/shm", data + "/containers/" + kId + "/mounts/shm", MountOwner::engine},
            {"/x", data + "/containers/" + kId + "/mounts/other", MountOwner::storage},
            {"/x", data + "/containers/" + std::string(64, 'b') + "/hosts", MountOwner::caller},
            {"/etc/hosts", data + "/containers/" + std::string(64, 'b') + "/hosts", MountOwner::engine},
            {"/dev/shm", data + "/containers/" + std::string(64, 'b') + "/mounts/shm", MountOwner::engine},
            {"/x", data + "/volumes/v/_data", MountOwner::storage},
            {"/x", data + "/volumes/v/_data/sub", MountOwner::storage},
            {"/x", data + "/tmp/safe-mount123", MountOwner::storage},
            {"/x", data + "/tmp/safe-mount123/x", MountOwner::caller},
            {"/x", data + "/tmp/docker-builder123", MountOwner::caller},
            {"/x", data + "/tmp", MountOwner::caller},
            {"/x", data + "/overlay2/abc/merged", MountOwner::caller},
            {"/x", data + "/volumes", MountOwner::caller},
            {"/x", "/var/lib/docker/volumes/v/_data", MountOwner::caller},
            {"/x", data, MountOwner::caller},
            {"/x", "/", MountOwner::caller},
            {"/sbin/docker-init", "/usr/bin/docker-init", MountOwner::engine},
            {"/sbin/docker-init", "/home/u/docker-init", MountOwner::caller},
            {"/catatonit", "/usr/libexec/podman/catatonit", MountOwner::engine},
            {"/dev/shm", "/dev/shm", MountOwner::caller}});
    config.host.namespaces = {};
    expect(Engine::docker, call, config, {{"/dev/shm", "/dev/shm", MountOwner::engine}, {"/x", "/dev/shm", MountOwner::caller}});
}

TEST(OwnMounts, OfPods) {
    const std::string bundle = "/run/containerd/io.containerd.runtime.v2.task/k8s.io/" + kId;
    const EngineCall call{"/run/containerd/runc/k8s.io", bundle, kId};
    Config config;
    config.annotations = {{"io.kubernetes.cri.sandbox-id", kSandbox, {}}};
    config.cgroups_path = "kubepods-burstable-pod1b0c7a52_94d3_4f0e_8a6c_5d2e9f7b3c11.slice:cri-containerd:" + kId;
    const std::string pod = "/var/lib/kubelet/pods/" + kUid;
    const std::string cri = "/run/containerd/io.containerd.grpc.v1.cri";
    expect(Engine::cri_containerd, call, config,
           {{"/etc/hosts", pod + "/etc-hosts", MountOwner::engine},
            {"/t", pod + "/volumes/kubernetes.io~secret/t", MountOwner::engine},
            {"/t", pod + "/volumes/kubernetes.io~local-volume/t", MountOwner::storage},
            {"/t", pod + "/volume-subpaths/v/c/0", MountOwner::storage},
            {"/t", "/var/lib/kubelet/pods/2b0c7a52-94d3-4f0e-8a6c-5d2e9f7b3c11/volumes/kubernetes.io~secret/t", MountOwner::caller},
            {"/t", "/var/lib/kubelet/pods", MountOwner::caller},
            {"/dev/shm", cri + "/sandboxes/" + kSandbox + "/shm", MountOwner::engine},
            {"/dev/shm", cri + "/sandboxes/" + std::string(64, 'd') + "/shm", MountOwner::caller},
            {"/etc/resolv.conf", "/data/containerd/io.containerd.grpc.v1.cri/sandboxes/" + kSandbox + "/resolv.conf", MountOwner::engine}});
    // A static pod's.
    config.cgroups_path = "/kubepods/besteffort/pod0123456789abcdef0123456789abcdef/" + kId;
    expect(Engine::cri_containerd, call, config,
           {{"/etc/hosts", "/data/kubelet/pods/0123456789abcdef0123456789abcdef/etc-hosts", MountOwner::engine}});
    // Whoever chooses the cgroup may not look like kubelet.
    config.cgroups_path = "/mine";
    expect(Engine::cri_containerd, call, config, {{"/etc/hosts", pod + "/etc-hosts", MountOwner::caller}});
}

TEST(OwnMounts, OfPodman) {
    const std::string storage = "/var/lib/containers/storage";
    const std::string bundle = storage + "/overlay-containers/" + kId + "/userdata";
    const EngineCall call{"/run/runc", bundle, kId};
    const Config config;
    expect(Engine::podman, call, config,
           {{"/etc/hosts", "/run/containers/storage/overlay-containers/" + kId + "/userdata/hosts", MountOwner::engine},
            {"/run/secrets/s", bundle + "/secrets/s", MountOwner::storage},
            {"/dev/shm", storage + "/overlay-containers/other/userdata/shm", MountOwner::engine},
            {"/x", storage + "/overlay-containers/other/userdata/shm", MountOwner::caller},
            {"/etc/hosts", "/run/user/1000/containers/overlay-containers/other/userdata/hosts", MountOwner::engine},
            {"/etc/passwd", storage + "/overlay-containers/other/userdata/passwd", MountOwner::caller},
            {"/x", storage + "/overlay-containers/other/userdata/secrets/s", MountOwner::caller},
            {"/x", storage + "/volumes/v/_data", MountOwner::storage},
            {"/run/podman-init", "/usr/libexec/podman/catatonit", MountOwner::engine},
            {"/x", storage, MountOwner::caller},
            {"/sys", "/sys", MountOwner::caller}});
}

TEST(OwnMounts, OfABuildStep) {
    const EngineCall call{"/run/x", "/var/lib/docker/buildkit/executor/abc", "abc"};
    expect(Engine::other, call, {},
           {{"/etc/hosts", "/var/lib/docker/buildkit/executor/hosts.1", MountOwner::engine},
            {"/cache", "/var/lib/docker/overlay2/x/diff", MountOwner::storage},
            {"/run/secrets/s", "/var/lib/docker/tmp/buildkit-secrets12/x7", MountOwner::storage},
            {"/ssh", "/var/lib/docker/tmp/.buildkit-ssh-sock12/ssh_auth_sock", MountOwner::storage},
            {"/from", "/var/lib/docker/tmp/buildkit-mount12", MountOwner::storage},
            {"/from", "/var/lib/docker/tmp/buildkit-mount12/file", MountOwner::storage},
            {"/x", "/var/lib/docker/tmp/docker-import-1", MountOwner::caller},
            {"/x", "/var/lib/docker/tmp", MountOwner::caller},
            {"/x", "/var/lib/docker/containers/c/hosts", MountOwner::caller}});
}

// A bundle that a person made has nothing of its own: its ID is the person's choice.
TEST(OwnMounts, OfNoEngine) {
    const EngineCall call{"/run/runc", "/home/u/bundle", kId};
    expect(Engine::other, call, {},
           {{"/x", "/home/u/" + kId + "/hosts", MountOwner::caller},
            {"/dev/shm", "/dev/shm", MountOwner::caller},
            {"/sbin/docker-init", "/usr/bin/docker-init", MountOwner::caller}});
}

}  // namespace
}  // namespace aa::oci
