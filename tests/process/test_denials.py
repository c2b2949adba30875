# SPDX-License-Identifier: Apache-2.0
"""aa-shimctl denials: records of a file, of standard input and of the journal; whose they are by the decisions on record; which rules forbid
it; and what a log may hold that is none. What a kernel denies is tried on the test hosts (tests/vm/micro/denials.sh)."""

import json
import os
import re
import stat
import subprocess
import time
from pathlib import Path

import harness

OK, WRONG, USAGE, SYSTEM = range(4)
JOURNALCTL = Path("/usr/bin/journalctl")
RECORDS = Path(__file__).resolve().parents[1] / "apparmor/audit/records"
LOG = harness.WORK / "log"
PROFILES = harness.WORK / "profiles"
WEB = """abi <abi/3.0>,

profile web {
  /srv/** r,
  deny /srv/private/** rw,
  audit deny /srv/loud/** rw,
  deny network raw,
}
"""


def record(name="/srv/a", *, kind="DENIED", profile="web", denied="w", pid=7, second=1796014679, serial=8, comm="cat", more=""):
    return (f'audit: type=1400 audit({second}.939:{serial}): apparmor="{kind}" operation="open" class="file"{more} profile="{profile}" name={quoted(name)} '
            f'pid={pid} comm={quoted(comm)} requested_mask="{denied}" denied_mask="{denied}" fsuid=0 ouid=1')


def quoted(value):
    data = value if isinstance(value, bytes) else value.encode()
    return f'"{data.decode()}"' if re.fullmatch(rb"[!#-~]*", data) else data.hex().upper()


def decision(container, profile, *, identifier="0123456789abcdef", command="create", **more):
    fields = {"outcome": "allowed", "command": command, "container": container, "profile": profile, "decision": identifier} | more
    return {f"AA_SHIM_{name.upper()}": value for name, value in fields.items()}


class DenialsTest(harness.ShimTest):
    def setUp(self):
        super().setUp()
        PROFILES.mkdir()

    def ctl(self, *arguments, code=OK, **options):
        result = subprocess.run([harness.CTL, *map(str, arguments)], capture_output=True, timeout=harness.TIMEOUT, check=False, **options)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result

    def text(self, *lines, arguments=()):
        LOG.write_text("".join(f"{line}\n" for line in lines))
        return self.ctl("denials", "--file", LOG, "--profiles", PROFILES, *arguments).stdout.decode()

    def document(self, *lines, arguments=()):
        return json.loads(self.text(*lines, arguments=("--json", *arguments)))

    def journal(self, records, decisions=()):
        """A journal that holds RECORDS of the kernel, and DECISIONS."""
        Path("/run/systemd/journal").mkdir(parents=True, exist_ok=True)
        for name, entries in (("records", records), ("decisions", decisions)):
            (harness.WORK / name).write_text("".join(json.dumps(entry) + "\n" for entry in entries))
        stand_in = harness.WORK / "journalctl"
        stand_in.write_text(f"""#!/bin/sh
case "$*" in *SYSLOG_IDENTIFIER=aa-shim*) exec cat {harness.WORK}/decisions ;; esac
echo "$@" > {harness.WORK}/asked
exec cat {harness.WORK}/records
""")
        stand_in.chmod(stand_in.stat().st_mode | stat.S_IXUSR)
        if not JOURNALCTL.exists():
            JOURNALCTL.touch()
            self.addCleanup(JOURNALCTL.unlink)
        subprocess.run(["mount", "--bind", stand_in, JOURNALCTL], check=True)
        self.addCleanup(subprocess.run, ["umount", JOURNALCTL], check=True)


