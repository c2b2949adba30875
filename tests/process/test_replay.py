# SPDX-License-Identifier: Apache-2.0
"""aa-shimctl replay: decisions that aa-shim itself wrote down, judged anew by other catalogs, from a file and from the journal."""

import json
import shutil
import stat
import subprocess
from pathlib import Path

import harness
import observing

SAME, CHANGES, CANNOT = range(3)
LOG = harness.WORK / "log" / "decisions.jsonl"
JOURNALCTL = Path("/usr/bin/journalctl")
BASE = harness.BASE | {"capabilities": ["KILL"]}
LOADED = harness.CATALOG | {
    "confinements": {"test": harness.BASE, "kill-only": BASE},
    "rules": [
        {"match": {"namespace": "closed"}, "reject": "not in this namespace"},
        {"match": {"namespace": "shop", "pod": "kill-*"}, "use": "kill-only"},
    ],
    "decisionLog": str(LOG),
}


class ReplayTest(observing.ObservingTest):
    def setUp(self):
        super().setUp()
        LOG.parent.mkdir()
        result = self.try_to_load(LOADED)
        self.assertEqual(result.returncode, 0, result.stderr)

    def create_pod(self, container, pod, namespace="shop", code=0):
        directory = self.cri_bundle(container, annotations={"io.kubernetes.cri.sandbox-name": pod, "io.kubernetes.cri.sandbox-namespace": namespace})
        self.assertEqual(self.cri("create", "--bundle", directory, container=container).code, code)
        return directory

    def catalog(self, **changes):
        path = harness.WORK / "new.json"
        path.write_text(json.dumps({key: value for key, value in (LOADED | changes).items() if value is not None}))
        return path

    def replay(self, catalog, code, *more):
        document = json.loads(self.ctl("--json", "replay", *(more or ("--log", LOG)), catalog, code=code).stdout)
        return document, {(group["change"], group["command"]): group for group in document["groups"]}

    def counts(self, document):
        return {name: count for name, count in document["counts"].items() if count}


