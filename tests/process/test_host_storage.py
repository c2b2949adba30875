# SPDX-License-Identifier: Apache-2.0
"""What a request brings from the host by a place that is the engine's own, or that is judged now and used later."""

import json
import os
import subprocess
from pathlib import Path

import bundle as bundles
from host_test import NAMESPACES, HostTest, bind


class Storage(HostTest):
    def test_below_a_volume(self):
        """What a container can replace there: it costs no rule, but the runtime gets what was looked at, and it is looked at again."""
        os.makedirs("/srv/docker/volumes/own/_data/part")
        os.makedirs("/srv/docker/containers/1")
        Path("/srv/docker/containers/1/hosts").touch()
        os.symlink("part", "/srv/docker/volumes/own/_data/link")
        os.symlink("/srv/docker/containers/1/hosts", "/srv/docker/volumes/own/_data/hosts")
        self.load({"hostPaths": ["/opt/**"]})
        for name, real, destination in (("part", "part", "/in"), ("link", "part", "/in"), ("hosts", "../../../containers/1/hosts", "/etc/hosts")):
            with self.subTest(name):
                run = self.docker_created(bind(f"/srv/docker/volumes/own/_data/{name}", destination))
                seen = json.loads(run.record.config)
                self.assertEqual(seen["mounts"][0]["source"], os.path.normpath(f"/srv/docker/volumes/own/_data/{real}"))
                inode = os.stat(seen["mounts"][0]["source"]).st_ino
                self.assertIn(f"{inode:016x}{len(destination)}:{destination}", seen["annotations"]["aa-shim/mounts"])
        self.assert_refused(self.docker_created(bind("/srv/docker/volumes/own/_data/none")), "does not exist")

    def test_rules_are_not_asked_of_volumes(self):
        os.makedirs("/srv/docker/volumes/own/_data")
        self.load({}, [{"match": {"hostPath": {"outside": ["/usr/**"]}}, "reject": "outside"}])
        self.assertIsNotNone(self.docker_created(bind("/srv/docker/volumes/own/_data")).record)

    def test_a_root_that_is_an_overlay(self):
        """As `podman run --rootfs DIRECTORY:O` makes one, in its own storage."""
        for name in ("upper", "work"):
            os.makedirs(f"/srv/over/{name}")
        identity = "a" * 64
        directory, root = Path(f"/srv/graph/libpod/{identity}"), f"/srv/graph/overlay-containers/{identity}/rootfs/merge"
        for path in (directory, root):
            os.makedirs(path)
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", "lowerdir=/usr/share,upperdir=/srv/over/upper,workdir=/srv/over/work", root], check=True)
        self.addCleanup(subprocess.run, ["umount", root], check=True)
        (directory / "config.json").write_bytes(bundles.encode(bundles.config(root={"path": root})))
        self.load({"hostPaths": ["/srv/over/**"]})
        self.assert_refused(self.create(directory, container=identity), "the mount at '/' brings the host's '/usr/share' (by ")
        self.load({"hostPaths": ["/srv/over/**", "/usr/share"]})
        self.assert_refused(self.create(directory, container=identity), "the mount at '/' is an overlay of the host's '/usr/share', ")
        self.load({"hostPaths": {"paths": ["/srv/over/**", "/usr/share"], "weaker": True}})
        self.assertIsNotNone(self.create(directory, container=identity).record)


class DevicePaths(HostTest):
    def test_the_path_of_a_fifo(self):
        self.load({})
        os.mkfifo("/srv/fifo")
        for path, user in (("/etc/passwd", []), ("/dev/null", [{"type": "user"}])):
            self.refused("has the path of something else", linux={
                "namespaces": [*NAMESPACES, *user], "devices": [{"path": path, "type": "p"}]})
        self.created(linux={"namespaces": NAMESPACES, "devices": [{"path": "/srv/fifo", "type": "p"}]})

    def test_the_path_of_a_device_that_somebody_could_change(self):
        """Where it is mounted, the runtime looks again."""
        self.load({})
        os.symlink("/dev/null", "/srv/data/null")
        os.chmod("/srv/data", 0o777)
        os.mkdir("/srv/roots")  # which root of a container writes where it is mounted
        null = {"type": "c", "major": 1, "minor": 3}
        user = [*NAMESPACES, {"type": "user"}]
        for path in ("/srv/data/null", "/srv/data/none", "/dev/../srv/data/none", "/srv/roots/none", "/dev/../srv/roots/none", "/dev/shm/none"):
            self.refused("in which others than root can put something", linux={"namespaces": user, "devices": [null | {"path": path}]})
        for path in ("dev/null", "../etc/passwd"):
            self.refused("has no absolute path", linux={"namespaces": NAMESPACES, "devices": [null | {"path": path}]})
        self.created(linux={"namespaces": user, "devices": [null | {"path": "/dev/null"}], "uidMappings": [], "gidMappings": []})

    def test_those_that_come_as_mounts(self):
        """As Podman without root gives them. What stays is looked at again before the program begins; what is taken away covers nothing."""
        identity = "a" * 64
        directory = Path(f"/srv/graph/libpod/{identity}")
        os.makedirs(directory)
        self.load({"devices": [], "hostPaths": ["/srv/**"]})
        mounts = [bind("/srv/data", "/dev/kmsg"), bind("/dev/kmsg", "/dev/kmsg"), bind("/dev/null", "/dev/null")]
        (directory / "config.json").write_bytes(bundles.encode(bundles.config(mounts=mounts)))
        seen = json.loads(self.create(directory, container=identity).record.config)
        self.assertEqual(seen["mounts"], [mounts[0], mounts[2]])
        for destination in ("/dev/kmsg", "/dev/null"):
            self.assertIn(f"{len(destination)}:{destination}", seen["annotations"]["aa-shim/mounts"])
