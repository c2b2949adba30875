# SPDX-License-Identifier: Apache-2.0
"""aa-shimctl check --fix: what it shows, what it asks, and what it leaves of a file."""

import json
import os
import pty
import stat
import subprocess
import time

import harness
from test_ctl import OK, SYSTEM, USAGE, WRONG, CtlTest

FAULTY = "profile web {\r\n\t/a r\r\n  deny /b rix, # why\r\n}\r\n"
GOOD = "profile web {\r\n\t/a r,\r\n  deny /b rx, # why\r\n}\r\n"
DIFF = "--- a{0}\n+++ b{0}\n@@ -1,4 +1,4 @@\n profile web {{\r\n-\t/a r\r\n-  deny /b rix, # why\r\n+\t/a r,\r\n+  deny /b rx, # why\r\n }}\r\n"
NOT_CHANGED = "Nothing was changed: --yes makes these changes without asking\n"


class Fix(CtlTest):
    def setUp(self):
        super().setUp()
        self.profile = harness.ETC / "apparmor.d" / "web"
        self.put(FAULTY)

    def put(self, text, path=None):
        (path or self.profile).write_bytes(text.encode())

    def assert_text(self, text):
        self.assertEqual(self.profile.read_bytes().decode(), text)

    def fix(self, *arguments, code=OK):
        """Its output byte for byte."""
        result = subprocess.run([harness.CTL, "check", "--fix", *map(str, arguments)], capture_output=True, timeout=harness.TIMEOUT,
                                stdin=subprocess.DEVNULL, check=False)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result.stdout.decode(), result.stderr.decode()

    def test_without_a_terminal_it_only_shows(self):
        self.assertEqual(self.fix(self.profile, code=WRONG), (DIFF.format(self.profile), NOT_CHANGED))
        self.assert_text(FAULTY)

    def test_yes(self):
        self.profile.chmod(0o640)
        os.chown(self.profile, 12, 34)
        os.setxattr(self.profile, "user.note", b"kept")
        subprocess.run([harness.CTL, "check", "--fix", "--yes", self.profile], capture_output=True, check=False)
        self.assert_text(FAULTY)  # another's: root has given up the right to make such files
        os.chown(self.profile, 0, 0)
        self.assertEqual(self.fix("--yes", self.profile), (DIFF.format(self.profile), ""))
        self.assert_text(GOOD)
        self.assertEqual(stat.S_IMODE(self.profile.stat().st_mode), 0o640)
        self.assertEqual(os.getxattr(self.profile, "user.note"), b"kept")
        self.assertEqual([path.name for path in self.profile.parent.iterdir() if path.name.startswith(".")], [])
        self.assertEqual(self.fix(self.profile), ("There is nothing that could be fixed without a person's decision.\n", ""))

    def at_terminal(self, answer):
        pid, terminal = pty.fork()
        if pid == 0:
            os.execv(harness.CTL, [str(harness.CTL), "check", "--fix", str(self.profile)])
        os.write(terminal, answer)
        shown = b""
        try:
            while piece := os.read(terminal, 4096):
                shown += piece
        except OSError:
            pass
        os.close(terminal)
        self.assertIn(b"Make these changes to 1 file? [y/N]", shown)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def test_at_a_terminal_it_asks(self):
        for answer in (b"n\n", b"\n", b"\x04"):
            self.assertEqual(self.at_terminal(answer), WRONG)
            self.assert_text(FAULTY)
        self.assertEqual(self.at_terminal(b"y\n"), OK)
        self.assert_text(GOOD)

    def test_what_is_left_is_told(self):
        self.put("profile web {\n  /a r\n  network tcp 80,\n}\n")
        _, errors = self.fix("--yes", self.profile, code=WRONG)
        self.assertIn(f"{self.profile}:3:15: error AA108: 'network tcp 80' names a port or an address; ", errors)
        self.assert_text("profile web {\n  /a r,\n  network tcp 80,\n}\n")

    def test_several_files_or_none(self):
        other = harness.WORK / "other"
        self.put("profile other {\n /a rw,\n /c R,\n}\n", other)
        missing = harness.WORK / "missing"
        self.assertIn(f"cannot open '{missing}'", self.fix("--yes", self.profile, missing, code=SYSTEM)[1])
        self.assert_text(FAULTY)
        self.fix("--yes", self.profile, other)
        self.assert_text(GOOD)
        self.assertEqual(other.read_text(), "profile other {\n /a rw,\n /c r,\n}\n")

    def test_symlinks_are_refused(self):
        link = harness.WORK / "link"
        link.symlink_to(self.profile)
        self.assertIn(f"'{link}' is a symlink to '{self.profile}', and is not followed: name the file itself",
                      self.fix("--yes", link, code=WRONG)[1])
        self.assert_text(FAULTY)
        self.assertTrue(link.is_symlink())

    def test_what_is_no_text_is_not_searched_for_faults(self):
        self.profile.write_bytes(bytes(range(256)) * 4000)
        begun = time.monotonic()
        result = self.fix(self.profile, code=WRONG)
        self.assertEqual(result[0], "There is nothing that could be fixed without a person's decision.\n")
        self.assertIn(":1:1: error AA100: the file is no text", result[1])
        self.assertLess(time.monotonic() - begun, 20)  # a search would take 30 s

    def test_the_catalogs_profiles(self):
        self.put("profile aa-test {\n /a RW,\n}\n", harness.ETC / "apparmor.d" / "aa-test")
        self.assertIn("+ /a rw,\n", self.fix("--yes")[0])
        self.assertEqual((harness.ETC / "apparmor.d" / "aa-test").read_text(), "profile aa-test {\n /a rw,\n}\n")
        self.assert_text(FAULTY)  # the catalog does not name it

    def test_json(self):
        result = self.ctl("check", "--fix", "--json", self.profile, code=WRONG)
        self.assertEqual(json.loads(result.stdout), {"files": [{"file": str(self.profile), "diff": DIFF.format(self.profile), "left": []}]})
        self.assertEqual(result.stderr, "")
        self.assert_text(FAULTY)
        self.ctl("check", "--fix", "--yes", "--json", self.profile)
        self.assert_text(GOOD)

    def test_yes_alone_means_nothing(self):
        self.assertIn("--yes requires --fix", self.ctl("check", "--yes", code=USAGE).stderr)
