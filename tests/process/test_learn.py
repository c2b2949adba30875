# SPDX-License-Identifier: Apache-2.0
"""`aa-shimctl learn` where there is no AppArmor, and what it keeps; a start while somebody says that it is learned from. What needs AppArmor is tested on
hosts that have it (tests/vm/engine/learn.py)."""

import fcntl
import json
import os
import struct
import subprocess
from pathlib import Path

import harness

KEPT = Path("/var/lib/aa-shim/learn")
PLACE = harness.RUN / "learning"
EMPTY = '{"aa-shim-recording":1,"backlog":0,"overruns":0,"suppressed":0,"unattributed":0,"unrecorded":0,"lines":0}\n'
LEARNED = """{"aa-shim-recording":1,"backlog":7,"overruns":0,"suppressed":0,"unattributed":0,"unrecorded":0,"lines":3}
{"start":"/bin/a\\u001b","count":2}
{"exec":"/bin/b","count":1}
{"fact":"ALLOWED","program":"/bin/b","operation":"open","name":"/etc/x","denied":"r","owned":true,"count":5}
"""


class Learn(harness.ShimTest):
    def setUp(self):
        super().setUp()
        subprocess.run(["rm", "-rf", KEPT], check=True)

    def learn(self, *arguments):
        return subprocess.run([harness.CTL, "learn", *arguments], capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)

    def keep(self, confinement, recording):
        KEPT.mkdir(mode=0o700, exist_ok=True)
        path = KEPT / f"{confinement}.recording"
        path.write_text(recording)
        path.chmod(0o600)
        return path

    def test_without_apparmor_nothing_is_learned(self):
        self.load_catalog()
        run = self.learn("test")
        self.assertEqual(run.returncode, 3, run.stderr)
        self.assertIn("AppArmor", run.stderr)
        self.assertFalse(PLACE.exists())
        self.assertFalse(KEPT.exists())

    def test_what_cannot_be_meant_is_a_usage_error(self):
        for words in ([], ["test", "--for", "0s"], ["test", "--for", "8d"], ["test", "--for", "30"], ["test", "--for", ""], ["test", "--for", "99999999999999999999s"],
                      ["test", "--name", "a\nb"], ["test", "--other"]):
            run = self.learn(*words)
            self.assertEqual(run.returncode, 2, (words, run.stderr))
        run = self.learn("test", "--image", "[")
        self.assertEqual(run.returncode, 1, run.stderr)
        self.assertIn("the pattern '['", run.stderr)

    def test_status_of_nothing(self):
        run = self.learn("--status")
        self.assertEqual((run.returncode, run.stdout), (0, "Nothing was learned yet.\n"))
        run = self.learn("--status", "--json")
        self.assertEqual((run.returncode, json.loads(run.stdout)), (0, {"ok": True, "learning": []}))

    def test_status_of_what_is_kept(self):
        self.keep("test", LEARNED)
        run = self.learn("--status", "--json")
        (one,) = json.loads(run.stdout)["learning"]
        self.assertEqual((one["confinement"], one["learning"], one["twin"], one["facts"], one["lost"]["backlog"]), ("test", False, None, 1, 7))
        self.assertEqual([(p["program"], p["starts"], p["execs"], p["events"]) for p in one["programs"]], [("/bin/a\x1b", 2, 0, 0), ("/bin/b", 0, 1, 5)])
        self.assertEqual((one["exercises"]["exec"], one["exercises"]["reload"], one["exercises"]["backup"]), ("seen", "not seen", "unknown"))
        run = self.learn("--status", "test")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("Lost: 7 backlog.", run.stdout)
        self.assertIn("'/bin/a\\x1b'", run.stdout)
        self.assertNotIn("\x1b", run.stdout)

    def test_status_of_what_is_damaged_or_could_be_anybodys(self):
        path = self.keep("test", LEARNED[:-5])
        run = self.learn("--status")
        self.assertEqual(run.returncode, 1)
        self.assertIn(str(path), run.stderr)
        self.keep("test", EMPTY).chmod(0o666)
        run = self.learn("--status")
        self.assertNotEqual(run.returncode, 0)
        self.assertIn(str(path), run.stderr)

    def test_where_apparmor_is_off_no_start_is_learned_from(self):
        self.load_catalog()
        PLACE.mkdir(mode=0o755)
        (PLACE / "test").write_text(f"aa-shim learning 1\ndeadline {2**62}\ntwin aa-shim-learning-test\nprofile aa-test\nend\n")
        with open(PLACE / "test", "r+", encoding="utf-8") as held:
            fcntl.fcntl(held, fcntl.F_OFD_SETLK if hasattr(fcntl, "F_OFD_SETLK") else 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
            run = self.create(self.make_bundle())
        config = json.loads(run.record.config)
        self.assertNotIn("aa-shim/learning", config["annotations"])
        self.assertEqual(set(config["process"]["capabilities"]["bounding"]), harness.CEILING_NAMES)
