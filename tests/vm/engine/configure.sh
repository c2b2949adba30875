# SPDX-License-Identifier: Apache-2.0
#
# On the engine host, in the shared folder: containerd's CRI and Podman with aa-shim as their runtime. Sourced.
# shellcheck shell=sh
# CRI plugins of containerd 1 and 2 read different tables. Pods bring those annotations that a handler lists.
handler() {
    cat <<END
[plugins."$1".containerd.runtimes.$2]
runtime_type = "io.containerd.runc.v2"
pod_annotations = ["scenario", "example.aa/*", "aa-shim/*"]
container_annotations = ["scenario", "example.aa/*", "aa-shim/*"]
[plugins."$1".containerd.runtimes.$2.options]
BinaryName = "/usr/bin/$2"
END
}

case $(containerd --version) in
    *" "1.* | *" "v1.*)
        version=2 runtime=io.containerd.grpc.v1.cri
        images="[plugins.\"$runtime\"]
sandbox_image = \"docker.io/aa-example/pause:latest\"" ;;
    *)
        version=3 runtime=io.containerd.cri.v1.runtime
        images='[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "docker.io/aa-example/pause:latest"' ;;
esac
mkdir -p /etc/containerd /etc/cni/net.d /etc/containers/containers.conf.d
{
    echo "version = $version"
    echo "$images"
    printf '[plugins."%s".cni]\nbin_dir = "/usr/lib/cni"\nconf_dir = "/etc/cni/net.d"\n' "$runtime"
    printf '[plugins."%s".containerd]\ndefault_runtime_name = "aa-shim"\n' "$runtime"
    handler "$runtime" aa-shim
    handler "$runtime" aa-shim-web
} > /etc/containerd/config.toml
cat > /etc/cni/net.d/10-test.conflist <<'END'
{
  "cniVersion": "0.4.0", "name": "test",
  "plugins": [{ "type": "bridge", "bridge": "cni-test", "isGateway": true, "ipam": { "type": "host-local", "ranges": [[{ "subnet": "10.77.0.0/24" }]] } }]
}
END

cat > /etc/containers/containers.conf.d/50-test.conf <<'END'
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "aa-shim"
runtime_supports_json = ["aa-shim", "aa-shim-web", "crun", "runc"]
[engine.runtimes]
aa-shim = ["/usr/bin/aa-shim"]
aa-shim-web = ["/usr/bin/aa-shim-web"]
[containers]
log_driver = "k8s-file"
END
