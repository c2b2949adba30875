# SPDX-License-Identifier: Apache-2.0
"""aa-shimctl install --verify before stand-ins of the engines; the real ones are asked on the test hosts."""

import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import harness
from engine_stand_in import PROGRAMS, Engine, Failed
from test_privileges import CONFIGURATION, CONTAINERS, sets

OK, WRONG, USAGE, SYSTEM = range(4)
PLACES = (PROGRAMS, Path("/var/lib/aa-shim"))
SHIM = harness.WORK / "shim" / "aa-shim"
NAME = "aa-shim-verify-[0-9a-f]{16}"


class Verify(harness.ShimTest):
    def setUp(self):
        super().setUp()
        self.load_catalog()
        for place in PLACES:
            place.mkdir(exist_ok=True)
            subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", place], check=True)
            self.addCleanup(subprocess.run, ["umount", place], check=True)
        SHIM.parent.mkdir()
        shutil.copy(harness.SHIM, SHIM)
        shutil.rmtree("/etc/docker", ignore_errors=True)
        for name in ("dockerd", "containerd"):
            (PROGRAMS / name).write_text("#!/bin/sh\n")
            (PROGRAMS / name).chmod(0o755)

    def engine(self, *programs):
        engine = Engine(self, *programs)
        self.addCleanup(engine.stop)
        return engine

    def verify(self, name, *options, code=OK, json_first=()):
        command = [harness.CTL, *json_first, "install", name, "--shim", SHIM, *options, "--verify"]
        result = subprocess.run(command, capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result

    def assert_nothing_left(self, engine):
        self.assertEqual((engine.container, engine.image), (None, None))
        self.assertEqual([path.name for path in Path("/var/lib/aa-shim").iterdir()], ["install"])

    def test_docker_and_podman(self):
        for name in ("docker", "podman"):
            with self.subTest(name):
                engine = self.engine(name)
                result = self.verify(name)
                last = result.stdout.splitlines()[-1]
                self.assertEqual(
                    re.sub("/etc.*, without", "FILE, without", last),
                    f"Verified: {name} run started a container by aa-shim (as-decided, confinement 'test', otherwise, FILE, without a label), "
                    "and it is gone again")
                self.assert_nothing_left(engine)
                verbs = [word for words in engine.asked for word in words if word in ("import", "run", "rm", "rmi")]
                self.assertEqual(verbs, ["import", "run", "rm", "rmi"])
                run = next(words for words in engine.asked if "run" in words)
                for words in (("--runtime", "aa-shim"), ("--network", "none"), ("--detach", "--rm"), ("/aa-shimctl", "__wait")):
                    at = run.index(words[0])
                    self.assertEqual(tuple(run[at:at + 2]), words)
                self.assertRegex(run[run.index("--name") + 1], f"^{NAME}$")
                engine.stop()

    def test_what_is_imported(self):
        """One program, which is aa-shimctl; and another name each time."""
        engine, images = self.engine("docker"), []
        engine.before_start = lambda *_: images.append(engine.image)
        self.verify("docker")
        self.verify("docker")
        self.assertNotEqual(images[0][0], images[1][0])
        self.assertRegex(images[0][0], f"^localhost/{NAME}:latest$")
        self.assertEqual(images[0][1], {"aa-shimctl": (0o755, harness.CTL.read_bytes())})

    def test_by_default(self):
        engine = self.engine("docker")
        self.verify("docker", "--default")
        self.assertNotIn("--runtime", next(words for words in engine.asked if "run" in words))

    def test_ctr(self):
        engine, seen = self.engine("ctr"), []
        engine.before_start = lambda *_: seen.extend(sorted(Path("/var/lib/aa-shim").glob("*/*")))
        result = self.verify("containerd")
        self.assertIn("Verified: ctr run started a container by aa-shim (as-decided", result.stdout)
        self.assertIn("whether a pod's handler 'aa-shim' leads to aa-shim was not tried", result.stdout)
        self.assertEqual([path.name for path in seen if path.parent.name != "install"], ["root"])
        run = next(words for words in engine.asked if "run" in words)
        self.assertEqual(run[run.index("--runc-binary") + 1], str(SHIM))
        self.assertEqual([words[5] for words in engine.asked[2:]], ["tasks", "containers", "namespaces"])
        self.assert_nothing_left(engine)

    def test_crictl(self):
        engine, sandboxes = self.engine("ctr", "crictl"), []
        engine.before_start = lambda *_: sandboxes.extend(Path("/var/lib/aa-shim").glob("*/sandbox.json"))
        read, start = [], engine.start
        engine.start = lambda words, verb: read.append(json.loads(Path(words[-1]).read_text())) or start(words, verb)
        result = self.verify("containerd", "--default")
        self.assertIn("Verified: containerd's CRI started a container by aa-shim (as-decided", result.stdout)
        self.assertEqual(read[0]["linux"], {"security_context": {"namespace_options": {"network": 2}}})
        self.assertRegex(read[0]["metadata"]["name"], f"^{NAME}$")
        runp = next(words for words in engine.asked if "runp" in words)
        self.assertEqual(runp[1:3], ["--runtime-endpoint", "unix:///run/containerd/containerd.sock"])
        self.assertNotIn("--runtime", runp)
        self.assertEqual(len(sandboxes), 1)
        self.assert_nothing_left(engine)
        self.verify("containerd")
        self.assertEqual([words[words.index("runp") + 1:][:2] for words in engine.asked if "runp" in words][-1], ["--runtime", "aa-shim"])

    def test_json(self):
        self.engine("docker")
        document = json.loads(self.verify("docker", json_first=["--json"]).stdout)
        self.assertTrue(document["ok"])
        verified = document["verified"]
        self.assertRegex(verified.pop("container"), f"^{NAME}$")
        self.assertRegex(verified.pop("rule"), "^otherwise, /etc/aa-shim/catalog.d/")
        self.assertEqual(verified, {
            "ok": True, "through": "docker run", "standing": "as-decided", "confinement": "test", "label": None, "problem": None, "left": [], "note": None})

    def test_it_does_not_start(self):
        for failing, said in (({"run": "Error: unknown runtime\nSee 'help'."}, "docker run did not start a container by aa-shim: Error: unknown runtime See 'help'.;"),
                              ({"import": "no space"}, "made no image: no space;")):
            with self.subTest(said):
                engine = self.engine("docker")
                engine.failing = failing
                result = self.verify("docker", code=WRONG)
                self.assertIn("aa-shimctl: not verified: ", result.stderr)
                self.assertIn(said, result.stderr)
                self.assertIn("what was installed stays", result.stderr)
                self.assertIn("aa-shim", Path("/etc/docker/daemon.json").read_text())
                self.assert_nothing_left(engine)
                document = json.loads(self.verify("docker", code=WRONG, json_first=["--json"]).stdout)
                self.assertEqual((document["ok"], document["verified"]["ok"], document["verified"]["standing"]), (False, False, None))
                engine.stop()

    def test_a_sandbox_that_fails_is_looked_for(self):
        engine = self.engine("crictl")

        def start(words, verb):
            Engine.start(engine, words, verb)
            raise Failed("no network")

        engine.start = start
        self.assertIn("no network", self.verify("containerd", code=WRONG).stderr)
        self.assert_nothing_left(engine)

    def test_around_aa_shim(self):
        engine = self.engine("docker")
        engine.shim = False
        result = self.verify("docker", "--default", code=WRONG)
        self.assertIn("not verified: docker run started a container, which did not come to aa-shim", result.stderr)
        self.assert_nothing_left(engine)

    def test_what_cannot_be_taken_away(self):
        engine = self.engine("docker")
        engine.failing = {"rm": ["removal is already in progress"] * 2}
        self.verify("docker")
        self.assert_nothing_left(engine)
        engine.failing = {"rmi": "image is in use"}
        result = self.verify("docker", code=WRONG)
        self.assertRegex(result.stderr, f"left behind: '.*rmi --force localhost/{NAME}:latest': image is in use")

    def test_a_signal_waits(self):
        engine = self.engine("docker")
        engine.before_start = lambda _, ctl: os.kill(ctl, signal.SIGTERM)
        self.verify("docker", code=-signal.SIGTERM)
        self.assertIn("rmi", engine.asked[-1])
        self.assert_nothing_left(engine)

    def test_what_it_keeps(self):
        """Its own capabilities are those of install and of status; the program that asks the engine has one. Podman's has all."""
        for name, own, child in (("docker", CONFIGURATION | CONTAINERS, {"DAC_OVERRIDE"}), ("podman", None, None)):
            with self.subTest(name):
                engine, seen = self.engine(name), []
                engine.before_start = lambda client, ctl, seen=seen: seen.extend(sets(Path(f"/proc/{pid}/status").read_text()) for pid in (ctl, client))
                self.verify(name)
                everything = sets(Path("/proc/self/status").read_text())["Prm"]
                self.assertEqual([found["Prm"] for found in seen], [everything & own if own else everything, everything & child if child else everything])
                self.assertFalse(seen[1]["gains"])
                engine.stop()

    def test_nobody_to_ask(self):
        result = self.verify("docker", code=SYSTEM)
        self.assertIn("not verified: there is no program 'docker' to speak to docker with: install it", result.stderr)
        self.assertIn("aa-shim", Path("/etc/docker/daemon.json").read_text())
        engine = self.engine("docker", "ctr")
        engine.stop()
        for name in ("docker", "containerd"):
            result = self.verify(name, code=SYSTEM)
            self.assertIn(f"not verified: {name} does not answer: Cannot connect to the daemon. Is it running?; start it", result.stderr)
            document = json.loads(self.verify(name, code=SYSTEM, json_first=["--json"]).stdout)
            self.assertEqual((document["ok"], document["verified"]["ok"]), (False, False))

    def test_usage(self):
        for options, said in ((("--dry-run",), "--dry-run changes nothing"), (("--root", "/mnt"), "does not go with --root")):
            self.assertIn(said, self.verify("docker", *options, code=USAGE).stderr)
        self.assertFalse(Path("/etc/docker").exists())
