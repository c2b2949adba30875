# SPDX-License-Identifier: Apache-2.0
"""aa-shimctl node restarts the engine through a real systemd (252 and 257), from a pod's PID namespace, capabilities and seccomp."""

import json
import unittest

from node_test import OK, WRONG
from node_tree import SYSTEMCTL
from systemd_node import SystemdNode


class Restart:
    suite = None

    @classmethod
    def setUpClass(cls):
        cls.node = SystemdNode(cls.suite)
        cls.addClassCleanup(cls.node.stop)

    def setUp(self):
        """A node that has heard nothing of aa-shim."""
        self.node.run("sh", "-c", "rm -rf /opt/aa-shim /etc/aa-shim /run/aa-shim")
        self.node.write("etc/containerd/config.toml", "version = 2\n")
        self.node.run("systemctl", "restart", "containerd.service")

    def status(self):
        return json.loads(self.node.run("cat", "/run/aa-shim/node-status").stdout)

    def test_the_engine_is_restarted(self):
        before = self.node.main_pid()
        self.assertNotEqual(before, "0")
        agent = self.node.agent("--once", "--restart-engine")
        self.assertEqual(agent.returncode, OK, agent.stdout + agent.stderr)
        self.assertTrue(self.status()["ready"])
        after = self.node.main_pid()
        self.assertNotIn(after, ("0", before))
        self.assertEqual(self.node.agent("--once", "--restart-engine").returncode, OK)
        self.assertEqual(self.node.main_pid(), after)

    def test_a_restart_that_fails_is_told_in_systemds_words(self):
        self.node.write("etc/systemd/system/containerd.service.d/fails.conf", "[Service]\nExecStartPre=/bin/false\n")
        self.addCleanup(self.node.run, "systemctl", "daemon-reload")
        self.addCleanup(self.node.run, "rm", "/etc/systemd/system/containerd.service.d/fails.conf")
        self.assertEqual(self.node.agent("--once", "--restart-engine").returncode, WRONG)
        self.assertIn("systemctl restart containerd.service failed: Job for containerd.service failed because the control process exited with "
                      "error code.", self.status()["status"])

    def test_a_node_without_dbus_is_told_so(self):
        self.node.run("systemctl", "stop", "dbus.socket", "dbus.service")
        self.addCleanup(self.node.run, "systemctl", "start", "dbus.socket")
        self.node.run("rm", "/run/dbus/system_bus_socket")
        before = self.node.main_pid()
        self.assertEqual(self.node.agent("--once", "--restart-engine").returncode, WRONG)
        self.assertRegex(self.status()["status"], "the node's systemd cannot be asked: systemctl is-active: Failed to connect to .*: No such file or directory: "
                         "restart the engine by hand")
        self.assertEqual(self.node.main_pid(), before)

    def test_the_other_tests_systemctl_is_like_it(self):
        self.node.write("fake", SYSTEMCTL)
        self.node.run("chmod", "755", "/fake")
        bus = "SYSTEMCTL_FORCE_BUS=1"
        for words in ([], [bus]):
            for arguments in (["is-active", "containerd.service"], ["is-active", "k3s.service"], ["daemon-reload"],
                              ["restart", "containerd.service"]):
                # Behind a shell, as systemctl writes elsewhere where it is process 1 itself.
                enter = ("unshare", "--pid", "--fork", "--mount-proc", "sh", "-c", '"$@"; exit $?', "sh", "env", "SYSTEMD_IGNORE_CHROOT=1", *words)
                results = [self.node.run(*enter, program, *arguments) for program in ("systemctl", "/fake")]
                # The reason is what comes after the last colon, before it versions have words of their own; a unit that is not there is 3 or 4.
                real, fake = ((min(result.returncode, 3), result.stdout, result.stderr.strip().rpartition(": ")[2]) for result in results)
                self.assertEqual(real[0] == 0, fake[0] == 0, (words, arguments, results))
                if words == [] or arguments[0] == "is-active":
                    self.assertEqual(real, fake, (words, arguments))


class Systemd252(Restart, unittest.TestCase):
    suite = "bookworm"


class Systemd257(Restart, unittest.TestCase):
    suite = "trixie"
