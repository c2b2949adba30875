# SPDX-License-Identifier: Apache-2.0
"""aa-shimctl query and diff, of profile files: what a label allows and by which rule; what versions of profiles gain and lose."""

import json
import subprocess
import time

import harness

OK, WRONG, USAGE, SYSTEM = range(4)
OLD = harness.WORK / "old"
NEW = harness.WORK / "new"
WEB = """abi <abi/3.0>,

profile web {
  /srv/** r,
  deny /srv/private/** r,
  owner /srv/upload/* w,
  /bin/tool Px -> tool,
  capability chown,
  network inet stream,
  signal (receive) peer=unconfined,
}
"""
TOOL = "abi <abi/3.0>,\n\nprofile tool { /etc/tool.conf r, }\n"


# What no version of these profiles mediates, whose features are those of AppArmor 3.0.
UNMEDIATED = ("dbus", "io_uring", "mqueue", "userns")


def unmediated(profiles):
    return (f"not compared: {', '.join(UNMEDIATED)}, not mediated before or after by the policy's abi, the parser or the kernel, in {profiles}\n")


class Policy(harness.ShimTest):
    def setUp(self):
        super().setUp()
        for directory in (OLD, NEW):
            directory.mkdir()
            (directory / "web").write_text(WEB)
            (directory / "tool").write_text(TOOL)

    def ctl(self, *arguments, code=OK):
        result = subprocess.run([harness.CTL, *map(str, arguments)], capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result

    def query(self, *things, code):
        return self.ctl("query", "--profiles", OLD, "web", *things, code=code).stdout

    def change(self, name, before, after):
        text = (NEW / name).read_text()
        self.assertIn(before, text)
        (NEW / name).write_text(text.replace(before, after))

    # ---- query

    def test_what_is_allowed_names_its_rule(self):
        self.assertEqual(self.query("r /srv/a", "capability chown", "network inet stream", "x /bin/tool", code=OK),
                         f"r /srv/a: allowed\n  {OLD}/web:4:3: /srv/** r\n"
                         f"capability chown: allowed\n  {OLD}/web:8:3: capability chown\n"
                         f"network inet stream: allowed\n  {OLD}/web:9:3: network inet stream\n"
                         f"x /bin/tool: allowed\n  {OLD}/web:7:3: /bin/tool Px -> tool\n")

    def test_what_is_denied(self):
        self.assertEqual(self.query("r /srv/private/a", "w /etc/**", "capability sys_admin", "network inet raw", "mount", code=WRONG),
                         f"r /srv/private/a: denied\n  {OLD}/web:4:3: /srv/** r\n  {OLD}/web:5:3: deny /srv/private/** r (denies)\n"
                         "w /etc/**: denied\ncapability sys_admin: denied\nnetwork inet raw: denied\nmount: denied\n")

    def test_what_covers_more_than_is_allowed(self):
        self.assertEqual(self.query("r /srv/**", code=WRONG).splitlines()[0],
                         "r /srv/**: partly: allowed, for example, 'r /srv/a'; denied 'r /srv/private/a'")
        self.assertEqual(self.query("w /srv/upload/x", code=WRONG).splitlines()[0],
                         "w /srv/upload/x: partly: allowed, for example, 'owner w /srv/upload/x'; denied 'not the owner: w /srv/upload/x'")
        self.assertIn("owner w /srv/upload/x: allowed\n", self.query("owner w /srv/upload/x", code=OK))

    def test_json(self):
        answers = json.loads(self.ctl("--json", "query", "--profiles", OLD, "web", "r /srv/a", "r /etc/shadow", code=WRONG).stdout)
        self.assertEqual(answers, {
            "ok": False, "label": "web", "broken": [], "answers": [
                {"thing": "r /srv/a", "verdict": "allowed", "allowed": [{"rule": "r /srv/a", "example": "r /srv/a"}], "denied": [],
                 "rules": [{"file": f"{OLD}/web", "line": 4, "column": 3, "rule": "/srv/** r", "denies": False}]},
                {"thing": "r /etc/shadow", "verdict": "denied", "allowed": [], "denied": [{"rule": "r /etc/shadow", "example": "r /etc/shadow"}],
                 "rules": []}]})

    def test_one_broken_file_stops_nothing_and_is_named(self):
        (NEW / "broken").write_text("profile broken {\n")
        named = f"aa-shimctl: left out: '{NEW}/broken' does not compile: "
        done = self.ctl("query", "--profiles", NEW, "web", "r /srv/a", code=USAGE)
        self.assertRegex(done.stdout, "^r /srv/a: allowed\n")
        self.assertTrue(done.stderr.startswith(named), done.stderr)
        document = json.loads(self.ctl("query", "--json", "--profiles", NEW, "web", "r /srv/a", code=USAGE).stdout)
        self.assertEqual((document["ok"], document["answers"][0]["verdict"], len(document["broken"])), (False, "allowed", 1))
        self.change("web", "capability chown", "capability kill")
        (NEW / "tool").unlink()
        done = self.ctl("diff", OLD, NEW, code=USAGE)
        self.assertIn("  + capability kill\n", done.stdout)
        self.assertIn("tool: is gone, or in a file that is left out\n", done.stdout)
        self.assertTrue(done.stderr.startswith(named), done.stderr)
        document = json.loads(self.ctl("diff", "--json", OLD, NEW, code=USAGE).stdout)
        self.assertEqual((document["ok"], len(document["broken"])), (False, 1))

    def test_compiled_files_are_read_as_they_are(self):
        compiled = harness.WORK / "web.compiled"
        subprocess.run(["apparmor_parser", "-QKq", "--features-file=/etc/apparmor.d/abi/3.0", "-o", compiled, OLD / "web"], check=True,
                       stderr=subprocess.DEVNULL)
        self.assertEqual(self.ctl("query", "--profiles", compiled, "web", "r /srv/a").stdout, "r /srv/a: allowed\n")

    def test_a_compiled_file_that_no_source_could_be_as_large_as(self):
        compiled = harness.WORK / "large.compiled"
        compiled.write_bytes(b"\x04\x08\0version\0" + bytes(5 << 20))
        error = self.ctl("diff", OLD / "web", compiled, code=USAGE).stderr
        self.assertIn("cannot evaluate the policy", error)

    def test_modes_and_changes_as_profiles_have_them(self):
        self.assertIn("rpx /bin/tool: partly", self.query("rpx /bin/tool", code=WRONG))
        self.assertIn("Cx /bin/tool: allowed", self.query("Cx /bin/tool", code=OK))
        (OLD / "web").write_text("profile web { change_profile /bin/q -> tool, ptrace (read) peer=@{profile_name}, }\n")
        self.assertIn("change_profile /bin/q -> tool: allowed", self.query("change_profile /bin/q -> tool", code=OK))
        self.assertIn("change_profile /bin/other -> tool: denied", self.query("change_profile /bin/other -> tool", code=WRONG))
        self.assertIn("ptrace (read) peer=@{profile_name}: allowed", self.query("ptrace (read) peer=@{profile_name}", code=OK))

    def test_a_profile_that_complains(self):
        (OLD / "web").write_text("profile web flags=(complain) { deny /x r, }\n")
        self.assertIn("complains instead of denying", self.query("r /x", code=OK))

    def test_names_cannot_steer_a_terminal(self):
        (NEW / "web").write_text('profile "new\x1bc\nline" { }\n')
        text = self.ctl("diff", OLD / "tool", NEW / "web", code=WRONG).stdout
        self.assertIn("new\\x1bc\\x0aline: is new\n", text)

    def test_many_rules_and_a_long_path(self):
        (OLD / "web").write_text("profile web {\n" + "".join(f"  /r/{'a' * (number % 7)}** r,\n" for number in range(60)) + "}\n")
        begun = time.monotonic()
        self.assertIn(": allowed\n", self.query("r /r/" + 3000 * "a", code=OK))
        self.assertLess(time.monotonic() - begun, 60)

    def test_what_is_no_thing_is_said(self):
        for thing in ("", "shadow", "deny /x r", "r /x, w /y", "profile x {}", "r /x }\nprofile y {", "include <x>", "x", "r /a/../b",
                      "r /" + 4096 * "a"):
            error = self.ctl("query", "--profiles", OLD, "web", thing, code=USAGE).stderr
            self.assertIn("is nothing that can be asked", error, thing)
        for thing, why in (("r etc", "the path of a file begins with a slash"), ("r /a b", "a path with a space stands in quotes"),
                           ("r /a/../b", "no file has that path"), ("x", "a file has letters and a path"), ("fly /x", "'fly' begins no rule")):
            self.assertIn(f": {why}", self.ctl("query", "--profiles", OLD, "web", thing, code=USAGE).stderr)
        self.assertIn("profile 'nobody' is not loaded", self.ctl("query", "--profiles", OLD, "nobody", "r /x", code=SYSTEM).stderr)
        self.assertEqual(self.ctl("query", "--profiles", OLD, "web", "capability nonsense", code=USAGE).stderr,
                         "aa-shimctl: 'capability nonsense' does not compile: apparmor_parser: Invalid capability nonsense.\n")
        # An apparmor_parser that has such rules takes them.
        version = subprocess.run(["apparmor_parser", "--version"], capture_output=True, text=True, check=True).stdout
        if "version 3." in version:
            for thing in ("userns", "mqueue (create)", "io_uring"):
                self.assertEqual(self.ctl("query", "--profiles", OLD, "web", thing, code=USAGE).stderr,
                                 f"aa-shimctl: this apparmor_parser has no rule such as '{thing}', which came with AppArmor 4: ask on a host "
                                 "whose parser has it\n")
        (NEW / "web").write_text('profile "[" { }\n')
        error = self.ctl("diff", OLD / "web", NEW / "web", code=USAGE).stderr
        self.assertIn(f"aa-shimctl: '{NEW}/web' does not compile: {NEW}/web:1:1: apparmor_parser: ", error)
        self.assertIn(" (`aa-shimctl check` of it says what that means)\n", error)
        self.assertIn("there is no profile file or directory", self.ctl("query", "--profiles", "/nonexistent", "web", "r /x", code=SYSTEM).stderr)

    # ---- diff

    def test_the_same_policy(self):
        self.change("web", "/srv/** r,", "/srv/{a,[^a]}{,**} r,")  # spelled otherwise
        self.assertEqual(self.ctl("diff", OLD, NEW).stdout, f"Nothing is gained or lost.\n{unmediated('tool, web')}")

    def test_gains_and_losses(self):
        self.change("web", "capability chown,", "capability kill,")
        self.change("web", "deny /srv/private/** r,", "")
        self.assertEqual(self.ctl("diff", OLD, NEW, code=WRONG).stdout,
                         "web:\n  + r /srv/private/**  (as r /srv/private/a)\n  + capability kill\n  - capability chown\n" + unmediated("tool, web"))

    def test_only_losses_are_no_gain(self):
        self.change("web", "network inet stream,", "")
        self.assertEqual(self.ctl("diff", OLD, NEW).stdout, "web:\n  - network inet stream\n" + unmediated("tool, web"))
        self.assertEqual(self.ctl("diff", NEW, OLD, code=WRONG).stdout, "web:\n  + network inet stream\n" + unmediated("tool, web"))

    def test_what_is_reached_by_an_exec_is_told_with_the_way(self):
        self.change("web", "/bin/tool Px -> tool,", "/bin/tool Px -> other,")
        (NEW / "other").write_text("profile other { /etc/tool.conf rw, }\n")
        self.assertEqual(self.ctl("diff", OLD, NEW, code=WRONG).stdout,
                         "other: is new\nweb:\n  + w /etc/tool.conf  after exec /bin/tool\n" + unmediated("tool, web"))

    def test_json_and_a_profile_by_name(self):
        self.change("tool", "r,", "rw,")
        changes = json.loads(self.ctl("--json", "diff", "--profile", "tool", OLD, NEW, code=WRONG).stdout)
        self.assertEqual(changes.pop("unmediated"), {name: ["tool"] for name in UNMEDIATED})
        self.assertEqual(changes, {"ok": False, "broken": [], "changes": [
            {"profile": "tool", "is": "changed",
             "gains": {"rules": [{"rule": "w /etc/tool.conf", "example": "w /etc/tool.conf", "partly": False, "way": ""}], "all": True, "unproved": []},
             "losses": {"rules": [], "all": True, "unproved": []}}]})
        self.assertIn("neither before nor after", self.ctl("diff", "--profile", "gone", OLD, NEW, code=SYSTEM).stderr)


if __name__ == "__main__":
    harness.main()
