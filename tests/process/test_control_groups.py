# SPDX-License-Identifier: Apache-2.0
"""A container's control group bounds its devices: there is one, the container does not leave it, no update gives back what was taken, and it holds
nobody else."""

import json
import subprocess
from pathlib import Path

import harness
import real_runtime
from host_test import DENY_ALL, NAMESPACES, READ_ONLY, HostTest

CGROUP = {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup"}


class Mounts(HostTest):
    def test_those_of_the_host_are_read_only(self):
        """All of the host's, where the container has no namespace of its own for them."""
        own = {"namespaces": [*NAMESPACES, {"type": "cgroup"}]}
        read_only = CGROUP | {"options": READ_ONLY}
        for ceilings in ({"keepMasked": True}, {"devices": []}):
            self.load(ceilings)
            for kind, options in (("cgroup", ["rw"]), ("cgroup2", None), ("cgroup", []), ("cgroup", ["ro", "rw"]), ("cgroup", ["rrw", "ro"])):
                mount = read_only | {"type": kind, "options": options}
                self.assertEqual(self.created(mounts=[mount])["mounts"], [read_only | {"type": kind}])
                self.assertEqual(self.created(mounts=[mount], linux=own)["mounts"], [mount])
            self.assertEqual(self.created(mounts=[CGROUP])["mounts"], [read_only])
            self.assertEqual(self.created(mounts=[CGROUP | {"options": ["ro"]}])["mounts"], [CGROUP | {"options": ["ro"]}])
        self.load({})
        self.assertEqual(self.created(mounts=[CGROUP])["mounts"], [CGROUP])

    def test_what_may_lie_over_them(self):
        """crun makes a copy of what is below a read-only path, which stays writable."""
        mount = CGROUP | {"options": ["ro"]}
        for ceilings in ({"keepMasked": True}, {"devices": []}):
            self.load(ceilings)
            for path in ("/sys", "/link", "/proc/../sys", ""):
                linux = {"namespaces": NAMESPACES, "readonlyPaths": ["/proc/sys", path]}
                self.refused(f"read-only paths '{path}' may lie over the host's control groups", mounts=[mount], linux=linux)
                self.created(mounts=[mount], linux=linux | {"namespaces": [*NAMESPACES, {"type": "cgroup"}]})
                self.created(linux=linux)
            self.created(mounts=[mount], linux={"namespaces": NAMESPACES, "readonlyPaths": ["/proc/sys", "/proc/bus"]})
        self.load({})
        self.created(mounts=[mount], linux=linux)


class WithoutControlGroup(HostTest):
    runtime_name = "crun"

    def test_devices(self):
        """Only a control group keeps them, so there has to be one where they are bounded."""
        disabled = ("--cgroup-manager=disabled",), ("--cgroup-manager", "disabled"), ("--cgroup-man=disabled",)
        self.load({"devices": []})
        users = {"namespaces": [*NAMESPACES, {"type": "user"}]}
        for words in disabled:
            for call in (("create",), ("run",), ("restore", "--image-path", "/srv")):
                run = self.shim(*words, *call, "--bundle", self.next_bundle({}), "c1")
                self.assert_refused(run, "told to make no control group (--cgroup-manager=disabled), without which nothing keeps the devices")
            for more in ((), ("--cgroup-manager=cgroupfs",)):
                directory = self.next_bundle({"linux": users} if not more else {})
                self.assertIsNotNone(self.shim(*words, *more, "create", "--bundle", directory, "c1").record)
        self.load({})
        self.assertIsNotNone(self.shim(*disabled[0], "create", "--bundle", self.next_bundle({}), "c1").record)


class TakesIn(real_runtime.RealRuntime):
    """A runtime writes what files of the control group a request names (`podman run --cgroup-conf`), as root of the host."""

    on_v2 = ("unshare", "--mount", "--propagation", "private", "sh", "-c",
             'umount --recursive --lazy /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec "$@"', "sh")
    group = "aa-shim-test-takes-in"

    def run_naming(self, victim, ceilings):
        confinement = harness.CATALOG["confinements"]["test"] | ceilings
        loaded = self.try_to_load(harness.CATALOG | {"confinements": {"test": confinement}, "rules": []})
        self.assertEqual(loaded.returncode, 0, loaded.stderr)
        directory = self.bundle_for("true", name=f"bundle{victim.pid}")
        file = directory / "config.json"
        document = json.loads(file.read_bytes())
        document["linux"] |= {"cgroupsPath": f"/{self.group}", "resources": {"unified": {"cgroup.procs": str(victim.pid)}}}
        file.write_text(json.dumps(document))
        return self.runtime_call("run", "--bundle", directory, "c1", prefix=self.on_v2)

    def is_taken_in(self, victim):
        file = Path(f"/proc/{victim.pid}/cgroup")
        return victim.poll() is not None or self.group in file.read_text()

    def test_a_process_of_the_host(self):
        if subprocess.run([*self.on_v2, "true"], capture_output=True, check=False).returncode != 0:
            self.skipTest("no control groups of version 2 can be mounted here")
        self.addCleanup(subprocess.run, [*self.on_v2, "sh", "-c", f"rmdir /sys/fs/cgroup/{self.group} 2>&1"], stdout=subprocess.DEVNULL, check=False)
        for ceilings, refused in (({}, False), ({"keepMasked": True}, True), ({"devices": []}, True)):
            victim = subprocess.Popen(["sleep", "1000"])
            with self.subTest(ceilings):
                run = self.run_naming(victim, ceilings)
                self.assertEqual(self.is_taken_in(victim), not refused, run.message)
                if refused:
                    self.assert_refused(run, "of its control group the container asks to have 'cgroup.procs' written")
            victim.kill()
            victim.wait()


class RuncTakesIn(real_runtime.Runc, TakesIn, harness.ShimTest):
    """As its file system of groups has it."""


class CrunTakesIn(real_runtime.Crun, TakesIn, harness.ShimTest):
    """Likewise."""


class Update(HostTest):
    """crun sets the rules of the device cgroup that an update brings, and Podman brings those that were once asked for."""

    runtime_name = "crun"
    rules = [DENY_ALL, {"allow": True, "type": "b", "major": 8, "minor": 0, "access": "rwm"}]

    def setUp(self):
        super().setUp()
        self.file = harness.WORK / "resources.json"

    def write(self, text):
        self.file.write_text(text)

    def test_rules_for_devices_are_taken_out(self):
        self.write(json.dumps({"pids": {"limit": 100}, "devices": self.rules, "unified": {"memory.high": "max"}}))
        for words in (("--resources", self.file), ("-r", self.file), (f"--resources={self.file}",)):
            run = self.shim("update", *words, "c1")
            self.assertIsNotNone(run.record, run.message)
            self.assertEqual(json.loads(run.record.resources), {"pids": {"limit": 100}, "devices": [], "unified": {"memory.high": "max"}})
        with self.file.open() as stdin:
            run = self.shim("update", "--resources=-", "c1", stdin=stdin)
            self.assertIsNotNone(run.record, run.message)
            self.assertEqual(json.loads(run.record.resources)["devices"], [])

    def test_what_has_none_stays(self):
        for text in ('{"pids": {"limit": 7}}', '{ "devices":null }', "{}"):
            self.write(text)
            self.assertEqual(self.shim("update", "-r", self.file, "c1").record.resources.decode().replace("[]", "null"), text)
        self.assert_forwarded(self.shim("update", "--pids-limit", "7", "c1"), "update", "--pids-limit", "7", "c1")

    def test_what_cannot_be_read_is_refused(self):
        for text in ('{"devices":', '{"devices":[],"devices":[]}', "[]", '{"devices":{}}'):
            self.write(text)
            run = self.shim("update", "-r", self.file, "c1")
            self.assert_refused(run, "update of container 'c1'")
            self.assertIn(str(self.file), run.message)
        self.assertIsNone(self.shim("update", "-r", "/srv/missing", "c1").record)


    def test_what_is_no_limit_is_refused(self):
        for name in ("cgroup.procs", "cgroup.threads"):
            self.write(json.dumps({"unified": {"memory.high": "max", name: "1"}}))
            self.assert_refused(self.shim("update", "--resources", self.file, "c1"), f"update of container 'c1': the resources in '{self.file}': \"unified\" has '{name}'")


class UpdateOfRunc(Update):
    runtime_name = "runc"

    def test_what_versions_disagree_about_goes_through(self):
        """As CRI-O has it."""
        self.assert_forwarded(self.shim("update", "--resources", "-", "c1"), "update", "--resources", "-", "c1")