class Starts(ReplayTest):
    def setUp(self):
        super().setUp()
        self.create_pod("c1", "web")
        self.create_pod("c2", "kill-1")
        self.create_pod("c3", "kill-2")
        self.create_pod("c4", "web", namespace="closed", code=1)

    def test_the_same_catalog(self):
        document, _ = self.replay(self.catalog(), SAME)
        self.assertEqual((document["records"], document["strange"], self.counts(document)), (4, 0, {"unchanged": 4}))
        self.assertEqual(document["unusedRules"], [])
        result = self.ctl("replay", "--log", LOG, self.catalog())
        self.assertEqual(result.stdout, "4 decisions on record\n4 would stay as they are\n")

    def test_what_would_change(self):
        catalog = self.catalog(rules=[LOADED["rules"][0] | {"reject": "not here"}, {"match": {"pod": "web", "namespace": "shop"}, "use": "kill-only"}])
        document, _ = self.replay(catalog, CHANGES)
        self.assertEqual(self.counts(document), {"changed": 3, "unchanged": 1})
        self.assertEqual(sorted(group["count"] for group in document["groups"]), [1, 1, 2])

    def test_grouped_with_an_example(self):
        catalog = self.catalog(rules=LOADED["rules"][:1])
        document, groups = self.replay(catalog, CHANGES)
        self.assertEqual(self.counts(document), {"changed": 2, "unchanged": 2})
        group = groups["changed", "create"]
        self.assertEqual((group["count"], group["before"], group["after"]), (2, "kill-only: no label [KILL]", "test: no label [CHOWN,KILL,SETGID,SETUID,NET_BIND_SERVICE]"))
        self.assertIn("container 'c2'", group["example"])
        text = self.ctl("replay", "--log", LOG, catalog, code=CHANGES).stdout
        self.assertIn("2 would change\n  2 x create: kill-only: no label [KILL] -> test: no label [", text)

    def test_refused_and_allowed(self):
        catalog = self.catalog(rules=[{"match": {"namespace": "shop", "pod": "web"}, "reject": "no more"}, LOADED["rules"][1]])
        document, groups = self.replay(catalog, CHANGES)
        self.assertEqual(self.counts(document), {"nowRefused": 1, "nowAllowed": 1, "unchanged": 2})
        refused = next(group for group in document["groups"] if group["change"] == "nowRefused")
        self.assertIn("no more", refused["after"])
        self.assertTrue(refused["after"].startswith("refused: "), refused)
        allowed = next(group for group in document["groups"] if group["change"] == "nowAllowed")
        self.assertIn("not in this namespace", allowed["before"])
        self.assertTrue(allowed["after"].startswith("test: a label that depends on what was asked for ["), allowed)
        self.assertIn("1:", refused["rule"])

    def test_unused_rules(self):
        rules = [*LOADED["rules"], {"match": {"namespace": "nobody"}, "use": "kill-only"}]
        document, _ = self.replay(self.catalog(rules=rules), SAME)
        self.assertEqual(len(document["unusedRules"]), 1)
        self.assertTrue(document["unusedRules"][0].startswith(f"{harness.WORK}/new.json:1:"))
        self.assertIn("never used: the rule ", self.ctl("replay", "--log", LOG, self.catalog(rules=rules)).stdout)

    def test_what_the_record_does_not_have(self):
        """A rule that asks for an annotation may match or not, unless the other facts say no or the outcome is the same."""
        asks = {"match": {"engine": "cri-containerd", "annotations": {"tier": "x"}}, "use": "kill-only"}
        document, groups = self.replay(self.catalog(rules=[LOADED["rules"][0], asks, LOADED["rules"][1]]), SAME)
        self.assertEqual(self.counts(document), {"cannotTell": 1, "unchanged": 3})
        group = next(group for group in groups.values() if group["change"] == "cannotTell")
        self.assertRegex(group["after"], r"^rule .*new\.json:1:\d+ asks for annotations, which the record does not have$")
        self.assertEqual(document["unusedRules"], [])
        # Another engine's, and labels, which this engine has none of.
        for match in ({"engine": "docker", "annotations": {"tier": "x"}}, {"labels": {"tier": "x"}}):
            rules = [LOADED["rules"][0], asks | {"match": match}, LOADED["rules"][1]]
            self.assertEqual(self.counts(self.replay(self.catalog(rules=rules), SAME)[0]), {"unchanged": 4})

    def test_requests_are_not_on_record(self):
        rules = [LOADED["rules"][0], {"match": {"namespace": "shop", "pod": "web"}, "use": "test", "selectable": ["kill-only"]}, LOADED["rules"][1]]
        document, groups = self.replay(self.catalog(rules=rules), SAME)
        self.assertEqual(self.counts(document), {"cannotTell": 1, "unchanged": 3})
        self.assertIn("requests are not on record", next(group["after"] for group in groups.values() if group["change"] == "cannotTell"))

    def test_what_was_learned_from(self):
        records = [json.loads(line) for line in LOG.read_text().splitlines()]
        LOG.write_text("".join(json.dumps(one | {"weakening": "learning"}) + "\n" for one in records if one["outcome"] == "allowed"))
        document, groups = self.replay(self.catalog(), SAME)
        self.assertEqual(self.counts(document), {"cannotTell": 3})
        self.assertIn("was learned from", json.dumps(list(groups.values())))

    def test_a_fact_that_was_cut(self):
        record = json.loads(LOG.read_text().splitlines()[0])
        record["facts"] = record["facts"].replace("namespace='shop'", "namespace='" + "s" * 256 + "…'")
        LOG.write_text(json.dumps(record) + "\n")
        document, _ = self.replay(self.catalog(), SAME)
        self.assertEqual(self.counts(document), {"cannotTell": 1})

    def test_nonsense(self):
        LOG.write_text('{"outcome": "allowed"\n[]\n{"outcome":"perhaps","command":"create"}\n{"outcome":"refused","command":"create","reason":"system"}\n')
        document, _ = self.replay(self.catalog(), SAME)
        self.assertEqual((document["records"], document["strange"], self.counts(document)), (1, 3, {"notJudged": 1}))

    def test_what_is_no_log(self):
        other = harness.WORK / "other.log"
        for text in ("Nov 30 15:21:49 host kernel: hello\n", "[]\n7\nnull\n", "\x00\x7fELF\n"):
            other.write_text(text)
            for more in ((), ("--log", LOG)):
                result = self.ctl("replay", *more, "--log", other, self.catalog(), code=CANNOT)
                self.assertEqual(result.stderr, f"aa-shimctl: '{other}' is no log of decisions: none of its lines ({len(text.splitlines())}) is an object of "
                                 "JSON; name the file that the catalog calls \"decisionLog\", or what `journalctl --output=json` wrote\n")

    def test_a_log_without_decisions(self):
        other = harness.WORK / "other.log"
        for text, said in (("", "is empty"), ("\n", "is empty"), ('{"MESSAGE": "hello"}\nhello\n', "holds no decision, and 2 other lines")):
            other.write_text(text)
            self.assertIn(f"\n'{other}' {said}\n", self.ctl("replay", "--log", other, self.catalog(), code=SAME).stdout)
            document, _ = self.replay(self.catalog(), SAME, "--log", other, "--log", LOG)
            self.assertEqual((document["notes"], document["records"]), ([f"'{other}' {said}"], 4))
        self.assertEqual(self.replay(self.catalog(), SAME)[0]["notes"], [])

    def test_errors(self):
        self.ctl("replay", "--log", harness.WORK / "missing", self.catalog(), code=CANNOT)
        wrong = harness.WORK / "wrong.json"
        wrong.write_text("{")
        result = self.ctl("replay", "--log", LOG, wrong, code=CANNOT)
        self.assertIn("wrong.json:1:", result.stderr)
        self.assertFalse(json.loads(self.ctl("--json", "replay", "--log", LOG, harness.WORK / "none", code=CANNOT).stdout)["ok"])


