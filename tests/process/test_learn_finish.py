# SPDX-License-Identifier: Apache-2.0
"""aa-shimctl learn --finish, --write, --export and --merge: from recordings to a profile and its catalog entry."""

import json
import shutil
import subprocess
from pathlib import Path
from random import Random

import harness
import recordings
from shop import CATALOG, FACTS, LEARNED, OK, PROFILES, SYSTEM, TEXT, USAGE, WRONG, ShopTest

ENTRY = """// Ours.
{
  "confinements": {
    "shop": {
      // Until we know better.
      "exec": { "rules": [{ "command": "/usr/bin/pg_isready", "apparmor": "aa-shim-learned-shop" }], "otherwise": "deny" },
      "apparmor": "aa-shim-learned-shop",
      "capabilities": ["CHOWN"], // as web
      "noNewPrivileges": true
    }
  },
  "otherwise": "shop", "withoutAppArmor": "capabilities-only"
}
"""
RULES = """  # Capabilities: the ceiling of the confinement.
  capability chown,  # 2 times, by /bin/app

  # Data that is read.
  /srv/shop.conf r,  # 3 times, by /bin/app

  # What is written.
  owner /var/lib/shop/* w,  # 2 names, 2 times, by /bin/app
}
"""


class Learned(ShopTest):
    # ---- what is proposed

    def test_a_profile_and_an_entry_are_proposed_and_nothing_is_changed(self):
        before = self.files()
        shown = self.learn("--finish").stdout
        self.assertEqual(self.files(), before)
        added = "".join(line[1:] + "\n" for line in shown.split("\n\n---")[0].splitlines()[3:])
        self.assertTrue(added.endswith("\n" + RULES), added)
        self.assertIn('-      "apparmor": "aa-shim-web",\n', shown)
        self.assertIn('+      "apparmor": "aa-shim-learned-shop",\n', shown)
        self.assertIn("\nLost against 'aa-shim-web':\n", shown)
        self.assertIn("\nGained against 'aa-shim-web':\n  owner w /var/lib/shop/*  (as owner w /var/lib/shop/a)\n", shown)
        self.assertTrue(shown.endswith("Nothing was changed; --write puts both files in place, `aa-shimctl load` in force.\n"), shown)

    def test_a_first_program_that_the_profile_has_to_execute(self):
        """The kernel tells nothing of it, and without a rule every start would be refused."""
        self.record(FACTS, starts=["/bin/app", "app"])
        self.assertNotIn("/bin/app ix", [rule["rule"] for rule in self.finish()["rules"]])
        CATALOG.write_text(TEXT.replace('"noNewPrivileges": true', '"noNewPrivileges": true, "start": "from-profile"'))
        self.assertIn("/bin/app ix", [rule["rule"] for rule in self.finish("--write")["rules"]])
        self.assertEqual(self.finish()["rules"], [])

    def test_what_is_gained_is_told(self):
        self.record([*FACTS, (recordings.file_fact("/opt/tool", "wc"), 1)])
        self.assertIn("\nGained against 'aa-shim-web':\n  w /opt/tool\n", self.learn("--finish").stdout)

    def test_write_puts_both_in_place_and_load_takes_them(self):
        self.assertTrue(self.learn("--finish", "--write").stdout.endswith("Written; `aa-shimctl load` puts it in force.\n"))
        self.assertEqual(CATALOG.read_text(), ENTRY)
        self.assertTrue(LEARNED.read_text().endswith("\n" + RULES))
        self.assertEqual(LEARNED.stat().st_mode & 0o777, 0o644)
        for arguments in (["check", "--strict", LEARNED], ["check"], ["load"]):
            done = subprocess.run([harness.CTL, *arguments], capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)
            self.assertEqual(done.returncode, OK, done.stdout + done.stderr)

    def test_later_only_what_is_new_is_proposed(self):
        self.learn("--finish", "--write")
        before = self.files()
        self.assertTrue(self.learn("--finish", "--write").stdout.endswith("Nothing is new: what was seen is allowed.\n"))
        self.assertEqual(self.files(), before)
        LEARNED.write_text(LEARNED.read_text().replace("  # Data that is read.\n", "  # Data that is read, I say.\n"))
        # Less was seen, and one thing more.
        self.record([FACTS[0], (recordings.file_fact("/etc/shop.conf"), 1)])
        document = self.finish("--write")
        self.assertEqual([rule["rule"] for rule in document["rules"]], ["/etc/shop.conf r"])
        self.assertEqual((document["catalogFile"]["changes"], document["losses"], document["gains"]), (False, [], ["r /etc/shop.conf"]))
        self.assertIn("  # Data that is read, I say.\n", LEARNED.read_text())
        self.assertTrue(LEARNED.read_text().endswith("}\n") and "  /etc/shop.conf r,  # 1 time, by /bin/app\n}\n" in LEARNED.read_text())

    def test_what_no_container_should_need_stands_apart(self):
        self.record([*FACTS, (recordings.file_fact("/proc/sysrq-trigger", "wc"), 4),
                     ({"fact": "ALLOWED", "program": "/bin/app", "operation": "capable", "capability": "sys_admin"}, 1)])
        shown = self.learn("--finish").stdout
        self.assertIn("Not proposed; who wants it allowed writes it down:\n"
                      "  capability sys_admin  (high: mounts, namespaces and much else: near to root of the host; 1 time)\n"
                      "  /proc/sysrq-trigger w  (never: stops or restarts the host; 4 times)\n", shown)
        self.assertNotIn("+  capability sys_admin", shown)

    def test_what_was_lost_is_told(self):
        self.record(FACTS, backlog=2, unrecorded=1)
        self.assertEqual(self.learn("--finish").stderr,
                         "note: 3 observations were lost, so that something may be missing: learn for longer\n")

    def test_the_bound(self):
        (PROFILES / "narrow").write_text("abi <abi/3.0>,\nprofile narrow { /srv/** r, }\n")
        self.assertIn("nothing is proposed, as it is not proved of profile 'aa-shim-learned-shop' that it allows nothing beyond 'narrow': ",
                      self.learn("--finish", "--within", "narrow", code=WRONG).stderr)
        self.assertIn("the bound 'nowhere' (--within): ", self.learn("--finish", "--within", "nowhere", code=SYSTEM).stderr)

    # ---- both, or none

    def test_without_the_catalog_the_profile_is_taken_back(self):
        shutil.move(CATALOG, harness.WORK / "10.json")
        CATALOG.symlink_to(harness.WORK / "10.json")
        self.assertIn("is a symlink to", self.learn("--finish", "--write", code=WRONG).stderr)
        self.assertFalse(LEARNED.exists())
        self.assertEqual(CATALOG.read_text(), TEXT)

    def test_a_file_that_is_another_one_stays(self):
        LEARNED.write_text("abi <abi/3.0>,\nprofile mine { }\n")
        self.assertIn("does not define the profile that it is called after", self.learn("--finish", "--write", code=WRONG).stderr)
        self.assertEqual(CATALOG.read_text(), TEXT)

    # ---- the entry

    def entry(self, confinement):
        CATALOG.write_text(json.dumps({"confinements": {"shop": confinement}, "otherwise": "shop", "withoutAppArmor": "capabilities-only"}))
        return json.loads(self.finish()["catalogFile"]["text"])["confinements"]["shop"]

    def test_entries_in_other_forms(self):
        table = {"rules": [{"command": "/usr/bin/pg_isready", "apparmor": "aa-shim-learned-shop"}], "otherwise": "deny"}
        own = {"rules": [{"command": "/bin/sh", "deny": "no"}], "otherwise": "base"}
        self.assertEqual(self.entry({"apparmor": {"profile": "aa-shim-web", "combine": "stack"}, "capabilities": "from-profile", "exec": own}),
                         {"apparmor": {"profile": "aa-shim-learned-shop", "combine": "stack"}, "capabilities": "from-profile", "exec": own})
        self.assertEqual(self.entry({"allCapabilities": True, "apparmor": "aa-shim-web", "exec": {"otherwise": "base"}}),
                         {"capabilities": ["CHOWN"], "apparmor": "aa-shim-learned-shop", "exec": table})

    def rules_of_the_table(self, table):
        return self.entry({"apparmor": "aa-shim-web", "capabilities": [], "exec": table})["exec"]["rules"]

    def test_commands_that_the_profile_would_have_to_allow_are_added_to_the_table(self):
        shell = {"command": "/bin/sh", "deny": "no"}
        learned = {"command": "/usr/bin/pg_isready", "apparmor": "aa-shim-learned-shop"}
        self.assertEqual(self.rules_of_the_table({"rules": [shell]}), [shell, learned])
        self.assertEqual(self.rules_of_the_table({"rules": [shell], "otherwise": "transition"}), [shell, learned])
        for rest in "base", "deny":  # where no profile is asked
            self.assertEqual(self.rules_of_the_table({"rules": [shell], "otherwise": rest}), [shell])
        own = [{"command": "/usr/bin/pg_*", "apparmor": "aa-shim-web"}, shell]
        self.assertEqual(self.rules_of_the_table({"rules": own}), own)

    def test_a_command_is_added_in_a_line_of_its_own_behind_the_others(self):
        rule = '{ "command": "/bin/sh", "deny": "no" }'
        learned = '{ "command": "/usr/bin/pg_isready", "apparmor": "aa-shim-learned-shop" }'
        entry = "".join(line for line in ENTRY.splitlines(keepends=True) if '"exec"' not in line)

        def with_rules(text, rules):
            return text.replace('"noNewPrivileges"', f'"exec": {{ "rules": {rules} }},\n      "noNewPrivileges"')

        for before, after in [(f"[{rule} ]", f"[{rule}, {learned} ]"),
                              (f"[\n  // all\n  {rule}  // shells\n]", f"[\n  // all\n  {rule},\n  {learned}  // shells\n]")]:
            CATALOG.write_text(with_rules(TEXT, before))
            self.assertEqual(self.finish()["catalogFile"]["text"], with_rules(entry, after))

    def test_comments_stay_where_they_are(self):
        CATALOG.write_text(TEXT.replace('["CHOWN", ', '[ // "] }\n/* ] } \\" */ "CHOWN", ').replace("// as web", "/* as web */"))
        self.assertEqual(self.finish()["catalogFile"]["text"], ENTRY.replace("// as web", "/* as web */"))

    def test_a_confinement_without_a_profile(self):
        CATALOG.write_text(TEXT.replace('"apparmor": "aa-shim-web"', '"unconfined": true'))
        self.assertIn("gives the confinement 'shop' no profile that could be another one", self.learn("--finish", code=WRONG).stderr)

    def test_a_ceiling_is_not_raised(self):
        CATALOG.write_text(TEXT.replace('"CHOWN", ', ""))
        document = self.finish()
        self.assertIn({"rule": "capability chown", "count": 2, "why": "it is beyond the ceiling of the confinement"}, document["apart"])
        self.assertIn('"capabilities": []', document["catalogFile"]["text"])

    # ---- fleets

    def test_of_three_nodes_merged_is_that_of_one_that_saw_all(self):
        for application in ("nginx", "postgresql", "flask"):
            self.record(recordings.observed(application), execs=["/usr/bin/a", "/usr/bin/b"])
            whole = self.finish()
            nodes = [self.record(recordings.observed(application, lambda row, node=node: row % 3 == node), harness.WORK / f"node{node}",
                                 execs=[["/usr/bin/a"], ["/usr/bin/b"], []][node]) for node in range(3)]
            Random(5).shuffle(nodes)
            merged = self.finish(*(word for node in nodes for word in ("--merge", node)), recording=False)
            self.assertEqual(merged, whole)
            exported = harness.WORK / "exported"
            self.learn("--export", exported, *(word for node in nodes for word in ("--merge", node)), recording=False)
            self.assertEqual(exported.stat().st_mode & 0o777, 0o600)
            facts = (line for line in exported.read_text().splitlines() if '"fact"' in line)
            self.assertEqual(list(facts), [line for line in self.recording.read_text().splitlines() if '"fact"' in line])

    def test_of_three_nodes_logs_is_that_of_one_that_saw_all(self):
        """All in one file, as `kubectl logs` of the DaemonSet gives it, or each in its own; with what a node had recorded before, and another confinement."""
        self.record(recordings.observed("nginx"), execs=["/usr/bin/a"])
        whole = self.finish()
        logs = []
        for node in range(3):
            seen = recordings.text(list(recordings.observed("nginx", lambda row, node=node: row % 3 == node)), execs=["/usr/bin/a"] if node == 1 else [])
            early = recordings.text(list(recordings.observed("nginx", lambda row, node=node: row % 9 == node)))
            logs.append(recordings.agent_log(f"n{node}", "shop", early, "2026-11-30T09:59:59Z") + recordings.agent_log(f"n{node}", "shop", seen)
                        + recordings.agent_log(f"n{node}", "other", recordings.text(FACTS)))
        Random(5).shuffle(logs)
        files = [harness.WORK / f"log{number}" for number in range(4)]
        for file, log in zip(files, (*logs, "".join(logs))):
            file.write_text(log)
        self.recording.write_text(files[3].read_text())
        self.assertEqual(self.finish(), whole, "one file")
        self.assertEqual(self.finish(*(word for file in files[:3] for word in ("--merge", file)), recording=False), whole, "three")
        self.assertEqual(self.finish(*(word for file in files for word in ("--merge", file)), recording=False), whole, "the same twice")

    def test_a_log_that_lacks_something_is_refused(self):
        log = recordings.agent_log("n1", "shop", recordings.text(FACTS))
        for text, problem in ((log.rpartition("[")[0], "the recording of node 'n1' from 2026-11-30T10:00:00Z has 4 of its 5 lines in the log"),
                              (log[:-9], f"'{self.recording}':6: is no line of an agent of this version that learns, or was cut off"),
                              (log.replace('"shop"', '"other"'), "is the log of an agent that did not learn from confinement 'shop'")):
            self.recording.write_text(text)
            result = self.learn("--finish", code=SYSTEM if "did not" in problem else WRONG)
            self.assertIn(problem, result.stderr)

    def keep(self):
        """The recording as the host's own."""
        own = Path("/var/lib/aa-shim/learn/shop.recording")
        own.parent.mkdir(parents=True, exist_ok=True)
        self.addCleanup(shutil.rmtree, own.parent)
        shutil.copy(self.recording, own)
        return own

    def test_export_of_the_hosts_own(self):
        self.keep()
        self.assertEqual(self.learn("--export", "-", recording=False).stdout, self.recording.read_text())

    def test_the_hosts_own_is_nobody_elses_to_write(self):
        own = self.keep()
        own.chmod(0o666)
        for words in (["--finish"], ["--export", "-"]):
            self.assertIn(f"'{own}'", self.learn(*words, recording=False, code=WRONG).stderr)

    # ---- what is wrong

    def test_what_is_no_recording(self):
        for text, problem in (("", "line 1 is not how a recording of this version begins"),
                              (recordings.text(FACTS)[:-20], "line 5 is nothing that a recording has"),
                              (recordings.text(FACTS) + "{}\n", "line 6 is nothing that a recording has")):
            self.recording.write_text(text)
            self.assertEqual(self.learn("--finish", code=WRONG).stderr,
                             f"aa-shimctl: recording '{self.recording}': {problem}: take a recording as aa-shimctl learn wrote it\n")
        self.recording.unlink()
        self.assertIn("nothing was recorded of the confinement 'shop': there is no '/var/lib/aa-shim/learn/shop.recording'",
                      self.learn("--finish", recording=False, code=SYSTEM).stderr)

    def test_command_lines_that_say_nothing(self):
        self.assertIn("--finish", self.learn(code=USAGE).stderr)
        self.assertIn("--write requires --finish", self.learn("--write", code=USAGE).stderr)
        for name, problem in (("sho", "the catalog has no confinement 'sho', did you mean 'shop'?"), ("../x", "'../x' cannot be learned")):
            done = subprocess.run([harness.CTL, "learn", name, "--finish", "--recording", self.recording], capture_output=True, text=True,
                                  timeout=harness.TIMEOUT, check=False)
            self.assertNotEqual(done.returncode, OK)
            self.assertIn(problem, done.stderr)

    # ---- hostile

    def test_names_that_would_be_more_than_names(self):
        odd = ["/srv/x\n  /** rwk,\n", "/srv/\"} profile evil {", "/srv/\x1b]0;owned\x07", "/srv/@{HOME}/**", "/srv/\u00ff\u0080",
               "/srv/a # aa-shim: ignore AA401 because x"]
        self.record([(recordings.file_fact("/run/secrets/" + str(place) + name, program=name), 1) for place, name in enumerate(odd)],
                    execs=["/bin/sh", "/bin/{a,b}", "/bin/\x1b[2J\"}"], starts=odd)
        shown = self.learn("--finish", "--write")
        for text in (shown.stdout, shown.stderr, LEARNED.read_text(), CATALOG.read_text()):
            self.assertTrue(all(c in "\n…" or " " <= c <= "~" for c in text), text)
            self.assertNotIn("# aa-shim: ignore", text)
        self.assertIn("'/bin/\\x1b[2J\"}'", shown.stdout)
        rules = json.loads(CATALOG.read_text().split("\n", 1)[1].replace("// Until we know better.", "").replace("// as web", ""))
        self.assertEqual([rule["command"] for rule in rules["confinements"]["shop"]["exec"]["rules"]], ["/bin/sh"])
        names = subprocess.run(["apparmor_parser", "-N", LEARNED], capture_output=True, text=True, check=True, timeout=harness.TIMEOUT)
        self.assertEqual(names.stdout, "aa-shim-learned-shop\n")
        for thing, code in (("r /etc/shadow", WRONG), ("r /root/x", WRONG), ("w /srv/x", WRONG)):
            asked = subprocess.run([harness.CTL, "query", "--profiles", LEARNED, "aa-shim-learned-shop", thing], capture_output=True, text=True,
                                   timeout=harness.TIMEOUT, check=False)
            self.assertEqual(asked.returncode, code, asked.stdout + asked.stderr)


if __name__ == "__main__":
    harness.main()
