# SPDX-License-Identifier: Apache-2.0
#
# On the engine host, in the shared folder: containerd's CRI and Podman with aa-shim as their runtime. Sourced.
# shellcheck shell=sh
# The plugins of containerd 1 and 2 read different tables.
case $(containerd --version) in
    *" "1.* | *" "v1.*)
        cat > /etc/containerd/config.toml <<'END'
version = 2
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "docker.io/aa-example/pause:latest"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
END
        ;;
    *)
        cat > /etc/containerd/config.toml <<'END'
version = 3
[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "docker.io/aa-example/pause:latest"
[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["/usr/lib/cni"]
END
        ;;
esac
aa-shimctl install containerd --default --handlers web > /tmp/install-containerd || { cat /tmp/install-containerd; exit 1; }
# What else of a pod's annotations a handler lets through is the operator's choice.
sed -i 's#_annotations = \["aa-shim/\*"\]#_annotations = ["aa-shim/*", "scenario", "example.aa/*"]#' /etc/containerd/config.toml
mkdir -p /etc/cni/net.d
cat > /etc/cni/net.d/10-test.conflist <<'END'
{
  "cniVersion": "0.4.0", "name": "test",
  "plugins": [{ "type": "bridge", "bridge": "cni-test", "isGateway": true, "ipam": { "type": "host-local", "ranges": [[{ "subnet": "10.77.0.0/24" }]] } }]
}
END

mkdir -p /etc/containers/containers.conf.d
cat > /etc/containers/containers.conf.d/50-test.conf <<'END'
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
[containers]
log_driver = "k8s-file"
END
# One aa-shim becomes one runtime, and the scenarios choose it.
aa-shimctl install podman --default --handlers web --replace-runtime > /tmp/install-podman || { cat /tmp/install-podman; exit 1; }
