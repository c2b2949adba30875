# SPDX-License-Identifier: Apache-2.0
"""A Kubernetes node as a directory: what the agent finds there (the node's own apparmor_parser, containerd's configuration, a
ConfigMap's volume as the kubelet makes it), and programs in its place that only write down how they were called: kubectl, as there
is no cluster, and systemctl, as there is no systemd. test_cluster.py holds the kubectl against the real one,
test_systemd.py the systemctl.
"""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import harness

SHARE = Path(__file__).resolve().parents[2] / "share"

CONTAINERD = """# of the operator's own
version = 2

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "registry.example/pause:3.10" # ours
"""
SOCKET = "run/containerd/containerd.sock"

# Where a pod finds its service account.
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")

# Takes the one call that the agent makes, and no other; without a configuration file it does what kubectl does that has an option
# which overrides something, and asks a server of its own machine.
KUBECTL = """#!/bin/sh
case "$#: $*" in
    "6: patch node "*" --type=merge --request-timeout=20s --patch={{"*) ;;
    *) echo "error: the tests' kubectl does not know: $*" >&2; exit 1 ;;
esac
if ! [ -r "${{KUBECONFIG:-none}}" ]; then
    echo 'The connection to the server localhost:8080 was refused - did you specify the right host or port?' >&2
    exit 1
fi
printf '%s\\n' "$*" >> {log}
test -e {log}.fails && {{ echo 'Unable to connect to the server: no route to host' >&2; exit 1; }}
exit 0
"""
# As the real one from the PID namespace of a pod, where it gets no answer by systemd's own socket.
SYSTEMCTL = """#!/bin/sh
if [ "$SYSTEMCTL_FORCE_BUS" != 1 ]; then
    echo 'Failed to connect to bus: No data available' >&2
    exit 1
fi
echo "$*" >> /systemctl.log
case "$*" in
    "is-active containerd.service") echo active; exit 0 ;;
    is-active*) echo inactive; exit 3 ;;
    "restart containerd.service") : > /run/containerd/containerd.sock ;;
esac
"""


def copy_program(path, root):
    """The program at PATH and what it is linked with, below ROOT at the same places."""
    linked = subprocess.run(["ldd", path], capture_output=True, text=True, check=True).stdout.split()
    for file in (path, *(word for word in linked if word.startswith("/"))):
        target = root / file.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)


class Node:
    """The node, and the agent's place in a pod on it."""

    def __init__(self, directory):
        self.directory = directory
        self.root = directory / "host"
        self.volume = directory / "volume"
        self.kubectl = directory / "kubectl"
        self.calls = directory / "kubectl.log"
        self.generation = 0
        self.environment = os.environ | {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": "1", "TMPDIR": str(directory)}
        ACCOUNT.mkdir(parents=True, exist_ok=True)
        for file in ("token", "ca.crt"):
            (ACCOUNT / file).write_text("")
        for folder in ("dev", "etc/containerd", "run/containerd", "tmp", "usr/bin", "usr/share", "etc/systemd/system"):
            (self.root / folder).mkdir(parents=True)
        os.mknod(self.root / "dev/null", 0o20666, os.makedev(1, 3))
        copy_program("/usr/sbin/apparmor_parser", self.root)
        copy_program("/bin/dash", self.root)
        (self.root / "bin/sh").symlink_to("dash")
        shutil.copytree("/etc/apparmor.d", self.root / "etc/apparmor.d", symlinks=True)
        for folder in ("/usr/share/apparmor-features", "/etc/apparmor"):
            if Path(folder).is_dir():
                shutil.copytree(folder, self.root / folder.lstrip("/"), symlinks=True)
        (self.root / "etc/containerd/config.toml").write_text(CONTAINERD)
        containerd = self.root / "usr/local/bin/containerd"  # as its installation guide places it
        containerd.parent.mkdir(parents=True, exist_ok=True)
        containerd.write_text("")
        containerd.chmod(0o755)
        self.kubectl.write_text(KUBECTL.format(log=self.calls))
        self.kubectl.chmod(0o755)
        systemctl = self.root / "usr/bin/systemctl"
        systemctl.write_text(SYSTEMCTL)
        systemctl.chmod(0o755)
        self.add_runtime("usr/sbin/runc")
        self.start_containerd()

    def add_runtime(self, path):
        runtime = self.root / path
        runtime.parent.mkdir(parents=True, exist_ok=True)
        runtime.write_text("#!/bin/sh\necho runc version 1.1.5\n")
        runtime.chmod(0o755)

    def start_containerd(self):
        """containerd makes its socket anew whenever it starts."""
        (self.root / SOCKET).unlink(missing_ok=True)
        time.sleep(0.02)  # more than the kernel's clock for files may lag
        (self.root / SOCKET).touch()

    def deliver(self, files):
        """The ConfigMap holds FILES: a new directory, and one rename of the link that leads to it."""
        self.generation += 1
        new = self.volume / f"..2026_11_25_10_00_{self.generation:02}.123"
        new.mkdir(parents=True)
        for name, content in files.items():
            (new / name).write_text(content if isinstance(content, str) else json.dumps(content))
        link = self.volume / "..data_tmp"
        link.symlink_to(new.name)
        link.rename(self.volume / "..data")
        for name in files:
            if not (self.volume / name).is_symlink():
                (self.volume / name).symlink_to(f"..data/{name}")
        for old in self.volume.iterdir():
            if old.name.startswith("..2026") and old != new:
                shutil.rmtree(old)
            elif not old.name.startswith("..") and old.name not in files:
                old.unlink()

    def command(self, *options, name="node-1", handlers="web"):
        return [*map(str, (harness.CTL, "node", "--root", self.root, "--catalog", self.volume, "--shim", harness.SHIM, "--kubectl", self.kubectl)),
                *(["--name", name] if name else []), *(["--handlers", handlers] if handlers else []), *map(str, options)]

    def run(self, *options, prefix=(), **more):
        command = [*prefix, *self.command(*options, **more)]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)

    def told(self):
        """What the cluster was told so far: each call's metadata."""
        if not self.calls.exists():
            return []
        return [json.loads(line.partition("--patch=")[2])["metadata"] for line in self.calls.read_text().splitlines()]

    def read(self, path):
        return (self.root / path).read_text()

    def systemctl(self):
        log = self.root / "systemctl.log"
        return [line for line in log.read_text().splitlines() if not line.startswith("is-active")] if log.exists() else []

    def state(self, *without):
        """Every file of ours and of containerd's on the node: path → kind, mode, content, and when it was changed last."""
        found = {}
        for folder in ("opt", "etc/aa-shim", "etc/containerd", "etc/systemd", "var", "run/aa-shim"):
            for directory, folders, files in os.walk(self.root / folder):
                for name in (*folders, *files):
                    path = Path(directory) / name
                    key = str(path.relative_to(self.root))
                    if key in without:
                        continue
                    stat = path.lstat()
                    content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
                    found[key] = (stat.st_mode, content, stat.st_mtime_ns if content is not None else None)
        return found
