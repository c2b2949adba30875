# SPDX-License-Identifier: Apache-2.0
"""What the tests of a node's agent share: deliveries to it, and rounds of it."""

import shutil
import subprocess
import time

import harness
from node_tree import Node

OK, WRONG, USAGE, SYSTEM = range(4)
STATUS = "run/aa-shim/node-status"
PENDING = "restart pending"

GOOD = {"10-test.json": harness.CATALOG, "aa-test": harness.PROFILE}
OTHER = {"10-test.json": harness.CATALOG | {"rules": []}, "aa-test": harness.PROFILE}
UNKNOWN_KEY = GOOD | {"20-more.json": '{\n  "confinments": {} }'}
BROKEN_PROFILE = GOOD | {"aa-test": "profile aa-test {\n  network tcp 80,\n}\n"}


class NodeTest(harness.ShimTest):
    def setUp(self):
        if shutil.which("apparmor_parser", path="/usr/sbin:/sbin") is None:
            self.skipTest("the node's apparmor_parser is the real one: install apparmor")
        super().setUp()
        directory = harness.WORK / "node"
        directory.mkdir()
        self.node = Node(directory)
        self.node.deliver(GOOD)

    def once(self, *options, code=OK, **more):
        result = self.node.run("--once", *options, **more)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result

    def make_ready(self):
        """A node in order; its hash."""
        self.once(code=WRONG)
        self.node.start_containerd()
        self.once()
        return self.node.told()[-1]["annotations"]["aa-shim/catalog"]

    def assert_told(self, ready, *parts):
        """The last that the cluster was told."""
        told = self.node.told()[-1]
        self.assertEqual(told["labels"], {"aa-shim/ready": "true" if ready else None})
        for part in parts:
            self.assertIn(part, told["annotations"]["aa-shim/status"])
        self.assertNotIn("\n", told["annotations"]["aa-shim/status"])
        return told

    def until(self, condition, seconds=30):
        end = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), end, self.node.told())
            time.sleep(0.1)

    def start(self, *options):
        command = self.node.command("--interval", 1, *options)
        process = subprocess.Popen(command, env=self.node.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process
