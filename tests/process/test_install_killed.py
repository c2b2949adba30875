# SPDX-License-Identifier: Apache-2.0
"""aa-shimctl install and uninstall, killed: both repair what the other left."""

import json
import shutil

import install_tree
from install_tree import OK, TREE


class Killed(install_tree.InstallTest):
    """A SIGKILL in the place of each call that changes something."""

    PROGRAMS = ("/usr/sbin/dockerd", "/usr/sbin/runc")
    CALLS = ("mkdirat", "symlinkat", "renameat", "unlinkat", "openat", "write", "writev", "fsync")

    def setUp(self):
        if not shutil.which("strace"):
            self.skipTest("this test needs strace(1)")
        super().setUp()
        self.put("/etc/docker/daemon.json", '{\n  "debug": false\n}\n')
        self.at("/var/lib").mkdir(parents=True)
        self.put("/lib/systemd/system/docker.service", "[Service]\nExecStart=/usr/sbin/dockerd\n")

    def killed(self, call, number, *arguments):
        """Runs it with a kill at the NUMBER-th CALL; false if there is no such call."""
        trace = ("strace", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={number}")
        return self.ctl(*arguments, prefix=trace, code=None).returncode != OK

    def each_kill(self, prepare, *arguments):
        for call in self.CALLS:
            for number in range(1, 60):
                prepare()
                if not self.killed(call, number, *arguments):
                    break
                yield f"{call} {number}"

    def test_install(self):
        options = ("docker", "--default", "--handlers", "web", "--mandatory")
        before = self.tree()
        self.ctl("install", *options)
        installed = self.tree()
        kills = 0
        for kill in self.each_kill(self.setUp, "install", *options):
            kills += 1
            with self.subTest(kill):
                json.loads(self.at("/etc/docker/daemon.json").read_text())
                kept = TREE.with_name("kept")
                shutil.rmtree(kept, ignore_errors=True)
                shutil.copytree(TREE, kept, symlinks=True)
                self.ctl("uninstall", "docker")
                self.assertEqual(self.tree(), before)
                shutil.rmtree(TREE)
                kept.rename(TREE)
                self.ctl("install", *options)
                self.assertEqual(self.tree().keys(), installed.keys())
                self.assertEqual(self.tree()["etc/docker/daemon.json"], installed["etc/docker/daemon.json"])
                self.ctl("uninstall", "docker")
                self.assertEqual(self.tree(), before)
        self.assertGreater(kills, 20)

    def test_another_engine_tidies_up(self):
        """A kill before there is a record leaves empty folders, which whatever comes next takes away."""
        self.program("/usr/bin/podman")
        before = self.tree()
        kills = 0
        for number in range(1, 10):
            self.killed("mkdirat", number, "install", "docker")
            if list(TREE.glob("var/lib/aa-shim/install/docker/*")):
                break
            kills += 1
            with self.subTest(number):
                self.ctl("install", "podman")
                self.assertFalse(self.at("/var/lib/aa-shim/install/docker").exists())
                self.ctl("uninstall", "podman")
                self.assertEqual(self.tree(), before)
        self.assertEqual(kills, 3)

    def test_update(self):
        before = self.tree()

        def prepare():
            self.setUp()
            self.ctl("install", "docker", "--handlers", "web")

        for kill in self.each_kill(prepare, "install", "docker", "--default", "--handlers", "db", "--mandatory"):
            with self.subTest(kill):
                self.ctl("uninstall", "docker")
                self.assertEqual(self.tree(), before)

    def test_uninstall(self):
        before = self.tree()

        def prepare():
            self.setUp()
            self.ctl("install", "docker", "--default", "--handlers", "web", "--mandatory")

        for kill in self.each_kill(prepare, "uninstall", "docker"):
            with self.subTest(kill):
                self.ctl("uninstall", "docker")
                self.assertEqual(self.tree(), before)