class Logs(DenialsTest):
    def test_what_is_learned_from_is_no_denial(self):
        """Only what the twin complains about: what it denies is denied."""
        learned = ("aa-shim-learning-web", "asked//&aa-shim-learning-web")
        document = self.document(*(record(kind="ALLOWED", profile=label, serial=at) for at, label in enumerate((*learned, "web"), 1)),
                                 record(profile="aa-shim-learning-web", serial=9))
        self.assertEqual(document["learned"], 2)
        self.assertEqual([(one["label"], one["count"]) for one in document["denials"]], [("web", 1), ("aa-shim-learning-web", 1)])
        self.assertIn("2 tell what containers do that are learned from",
                      self.text(*(record(kind="ALLOWED", profile=label, serial=at) for at, label in enumerate(learned, 1))))

    def test_a_denial(self):
        self.assertEqual(self.text(record()), f"""{LOG}: 1 records of AppArmor
not attributed (no container on record has this label): profile 'web'
  1 x open w /srv/a by 'cat', 2026-11-30T04:57:59Z
      add: /srv/a w,
      risk: low (a file of the container, or of what is mounted in it)
""")

    def test_what_is_alike_is_one(self):
        lines = [record(serial=number, second=1796014679 + number) for number in range(3)] + [record("/srv/b", serial=9)]
        document = self.document(*lines)
        self.assertEqual([(one["name"], one["count"], one["first"], one["last"]) for one in document["denials"]],
                         [("/srv/a", 3, "2026-11-30T04:57:59Z", "2026-11-30T04:58:01Z"), ("/srv/b", 1, "2026-11-30T04:57:59Z", "2026-11-30T04:57:59Z")])

    def test_the_same_record_twice(self):
        document = self.document(record(), f"Nov 30 04:57:59 host kernel: {record()}", record(serial=9))
        self.assertEqual((document["records"], document["duplicates"], document["denials"][0]["count"]), (2, 1, 2))

    def test_what_is_no_denial(self):
        status = 'audit: type=1400 audit(1.000:3): apparmor="STATUS" operation="profile_load" profile="unconfined" name="web" pid=1 comm="apparmor_parser"'
        document = self.document(status, record(kind="AUDIT", serial=4), record(kind="ALLOWED", serial=5), record(kind="KILLED", serial=6), "else", "")
        self.assertEqual((document["records"], [one["type"] for one in document["denials"]]), (4, ["ALLOWED", "KILLED"]))

    def test_standard_input(self):
        result = self.ctl("--json", "denials", "--file", "-", input=record().encode())
        self.assertEqual((json.loads(result.stdout)["source"], len(json.loads(result.stdout)["denials"])), ("standard input", 1))

    def test_records_of_real_kernels(self):
        for release in ("6.1", "6.12", "7.2"):
            document = json.loads(self.ctl("--json", "denials", "--file", RECORDS / release, "--profiles", PROFILES).stdout)
            self.assertEqual((document["damaged"], document["records"] > 40), (0, True))
            for one in document["denials"]:
                self.assertTrue(one["rule"] or one["flag"] or one["advice"], one)

    def test_since(self):
        lines = (record(), record("/srv/b", second=1796014680, serial=9))
        for since in ("@1796014680", "2026-11-30T04:58:00Z"):
            self.assertEqual([one["name"] for one in self.document(*lines, arguments=("--since", since))["denials"]], ["/srv/b"])
        self.assertIn(b"@SECONDS", self.ctl("denials", "--file", LOG, "--since", "yesterday", code=USAGE).stderr)

    def test_what_cannot_be(self):
        self.ctl("denials", "--follow", "--file", LOG, code=USAGE)
        self.ctl("denials", "--follow", "--since", "@1", code=USAGE)
        self.assertIn(b"/nothing", self.ctl("denials", "--file", "/nothing", code=SYSTEM).stderr)

    def test_it_ends_by_itself(self):
        begun = time.monotonic()
        summary = json.loads(self.ctl("--json", "denials", "--follow", "--for", "2").stdout.splitlines()[-1])
        self.assertGreaterEqual(time.monotonic() - begun, 2)
        self.assertIn("kernel", summary["source"])
        self.assertIn(b"--for goes with --follow or --reveal", self.ctl("denials", "--for", "2", "--file", LOG, code=USAGE).stderr)
        self.ctl("denials", "--follow", "--for", "0", code=USAGE)

    def test_nothing_is_revealed_without_apparmor(self):
        self.assertIn(b"AppArmor", self.ctl("denials", "--reveal", "web", code=SYSTEM).stderr)
        self.assertFalse((harness.RUN / "revealed").exists())
        self.ctl("denials", "--reveal", "web", "--file", LOG, code=USAGE)
        self.ctl("denials", "--reveal", "web", "--since", "@1", code=USAGE)

    def file(self, path, *lines):
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in lines))
        self.addCleanup(path.unlink)

    def test_what_auditd_has_rotated_away(self):
        """As auditd writes it, and numbers its files: the oldest first, and none twice."""
        for number, name in enumerate(("audit.log.2", "audit.log.1", "audit.log")):
            inner = record(f"/srv/{name}", serial=number, second=1796014679 + number).split(" ", 2)[2]
            self.file(f"/var/log/audit/{name}", f"type=DAEMON_ROTATE msg=audit(1796014679.000:{number}): op=rotate-logs", f"type=AVC msg={inner}")
        self.file("/run/auditd.pid", "7")
        os.link("/var/log/audit/audit.log", "/var/log/audit/audit.log.3")
        self.addCleanup(os.unlink, "/var/log/audit/audit.log.3")
        document = json.loads(self.ctl("--json", "denials").stdout)
        self.assertEqual((document["source"], document["records"], document["duplicates"]), ("/var/log/audit/audit.log and 2 rotated before", 3, 0))
        self.assertEqual([one["name"] for one in document["denials"]], ["/srv/audit.log.2", "/srv/audit.log.1", "/srv/audit.log"])
        document = json.loads(self.ctl("--json", "denials", "--since", "@1796014680").stdout)
        self.assertEqual(document["records"], 2)

    def test_what_logrotate_has_left_of_syslog(self):
        for number, name in enumerate(("kern.log.1", "kern.log")):
            self.file(f"/var/log/{name}", f"2026-11-30T04:57:59.1+00:00 host kernel: [   12.5] {record(f'/srv/{name}', serial=number)}")
        self.file("/var/log/kern.log.2.gz")
        journal = Path("/run/systemd/journal")
        if journal.exists():
            journal.rmdir()  # of another test's
        document = json.loads(self.ctl("--json", "denials").stdout)
        self.assertEqual((document["source"], document["records"]), ("/var/log/kern.log and 1 rotated before, without those that are compressed", 2))

    def test_the_journal(self):
        self.journal([
            {"MESSAGE": record(), "_TRANSPORT": "kernel"},
            {"MESSAGE": f"x\n{record(serial=9)}", "_TRANSPORT": "kernel"},
            {"MESSAGE": f"AVC {record()[record().index('apparmor='):]}", "_TRANSPORT": "audit", "_AUDIT_ID": "8", "_SOURCE_REALTIME_TIMESTAMP": "1796014679939000"},
            {"MESSAGE": [1, 2], "_TRANSPORT": "kernel"},
        ])
        document = json.loads(self.ctl("--json", "denials", "--since", "yesterday").stdout)
        self.assertEqual((document["source"], document["records"], document["duplicates"]), ("the journal", 1, 1))
        self.assertTrue((harness.WORK / "asked").read_text().endswith("_TRANSPORT=kernel _TRANSPORT=audit --since=yesterday\n"))


