# SPDX-License-Identifier: Apache-2.0
"""aa-shimctl learn --finish: programs that get a child of the profile, and those that could not."""

import subprocess

import harness
import recordings
from shop import CATALOG, FACTS, LEARNED, OK, PROFILES, TEXT, WRONG, ShopTest


class Children(ShopTest):
    HELPED = [
        *FACTS,
        ({"fact": "ALLOWED", "program": "/bin/app", "operation": "create", "denied": "create", "family": "inet", "type": "stream"}, 1),
        (recordings.file_fact("/usr/bin/helper", "x", operation="exec"), 2),
        (recordings.file_fact("/usr/bin/helper", "mr", program="/usr/bin/helper", operation="file_mmap"), 2),
        (recordings.file_fact("/backup/shop", "wc", program="/usr/bin/helper"), 2),
        (recordings.file_fact("/usr/bin/dump", "mr", program="/usr/bin/dump", operation="file_mmap"), 1),
        (recordings.file_fact("/srv/dump", "wc", program="/usr/bin/dump"), 1),
    ]

    def record_helped(self, may_gain=2, no_new_privileges=False):
        if not no_new_privileges:
            CATALOG.write_text(CATALOG.read_text().replace("as web\n      \"noNewPrivileges\": true", "as web\n      \"noNewPrivileges\": false"))
        self.record(self.HELPED, starts=["/bin/app"], execs=["/usr/bin/dump"], may_gain=may_gain)

    def query(self, label, thing):
        return subprocess.run([harness.CTL, "query", "--profiles", LEARNED, label, thing], capture_output=True, text=True,
                              timeout=harness.TIMEOUT, check=False).returncode

    def test_programs_get_children_and_load_takes_them(self):
        self.record_helped()
        shown = self.learn("--finish").stdout
        self.assertIn("Under a profile of their own, with what they execute:\n"
                      "  '/usr/bin/dump' under 'aa-shim-learned-shop//dump'\n"
                      "  '/usr/bin/helper' under 'aa-shim-learned-shop//helper'\n", shown)
        document = self.finish("--write")
        self.assertEqual(document["children"], [{"profile": "aa-shim-learned-shop//dump", "program": "/usr/bin/dump"},
                                                {"profile": "aa-shim-learned-shop//helper", "program": "/usr/bin/helper"}])
        self.assertEqual((document["heldBack"], [rule for rule in document["rules"] if "/backup/shop" in rule["rule"]]),
                         ([], [{"rule": "/backup/shop w", "seen": "2 times, by /usr/bin/helper", "profile": "aa-shim-learned-shop//helper"}]))
        self.assertIn('{ "command": "/usr/bin/dump", "apparmor": "aa-shim-learned-shop//dump" }', CATALOG.read_text())
        for label, thing, code in (("aa-shim-learned-shop", "w /backup/shop", WRONG), ("aa-shim-learned-shop//helper", "w /backup/shop", OK),
                                   ("aa-shim-learned-shop//helper", "capability chown", WRONG), ("aa-shim-learned-shop", "capability chown", OK),
                                   ("aa-shim-learned-shop//dump", "network inet stream", WRONG), ("aa-shim-learned-shop//dump", "w /srv/dump", OK)):
            self.assertEqual(self.query(label, thing), code, (label, thing))
        for arguments in (["check", "--strict", LEARNED], ["check"], ["load"]):
            done = subprocess.run([harness.CTL, *arguments], capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)
            self.assertEqual(done.returncode, OK, done.stdout + done.stderr)
        self.assertTrue(self.learn("--finish").stdout.endswith("Nothing is new: what was seen is allowed.\n"))

    def test_no_new_privileges_keeps_what_is_executed_inside_under_the_profile(self):
        for more in ({"no_new_privileges": True}, {"may_gain": 1}, {"may_gain": 0}):
            with self.subTest(more):
                CATALOG.write_text(TEXT)
                self.record_helped(**more)
                document = self.finish()
                self.assertEqual(document["heldBack"], ["/usr/bin/helper"])
                self.assertEqual([child["program"] for child in document["children"]], ["/usr/bin/dump"])
                self.assertIn({"rule": "/usr/bin/helper mrix", "seen": "4 times, by /bin/app, /usr/bin/helper"}, document["rules"])
        self.assertIn("Under the profile itself (ix), as no-new-privileges, where it is set or not known not to be, lets no exec change the "
                      "profile:\n  '/usr/bin/helper'\n", self.learn("--finish").stdout)

    def test_a_bound_that_lets_no_child_load_a_program_keeps_it_under_the_profile(self):
        (PROFILES / "narrow").write_text(
            "abi <abi/3.0>,\ninclude <tunables/global>\nprofile narrow flags=(attach_disconnected,mediate_deleted) {\n  signal,\n  ptrace,\n"
            "  capability chown,\n  network inet stream,\n  /{,usr/}lib{,32,64}/** mr,\n  /etc/** r,\n  /{dev/,}pts/* rw,\n  /dev/* rw,\n"
            "  /proc/** r,\n  /{srv,var/lib/shop,backup}/** rw,\n  /usr/bin/helper ix,\n  /usr/bin/dump mr,\n}\n")
        self.record_helped()
        document = self.finish("--within", "narrow")
        self.assertEqual((document["notLoaded"], document["heldBack"], [child["program"] for child in document["children"]]),
                         (["/usr/bin/helper"], [], ["/usr/bin/dump"]))
        self.assertIn("Under the profile itself (ix), as the bound (--within) does not let a profile of their own load them (mr):\n"
                      "  '/usr/bin/helper'\n", self.learn("--finish", "--within", "narrow").stdout)

    def test_the_table_says_under_which_profile_a_command_runs(self):
        self.record_helped()
        CATALOG.write_text(CATALOG.read_text().replace('"noNewPrivileges"', '"exec": { "rules": [{ "command": "/usr/bin/dump", "apparmor": "aa-shim-web" }] },\n      "noNewPrivileges"'))
        document = self.finish()
        self.assertEqual([child["program"] for child in document["children"]], ["/usr/bin/helper"])
        self.assertNotIn("//dump", document["catalogFile"]["text"])


if __name__ == "__main__":
    harness.main()
