# SPDX-License-Identifier: Apache-2.0
"""As test_faults, for what aa-shimctl writes on a host: whichever of its system calls fails, whenever it is killed, the engine's configuration and
the operator's files are the old or the new ones, it does not say that all is well unless it is, and the next command does its work."""

import json
import shutil

import faults
import harness
import install_tree
import test_faults
import watching
from install_tree import OK, TREE
from node_test import OTHER, STATUS, NodeTest

SAMPLE = 40


def chosen(calls):
    """The faults to try, of all that can happen to CALLS: all, or so many, and of each kind some."""
    every = [fault for call in calls for fault in faults.faults_of(*call)]
    return every if test_faults.Faults.exhaustive else every[:: max(1, len(every) // SAMPLE)]


class Install(install_tree.InstallTest):
    PROGRAMS = ("/usr/sbin/dockerd", "/usr/sbin/runc")
    OPTIONS = ("docker", "--default", "--handlers", "web", "--mandatory")
    CONFIG = "etc/docker/daemon.json"

    def setUp(self):
        super().setUp()
        self.put(self.CONFIG, '{\n  "debug": false\n}\n')
        self.at("/var/lib").mkdir(parents=True)
        self.put("/lib/systemd/system/docker.service", "[Service]\nExecStart=/usr/sbin/dockerd\n")

    def again(self, installed=False):
        shutil.rmtree(TREE)
        self.setUp()
        if installed:
            self.ctl("install", *self.OPTIONS)

    def contents(self):
        """The tree without the time that the record of an install notes."""
        return {name: what for name, what in self.tree().items() if not name.startswith("var/lib/aa-shim/install/")}

    def check(self, arguments, installed):
        self.again(installed)
        before = self.contents()
        self.ctl(*arguments, prefix=faults.prefix("list"))
        after, calls = self.contents(), faults.listed()
        for fault in chosen(calls):
            with self.subTest(str(fault)):
                self.again(installed)
                result = self.ctl(*arguments, code=None, prefix=faults.prefix(*fault.words))
                # A killed program's child has its lock until it is another program.
                self.assertTrue(watching.await_end_of(harness.CTL, harness.TIMEOUT))
                self.assert_safe(fault, result, before, after)

    def assert_safe(self, fault, result, before, after):
        config = self.contents()[self.CONFIG]
        self.assertIn(config, (before[self.CONFIG], after[self.CONFIG]))
        json.loads(config[2])
        if result.returncode == OK:
            # Where it could not be looked whether there is a runtime in its usual place, the link that names it is made, too.
            # A folder whose contents the kernel hid cannot be removed, and stays until the next time.
            passed = ("etc/aa-shim", "var/lib/aa-shim") if (fault.name, fault.what) == ("getdents64", "nothing") else ("etc/aa-shim",)
            now = {name: what for name, what in self.contents().items() if name in after or not name.startswith(passed)}
            self.assertEqual(now, after)
        elif result.returncode > 0:
            self.assertNotEqual(result.stderr, "")
        self.ctl("uninstall", "docker")
        self.assertEqual(self.contents(), self.original())

    def original(self):
        now = TREE.with_name("now")
        TREE.rename(now)
        try:
            TREE.mkdir()
            self.again()
            return self.contents()
        finally:
            shutil.rmtree(TREE)
            now.rename(TREE)

    def test_install(self):
        self.check(("install", *self.OPTIONS), installed=False)

    def test_uninstall(self):
        self.check(("uninstall", "docker"), installed=True)


class Node(NodeTest):
    """A round of the agent, with another delivery: it says that the node is ready only if it is, and the next round makes it so.

    Half a second each, as two rounds are made of it. So there is one fault to each call, of all kinds in turns, where the others have all."""

    def test_round(self):
        self.make_ready()
        kept = harness.WORK / "kept"
        self.node.deliver(OTHER)
        shutil.copytree(self.node.root, kept, symlinks=True)
        old = self.compiled()
        self.round("list")
        new, calls = self.compiled(), faults.listed()
        self.assertNotEqual(old, new)
        for fault in self.in_turns(calls) if test_faults.Faults.exhaustive else chosen(calls):
            with self.subTest(str(fault)):
                shutil.rmtree(self.node.root)
                shutil.copytree(kept, self.node.root, symlinks=True)
                result = self.round(*fault.words)
                self.assertTrue(watching.await_end_of(harness.CTL, harness.TIMEOUT))  # likewise
                status = (self.node.root / STATUS).read_text()
                self.assertIsInstance(json.loads(status)["ready"], bool)
                if result.returncode == OK:
                    self.assertEqual(self.compiled(), new)
                    self.assertTrue(json.loads(status)["ready"])
                self.once()
                self.assertEqual(self.compiled(), new)

    def in_turns(self, calls):
        for count, call in enumerate(calls):
            every = faults.faults_of(*call)
            yield every[count % len(every)]

    def round(self, *words):
        return self.node.run("--once", prefix=faults.prefix(*words))

    def compiled(self):
        return (self.node.root / "run/aa-shim/catalog").read_bytes()
