# SPDX-License-Identifier: Apache-2.0
"""aa-shimctl node: taking it off a node again, and preparing a tree for one."""

import json
import os
import shutil
import signal
import time

from node_test import OK, PENDING, STATUS, SYSTEM, WRONG, NodeTest
from node_tree import CONTAINERD


class Removal(NodeTest):
    def test_it_leaves_the_node_as_it_was(self):
        self.make_ready()
        self.once("--remove", "--restart-engine")
        self.assertEqual(self.node.read("etc/containerd/config.toml"), CONTAINERD)
        left = [key for key, value in self.node.state().items() if value[1] is not None and not key.startswith("etc/containerd")]
        self.assertEqual(sorted(left), ["run/aa-shim/.load.lock", "run/aa-shim/node-lock"])
        self.assertFalse((self.node.root / "opt/aa-shim").exists())
        first, *_, last = self.node.told()[2:]
        self.assertEqual((first["labels"], first["annotations"]["aa-shim/status"]), ({"aa-shim/ready": None}, "aa-shim is being removed from this node"))
        self.assertEqual((last["labels"], last["annotations"]), ({"aa-shim/ready": None}, {"aa-shim/status": None, "aa-shim/catalog": None}))
        self.once("--remove", "--restart-engine")

    def test_nothing_is_taken_away_before_the_cluster_knows(self):
        self.make_ready()
        before = self.node.state(STATUS)
        self.node.calls.with_suffix(".log.fails").touch()
        result = self.once("--remove", "--restart-engine", code=SYSTEM)
        self.assertEqual(result.stderr, "aa-shimctl: cannot tell the cluster about node 'node-1': kubectl: Unable to connect to the server: no route to host\n")
        self.assertEqual(self.node.state(STATUS), before)
        self.assertEqual(self.node.run("--check").returncode, WRONG)

    def test_programs_stay_until_the_engine_has_been_restarted(self):
        self.make_ready()
        self.assertIn(PENDING, self.once("--remove", code=SYSTEM).stderr)
        self.assertTrue((self.node.root / "opt/aa-shim/bin/aa-shim").exists())
        self.node.start_containerd()
        self.once("--remove")
        self.assertFalse((self.node.root / "opt/aa-shim/bin/aa-shim").exists())

    def test_programs_stay_as_long_as_a_container_needs_them(self):
        self.make_ready()
        bundle = self.node.root / "run/containerd/io.containerd.runtime.v2.task/k8s.io/0a1b2c"
        bundle.mkdir(parents=True)
        (bundle / "options.json").write_text('{"binary_name":"/opt/aa-shim/bin/aa-shim-web"}')
        agent = self.start("--remove", "--restart-engine")
        self.until(lambda: not self.node.read("etc/containerd/config.toml").count("aa-shim"))
        said = agent.stdout.readline()
        self.assertEqual(said, "/opt/aa-shim/bin/aa-shim cannot be removed before the containers that it has started: drain the node, or "
                         "delete their pods (1: 0a1b2c)\n")
        for file in ("opt/aa-shim/bin/aa-shim-web", "opt/aa-shim/bin/aa-shim", "run/aa-shim/catalog"):
            self.assertTrue((self.node.root / file).exists())
        self.until(lambda: "0a1b2c" in (self.node.told()[-1]["annotations"]["aa-shim/status"] or ""))
        self.assert_told(False, f"aa-shim is being removed from this node: {said.strip()}")
        check = self.node.run("--check")
        self.assertEqual((check.returncode, check.stdout.strip()), (WRONG, f"aa-shim is being removed from this node: {said.strip()}"))
        told = len(self.node.told())
        shutil.rmtree(bundle)
        self.until(lambda: not (self.node.root / "opt/aa-shim").exists())
        self.assertIsNone(agent.poll())
        self.until(lambda: self.node.run("--check").returncode == OK)
        self.assertEqual(self.node.run("--check").stdout, "aa-shim is removed from this node\n")
        self.assertEqual([call["annotations"]["aa-shim/status"] for call in self.node.told()[told:]], [None])
        agent.send_signal(signal.SIGTERM)
        self.assertEqual(agent.wait(10), 0)
        self.assertFalse((self.node.root / STATUS).exists())

    def test_ready_is_only_who_has_said_so_itself(self):
        """The probe of a container that was just started does not take the word of the agent before it."""
        self.make_ready()
        time.sleep(0.2)  # nobody starts another container faster
        contained = ("unshare", "--pid", "--fork", "--mount-proc")
        check = self.node.run("--check", prefix=contained)
        self.assertEqual((check.returncode, check.stderr), (SYSTEM, "aa-shimctl: the agent has not finished a round since its container was started\n"))
        script = '"$@" --once > /dev/null; sleep 0.2; exec "$@" --check'
        self.assertEqual(self.node.run(prefix=(*contained, "sh", "-c", script, "sh")).returncode, OK)
        self.assertEqual(self.node.run("--check").returncode, OK)

    def test_ready_is_by_no_clock_that_can_be_set(self):
        """A round is as old as it is, whatever the time of day was then and is now."""
        self.make_ready()
        file = self.node.root / STATUS
        for day in (0, time.time() - 86400, time.time() + 86400):
            os.utime(file, (day, day))
            self.assertEqual(self.node.run("--check").returncode, OK)
        written = json.loads(file.read_text())
        for age, told in ((-5, "since the last boot"), (550, None), (650, "the agent's last round was 650 seconds ago"), (None, "is not what the agent wrote")):
            then = time.clock_gettime(time.CLOCK_BOOTTIME) - age if age else "once"
            file.write_text(json.dumps(written | {"written": then}))
            check = self.node.run("--check")
            self.assertEqual(check.returncode, SYSTEM if told else OK, check.stderr)
            self.assertIn(told or "", check.stderr)


class Preparing(NodeTest):
    def test_a_tree_gets_files_and_nothing_else(self):
        for program in ("usr/sbin/apparmor_parser", "usr/bin/systemctl", "bin/sh"):
            (self.node.root / program).unlink()
        (self.node.root / "run/containerd/containerd.sock").unlink()
        result = self.node.run("--prepare")
        self.assertEqual(result.returncode, OK, result.stdout + result.stderr)
        self.assertIn("aa-shim-web", self.node.read("etc/containerd/config.toml"))
        for file in ("opt/aa-shim/bin/aa-shim-web", "etc/aa-shim/catalog.d/10-test.json"):
            self.assertTrue((self.node.root / file).exists())
        self.assertFalse((self.node.root / "run/aa-shim/catalog").exists())
        self.assertEqual(self.node.told(), [])
        before = self.node.state(STATUS)
        self.assertEqual(self.node.run("--prepare").returncode, OK)
        self.assertEqual(self.node.state(STATUS), before)
        self.node.run("--prepare", "--remove")
        self.assertEqual(self.node.read("etc/containerd/config.toml"), CONTAINERD)
        self.assertFalse((self.node.root / "opt").exists() and list((self.node.root / "opt").iterdir()))
