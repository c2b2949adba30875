# SPDX-License-Identifier: Apache-2.0
"""What the tests of requests that bring something from the host share."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import bundle as bundles
import harness

CEILINGS = {"hostPaths": ["/srv/**"], "devices": ["/dev/fuse"], "hostNamespaces": ["cgroup", "user"], "keepMasked": True}
NAMESPACES = [{"type": kind} for kind in ("mount", "uts", "ipc", "pid", "network")]
READ_ONLY = ["nosuid", "noexec", "nodev", "relatime", "ro"]  # the kernel's files and control groups, as engines mount them
DENY_ALL = {"allow": False, "access": "rwm"}


def bind(source, destination="/in", **more):
    return {"destination": destination, "type": "bind", "source": str(source), "options": ["rbind"]} | more


def overlay(*layers):
    return {"destination": "/in", "type": "overlay", "source": "overlay", "options": [f"lowerdir={':'.join(layers)}"]}


class HostTest(harness.ShimTest):
    def setUp(self):
        super().setUp()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/srv"], check=True)
        self.addCleanup(subprocess.run, ["umount", "/srv"], check=True)
        os.mkdir("/srv/data")
        self.bundles = 0

    def load(self, ceilings, rules=()):
        confinements = {"test": harness.CATALOG["confinements"]["test"] | ceilings}
        result = self.try_to_load({"confinements": confinements, "rules": list(rules), "otherwise": "test", "withoutAppArmor": "capabilities-only"})
        self.assertEqual(result.returncode, 0, result.stderr)

    def next_bundle(self, members):
        self.bundles += 1
        return self.make_bundle(bundles.config(**members), f"bundle{self.bundles}")

    def created(self, **members):
        directory = self.next_bundle(members)
        run = self.create(directory)
        self.assert_forwarded(run, "create", "--bundle", directory, "c1")
        return json.loads(run.record.config)

    def refused(self, *texts, **members):
        run = self.create(self.next_bundle(members))
        for text in texts:
            self.assert_refused(run, text)

    def docker_created(self, *mounts):
        """What comes of a create by dockerd with its data root in /srv/docker."""
        identity = f"{len(os.listdir('/srv/docker')):064x}"
        directory = Path("/run/containerd/io.containerd.runtime.v2.task/moby") / identity
        directory.mkdir(parents=True, mode=0o700)
        self.addCleanup(shutil.rmtree, "/run/containerd", ignore_errors=True)
        document = bundles.config(root={"path": "/srv/docker/overlay2/abc/merged"}, mounts=list(mounts))
        (directory / "config.json").write_bytes(bundles.encode(document))
        os.mkdir(f"/srv/docker/{identity}")
        return self.shim("--root", "/run/docker/runtime-runc/moby", "create", "--bundle", directory, identity)