class Journal(ReplayTest):
    def test_the_journal(self):
        """What journalctl prints of the same records: its names of fields, and their escapes."""
        self.create_pod("c1", "kill-1")
        record = json.loads(LOG.read_text())
        fields = {f"AA_SHIM_{name.upper()}": value.replace("\\", "\\x5c") for name, value in record.items() if name not in ("time", "message")}
        line = json.dumps(fields | {"MESSAGE": record["message"], "_UID": "0", "AA_SHIM_BYTES": [1, 2]})
        stand_in = harness.WORK / "journalctl"
        stand_in.write_text(f"#!/bin/sh\necho \"$@\" > {harness.WORK}/asked\ncat <<'END'\n{line}\nEND\n")
        stand_in.chmod(stand_in.stat().st_mode | stat.S_IXUSR)
        if not JOURNALCTL.exists():
            JOURNALCTL.touch()
            self.addCleanup(JOURNALCTL.unlink)
        subprocess.run(["mount", "--bind", stand_in, JOURNALCTL], check=True)
        self.addCleanup(subprocess.run, ["umount", JOURNALCTL], check=True)
        for arguments, since in ((("--journal",), ""), (("--since", "yesterday"), " --since=yesterday")):
            document, _ = self.replay(self.catalog(rules=[]), CHANGES, *arguments)
            self.assertEqual(self.counts(document), {"changed": 1})
            self.assertTrue((harness.WORK / "asked").read_text().endswith(f"SYSLOG_IDENTIFIER=aa-shim _UID=0{since}\n"))
        self.ctl("replay", "--journal", "--log", LOG, code=CANNOT)


class Execs(ReplayTest):
    """On record is the file that the program was found to be, where a rule looks at it."""

    def run_exec(self, word, confinement):
        catalog = LOADED | {"confinements": {"test": confinement, "kill-only": BASE}}
        self.assertEqual(self.try_to_load(catalog).returncode, 0)
        directory = self.create_pod("c1", "web")
        shutil.rmtree(directory / "rootfs", ignore_errors=True)
        self.cri_exec(directory, words=(word,))
        return [json.loads(line) for line in LOG.read_text().splitlines()][-1]

    def test_the_path_is_on_record(self):
        record = self.run_exec("/bin/sh", harness.BASE | {"exec": {"rules": [{"command": "/nothing", "deny": "no"}], "otherwise": "base"}})
        self.assertEqual((record["command"], record["outcome"], record["program"]), ("exec", "allowed", "/bin/sh"), record)
        self.assertRegex(record["program_path"], "^/(usr/)?bin/")
        self.assertIn(record["program_owned"], ("true", "false"))

    def test_a_rule_that_would_refuse(self):
        self.run_exec("/bin/sh", harness.BASE | {"exec": {"rules": [{"command": "/nothing", "deny": "no"}], "otherwise": "base"}})
        lines = [json.loads(line) for line in LOG.read_text().splitlines()]
        lines[-1] |= {"base_profile": "aa-test", "profile": "aa-test"}  # as on a host with AppArmor
        LOG.write_text("".join(json.dumps(line) + "\n" for line in lines))
        denies = harness.BASE | {"exec": {"rules": [{"command": lines[-1]["program_path"], "deny": "no shells"}], "otherwise": "base"}}
        confinements = {"test": denies, "kill-only": BASE}
        document, groups = self.replay(self.catalog(confinements=confinements), CHANGES)
        self.assertEqual(groups["nowRefused", "exec"]["before"], "test: aa-test")
        self.assertIn("no shells", groups["nowRefused", "exec"]["after"])
        document, groups = self.replay(self.catalog(confinements={"test": harness.BASE, "kill-only": BASE}), SAME)
        self.assertEqual(self.counts(document), {"unchanged": 2})
        # A record from before paths were written down.
        del lines[-1]["program_path"]
        LOG.write_text(json.dumps(lines[-1]) + "\n")
        document, groups = self.replay(self.catalog(confinements=confinements), SAME)
        self.assertIn("asks for the program, whose path the record does not have", groups["cannotTell", "exec"]["after"])

    def test_a_confinement_that_is_gone(self):
        self.run_exec("/bin/sh", harness.BASE)
        lines = [json.loads(line) for line in LOG.read_text().splitlines()]
        lines[-1] |= {"base_profile": "aa-test", "profile": "aa-test", "confinement": "gone"}
        LOG.write_text(json.dumps(lines[-1]) + "\n")
        _, groups = self.replay(self.catalog(), CHANGES)
        self.assertIn("'gone'", groups["nowRefused", "exec"]["after"])
