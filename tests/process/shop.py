# SPDX-License-Identifier: Apache-2.0
"""A confinement of which recordings are at hand, and what aa-shimctl learn --finish says of them."""

import json
import shutil
import subprocess
from pathlib import Path

import harness
import recordings

OK, WRONG, USAGE, SYSTEM = range(4)
SHARE = Path(__file__).resolve().parents[2] / "share"
PROFILES = harness.ETC / "apparmor.d"
LEARNED = PROFILES / "aa-shim-learned-shop"
CATALOG = harness.ETC / "catalog.d" / "10.json"
TEXT = """// Ours.
{
  "confinements": {
    "shop": {
      // Until we know better.
      "apparmor": "aa-shim-web",
      "capabilities": ["CHOWN", "DAC_OVERRIDE", "NET_BIND_SERVICE", "SETGID", "SETUID"], // as web
      "noNewPrivileges": true
    }
  },
  "otherwise": "shop", "withoutAppArmor": "capabilities-only"
}
"""
FACTS = [
    (recordings.file_fact("/srv/shop.conf"), 3),
    (recordings.file_fact("/var/lib/shop/a", "wc", owned=True), 1),
    (recordings.file_fact("/var/lib/shop/b", "wc", owned=True), 1),
    ({"fact": "ALLOWED", "program": "/bin/app", "operation": "capable", "capability": "chown"}, 2),
]


class ShopTest(harness.ShimTest):
    def setUp(self):
        super().setUp()
        for file in (SHARE / "apparmor.d").iterdir():
            shutil.copy(file, PROFILES)
        CATALOG.write_text(TEXT)
        self.recording = harness.WORK / "shop.recording"
        self.record(FACTS, execs=["/usr/bin/pg_isready"])

    def record(self, facts, path=None, **more):
        path = path or self.recording
        path.write_text(recordings.text(facts, **more))
        return path

    def learn(self, *arguments, code=OK, recording=True):
        words = [harness.CTL, *(["--json"] if "--json" in arguments else []), "learn", "shop"]
        words += ["--recording", self.recording] if recording else []
        words += [word for word in arguments if word != "--json"]
        result = subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result

    def finish(self, *arguments, **more):
        return json.loads(self.learn("--json", "--finish", *arguments, **more).stdout)

    def files(self):
        return {path: path.read_bytes() for folder in (PROFILES, CATALOG.parent) for path in folder.iterdir()}