class Losses(DenialsTest):
    """A log with holes looks like a quiet one."""

    def test_what_is_missing_is_said(self):
        document = self.document("kauditd_printk_skb: 12 callbacks suppressed", "audit: audit_lost=3 audit_rate_limit=0", "audit: audit_lost=9 audit_rate_limit=0")
        self.assertEqual(document["lost"], {"suppressed": 12, "backlog": 7, "overwritten": 0, "overruns": 0})
        text = self.text("kauditd_printk_skb: 12 callbacks suppressed", "audit: audit_lost=3 audit_rate_limit=0")
        self.assertIn("\n12 messages the kernel did not print", text)
        self.assertIn("\n1 records or more are lost", text)

    def test_what_is_cut_is_counted(self):
        document = self.document(record()[:-60], record(serial=9))
        self.assertEqual((document["records"], document["damaged"], len(document["denials"])), (2, 1, 1))
        self.assertIn("1 records cannot be understood; the first: it has no process", self.text(record()[:-60]))

    def test_groups_are_bounded(self):
        document = self.document(*(record(f"/srv/{number}", serial=number) for number in range(5200)))
        self.assertEqual((len(document["denials"]), document["notGrouped"]), (5000, 200))

    def test_many_records_take_little(self):
        LOG.write_text("".join(record(f"/srv/{number % 300}", serial=number) + "\n" for number in range(100_000)))
        process = subprocess.Popen([harness.CTL, "--json", "denials", "--file", LOG, "--profiles", PROFILES], stdout=subprocess.PIPE)
        document = json.load(process.stdout)
        process.stdout.close()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual((process.returncode, document["records"]), (0, 100_000))
        self.assertLess(used.ru_maxrss, 64 << 10)  # KiB
        self.assertLess(used.ru_utime + used.ru_stime, 20)


class Hostile(DenialsTest):
    def test_nothing_foreign_reaches_a_terminal(self):
        name = b"/srv/\x1b[2J\n\xff** r,\n  /** rwx,"
        text = self.text(record(name, comm=b"\x1b]0;x\x07\n"))
        self.assertNotRegex(text, "[\x00-\x09\x0b-\x1f\x7f]")
        self.assertIn('      add: "/srv/\\033\\[2J\\012\\377\\*\\* r\\,\\012  /\\*\\* rwx\\," w,\n', text)
        self.assertEqual(len(text.splitlines()), 5)

    def test_what_a_process_says_is_told_apart(self):
        inner = record().split(": ", 2)[2]
        text = self.text(f"audit: type=1107 audit(1.000:4): pid=5 uid=0 auid=0 ses=0 msg='{inner}'")
        self.assertIn("(says a process, not the kernel)", text)

    def test_the_log_of_a_program_is_no_record(self):
        self.assertEqual(self.document(f"Nov 30 04:57:59 host app[7]: {record()}", f"x {record()}")["records"], 0)


class Whose(DenialsTest):
    FIRST = dict(name="nginx", namespace="shop", pod="web-1", image="nginx:1", engine="cri", confinement="web")

    def whose(self, *decisions, profile="web", arguments=()):
        self.journal([{"MESSAGE": record(profile=profile), "_TRANSPORT": "kernel"}], decisions)
        return json.loads(self.ctl("--json", "denials", *arguments).stdout)["denials"]

    def test_the_only_container_with_the_label(self):
        who = self.whose(decision("c1", "web", **self.FIRST), decision("c2", "other", identifier="f" * 16))[0]["who"]
        self.assertEqual(who, {"by": "label", "container": "c1", "decision": "0123456789abcdef", "execDecision": ""} | self.FIRST)

    def test_a_child_and_a_stack_belong_to_it(self):
        self.assertEqual(self.whose(decision("c1", "web"), profile="web//tool//&runc")[0]["who"]["container"], "c1")

    def test_of_several_none_is_guessed(self):
        decisions = (decision("c1", "web", confinement="web"), decision("c2", "web", identifier="f" * 16, confinement="web"))
        who = self.whose(*decisions)[0]["who"]
        self.assertEqual(who, {"by": "nothing", "confinement": "web", "candidates": 2})
        text = self.ctl("denials").stdout.decode()
        self.assertIn("not attributed (2 containers have this label, all of confinement 'web')", text)

    def test_started_twice(self):
        who = self.whose(decision("c1", "web"), decision("c1", "web", identifier="f" * 16))[0]["who"]
        self.assertEqual((who["by"], who["container"], who["decision"]), ("label", "c1", ""))

    def test_the_exec_that_it_can_only_be(self):
        exec_ = decision("c1", "web//tool", identifier="e" * 16, command="exec", container_decision="0123456789abcdef")
        self.assertEqual(self.whose(decision("c1", "web"), exec_, profile="web//tool")[0]["who"]["execDecision"], "e" * 16)

    def test_the_exec_whose_process_it_was(self):
        """By its number, not long after it began, though another container has the label, too; a number that was given anew is the later exec's."""
        def exec_(identifier, pid, began, container="c2", started="f" * 16, profile="web"):
            return (decision(container, profile, identifier=identifier * 16, command="exec", container_decision=started),
                    decision(container, "", identifier=identifier * 16, command="exec-process", outcome="found", pid=str(pid), began=str(began)))
        starts = (decision("c1", "web"), decision("c2", "web", identifier="f" * 16))
        second = 1796014679
        cases = (("the one", exec_("e", 7, second), "e"),
                 ("the last that can be", (*exec_("d", 7, second - 50), *exec_("e", 7, second - 1)), "e"),
                 ("not one that began later", (*exec_("d", 7, second - 1), *exec_("e", 7, second + 1)), "d"),
                 ("another number", exec_("e", 8, second), None),
                 ("long ago", exec_("e", 7, second - 61), None),
                 ("another label", exec_("e", 7, second, profile="other"), None),
                 ("a container that is not on record", exec_("e", 7, second, started="9" * 16), None))
        for name, execs, expected in cases:
            with self.subTest(name):
                who = self.whose(*starts, *execs)[0]["who"]
                got = (who["by"], who.get("container"), who.get("decision"), who.get("execDecision"))
                self.assertEqual(got, ("exec", "c2", "f" * 16, expected * 16) if expected else ("nothing", None, None, None))

    def test_what_would_tell_the_exec(self):
        """Where it is not on record, and the catalog says that it is not to be."""
        hint = 'with "logExecProcesses" in the catalog'
        exec_ = decision("c1", "web//tool", identifier="e" * 16, command="exec", container_decision="0123456789abcdef")
        for more, profile, told in (({}, "web", True), ({}, "web//tool", False), ({}, "other", False), ({"logExecProcesses": True}, "web", False)):
            with self.subTest(more=more, profile=profile):
                self.assertEqual(self.try_to_load(harness.CATALOG | more).returncode, 0)
                self.whose(decision("c1", "web"), exec_, profile=profile)
                self.assertEqual(self.ctl("denials").stdout.decode().count(hint), int(told))

    def test_a_label_that_an_exec_has(self):
        exec_ = decision("c1", "tool", identifier="e" * 16, command="exec", container_decision="0123456789abcdef")
        who = self.whose(decision("c1", "web"), exec_, profile="tool")[0]["who"]
        self.assertEqual((who["container"], who["execDecision"]), ("c1", "e" * 16))

    def test_refused_starts_have_no_label(self):
        self.assertEqual(self.whose(decision("c1", "web", outcome="refused"))[0]["who"], {"by": "nothing", "confinement": "", "candidates": 0})

    def test_of_one_container_or_confinement(self):
        decisions = (decision("c1", "web", **self.FIRST),)
        self.assertEqual(len(self.whose(*decisions, arguments=("--container", "nginx"))), 1)
        for arguments, count in ((("--container", "c"), 1), (("--container", "c2"), 0), (("--confinement", "web"), 1), (("--confinement", "x"), 0)):
            self.assertEqual(len(json.loads(self.ctl("--json", "denials", *arguments).stdout)["denials"]), count, arguments)


class Rules(DenialsTest):
    def setUp(self):
        super().setUp()
        (PROFILES / "web").write_text(WEB)

    def test_no_rule_allows_it(self):
        document = self.document(record())
        self.assertEqual((document["denials"][0]["sourcesKnown"], document["denials"][0]["deniedBy"]), (True, []))
        self.assertIn("\n      no rule allows it\n", self.text(record()))

    def test_the_rule_that_denies(self):
        one = self.document(record("/srv/loud/a"))["denials"][0]
        self.assertEqual(one["deniedBy"], [{"file": f"{PROFILES}/web", "line": 6, "column": 3, "rule": "audit deny /srv/loud/** rw"}])
        self.assertIn(f"\n      denied by {PROFILES}/web:6:3: audit deny /srv/loud/** rw\n", self.text(record("/srv/loud/a")))

    def test_what_the_profile_allows_by_now(self):
        self.assertIn(f"by now allowed, wholly or in part, by {PROFILES}/web:4:3: /srv/** r\n", self.text(record(denied="r")))

    def test_questions_are_bounded(self):
        document = self.document(*(record(f"/srv/{number}", serial=number) for number in range(230)))
        self.assertEqual(sum(one["sourcesKnown"] for one in document["denials"]), 200)

    def test_quiet_rules_are_counted(self):
        self.assertEqual(self.document(record())["quietDenyRules"], {"web": 2})
        self.assertIn("\n2 deny rules of 'web' hide what they deny: it is on no record\n", self.text(record()))

    def test_sources_that_are_not_there(self):
        document = self.document(record(profile="elsewhere"))
        self.assertEqual((document["denials"][0]["sourcesKnown"], document["quietDenyRules"]), (False, {}))
