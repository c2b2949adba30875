# SPDX-License-Identifier: Apache-2.0
"""aa-shimctl diff of catalogs, load --dry-run, and the containers that run."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from random import Random

import harness
import observing

OK, WRONG, USAGE, SYSTEM = range(4)
ROOT = Path(__file__).resolve().parents[2]
OLD = harness.WORK / "old"
NEW = harness.WORK / "new"
LOG = harness.WORK / "log" / "decisions.jsonl"
WEB = "abi <abi/3.0>,\nprofile web { /srv/** r, /bin/tool Px -> tool, }\nprofile tool { /etc/tool.conf r, }\n"
BASE = {"apparmor": "web", "capabilities": ["KILL"], "exec": {"rules": [{"command": "/bin/sh", "deny": "no shells"}]}}
CATALOG = {
    "confinements": {"web": BASE, "kill": BASE | {"capabilities": ["KILL", "CHOWN"]}},
    "rules": [{"match": {"namespace": "closed"}, "reject": "no"}, {"match": {"namespace": "shop", "pod": "kill-*"}, "use": "kill"}],
    "otherwise": "web",
    "withoutAppArmor": "capabilities-only",
    "decisionLog": str(LOG),
}


def without_notes(text):
    return re.sub(r"^(not compared|note): .*\n", "", text, flags=re.MULTILINE)


class Diff(observing.ObservingTest):
    def setUp(self):
        super().setUp()
        LOG.parent.mkdir()
        for directory in (OLD, NEW):
            (directory / "catalog.d").mkdir(parents=True)
            (directory / "apparmor.d").mkdir()
            (directory / "apparmor.d" / "web").write_text(WEB)
            self.write(directory)
        (harness.ETC / "apparmor.d" / "web").write_text(WEB)

    def write(self, directory, **changes):
        (directory / "catalog.d" / "10.json").write_text(json.dumps(CATALOG | changes))

    def diff(self, *more, code=OK):
        return without_notes(self.ctl("diff", "--old-profiles", OLD / "apparmor.d", "--profiles", NEW / "apparmor.d", OLD / "catalog.d",
                                      NEW / "catalog.d", *more, code=code).stdout)

    def install(self, **changes):
        """Puts a catalog at its place."""
        for file in (harness.ETC / "catalog.d").iterdir():
            file.unlink()
        (harness.ETC / "catalog.d" / "10.json").write_text(json.dumps(CATALOG | changes))

    def confinements(self, **changes):
        return {"confinements": CATALOG["confinements"] | {"web": BASE | changes}}


class Catalogs(Diff):
    def test_the_same(self):
        self.assertEqual(self.diff(), "Nothing is gained or lost.\n")
        self.assertEqual(without_notes(self.ctl("diff", "--profiles", OLD / "apparmor.d", OLD / "catalog.d" / "10.json", NEW / "catalog.d").stdout),
                         "Nothing is gained or lost.\n")

    def test_a_confinement(self):
        self.write(NEW, **self.confinements(capabilities=["CHOWN"], noNewPrivileges=True))
        self.assertEqual(self.diff(code=WRONG), f"confinement 'web' ({NEW}/catalog.d/10.json:1:19):\n  + keep the capabilities CHOWN\n"
                         "  - keep the capabilities KILL\n  - run without \"noNewPrivileges\"\n"
                         f"  of the rules {NEW}/catalog.d/10.json:1:{self.otherwise_column()}\n")

    def otherwise_column(self):
        return (NEW / "catalog.d" / "10.json").read_text().index('"web", "withoutAppArmor"') + 1

    def test_a_profile_that_a_confinement_names(self):
        profile = NEW / "apparmor.d" / "web"
        profile.write_text(WEB.replace("/etc/tool.conf r", "/etc/{tool.conf,shadow} r"))
        text = self.diff(code=WRONG)
        self.assertIn("  + by its profile: r /etc/shadow  after exec /bin/tool\n", text)
        profile.write_text(WEB.replace("/srv/** r", "/srv/a/** r"))
        self.assertIn("  - by its profile: r /srv/", self.diff())

    def test_only_losses_are_no_gain(self):
        self.write(NEW, **self.confinements(noNewPrivileges=True))
        self.diff()
        self.write(NEW)
        self.write(OLD, **self.confinements(noNewPrivileges=True))
        self.diff(code=WRONG)

    def test_a_rule(self):
        self.write(NEW, rules=[*CATALOG["rules"], {"match": {"handler": "k"}, "use": "kill"}])
        document = json.loads(self.ctl("--json", "diff", "--profiles", NEW / "apparmor.d", OLD / "catalog.d", NEW / "catalog.d", code=WRONG).stdout)
        self.assertFalse(document["ok"])
        (change,) = document["changes"]
        self.assertEqual((change["what"], change["name"], change["is"]), ("rule", "handler 'k'", "added"))
        (case,) = change["cases"]
        self.assertTrue(case["decidedBy"].startswith("otherwise, "))
        self.assertEqual((case["before"], case["after"], case["gains"], case["losses"]),
                         ("confinement 'web'", "confinement 'kill'", ["keep the capabilities CHOWN"], []))
        self.assertIn("io_uring", document["unmediated"])

    def test_gains_come_first(self):
        self.write(NEW, confinements={"web": BASE | {"noNewPrivileges": True}, "kill": BASE | {"capabilities": ["KILL", "CHOWN", "SETUID"]}})
        text = self.diff(code=WRONG)
        self.assertLess(text.index("confinement 'kill'"), text.index("confinement 'web'"))

    def test_from_profile_is_what_the_profile_says(self):
        for directory in (OLD, NEW):
            self.write(directory, **self.confinements(capabilities="from-profile"))
        (NEW / "apparmor.d" / "web").write_text(WEB.replace("/srv/** r,", "/srv/** r, capability chown,"))
        text = self.diff(code=WRONG)
        self.assertIn("  + keep the capabilities CHOWN\n", text)
        self.assertIn("  + by its profile: capability chown\n", text)

    def test_a_profile_that_nothing_defines(self):
        self.write(NEW, **self.confinements(apparmor="elsewhere"))
        self.assertIn("perhaps more under 'elsewhere': it cannot be compared with 'web'", self.diff(code=WRONG))
        self.write(OLD, **self.confinements(apparmor="elsewhere"))
        self.assertIn("'elsewhere' is taken to be the same, for no file here defines it", self.diff())

    def test_in_force(self):
        self.install()
        self.ctl("load")
        self.assertEqual(without_notes(self.ctl("diff").stdout), "Nothing is gained or lost.\n")
        self.install(otherwise="kill")
        self.assertIn("otherwise (/etc/aa-shim/catalog.d/10.json:1:", self.ctl("diff", code=WRONG).stdout)
        self.assertIn("  confinement 'web' -> confinement 'kill'\n", self.ctl("diff", NEW / "catalog.d", "--profiles", NEW / "apparmor.d").stdout
                      + self.ctl("diff", code=WRONG).stdout)

    def test_what_cannot_be_compared(self):
        for arguments, words in (((OLD / "catalog.d", NEW / "apparmor.d"), "a catalog is not compared with profiles"),
                                 ((OLD / "apparmor.d", NEW / "catalog.d"), "a catalog is not compared with profiles"),
                                 (("--profile", "web", OLD / "catalog.d", NEW / "catalog.d"), "--profile goes with profiles"),
                                 (("--profiles", OLD, OLD / "apparmor.d", NEW / "apparmor.d"), "go with catalogs")):
            self.assertIn(words, self.ctl("diff", *arguments, code=USAGE).stderr)
        (NEW / "catalog.d" / "10.json").write_text("{")
        result = self.ctl("diff", OLD / "catalog.d", NEW / "catalog.d", code=USAGE)
        self.assertIn("10.json:1:", result.stderr)
        self.assertEqual(result.stdout, "")
        self.ctl("diff", OLD / "catalog.d", harness.WORK / "none.json", code=SYSTEM)

    def test_names_cannot_steer_a_terminal(self):
        self.write(NEW, otherwise="kill")
        strange = harness.WORK / "new\x1b[31m\nOK"
        (NEW / "catalog.d").rename(strange)
        text = self.ctl("diff", "--profiles", NEW / "apparmor.d", OLD / "catalog.d", strange, code=WRONG).stdout
        self.assertNotIn("\x1b", text)
        self.assertNotIn("\nOK", text)

    def test_many_rules(self):
        rules = [{"match": {"image": f"registry.example/{number}:*", "handler": f"h{number % 7}"}, "use": "kill"} for number in range(2000)]
        self.write(OLD, rules=rules)
        self.write(NEW, rules=[*rules[1:], rules[0]])
        self.assertIn("is moved", self.diff())


class Generated(harness.ShimTest):
    """Edits of the shipped profiles by a generator with a seed: each gain or loss is found, and nothing else."""

    # What a rule does to a profile that says nothing of the kind: "+" it gains, "-" it loses; and what each of the examples has.
    EDITS = (
        ("+", "capability {capability},", "capability {capability}"),
        ("-", "deny /zz{number}/** rw,", "/zz{number}/"),
        ("-", "deny /usr/bin/zz{number} x,", "/usr/bin/zz{number}"),
        ("-", "deny /zz{number}*/lib r,", "/zz{number}"),
        ("+", "signal (send) set=(usr1) peer=zz{number},", "peer=zz{number}"),
        ("+", "ptrace (read) peer=zz{number},", "peer=zz{number}"),
        ("+", "mount fstype=zz{number} /zz/ -> /mnt/,", "zz{number}"),
        ("+", "change_profile -> zz{number},", "zz{number}|/attr/"),  # the parser allows the file that it takes, too
    )

    def document(self, old, new, code):
        result = subprocess.run([harness.CTL, "--json", "diff", old, new], capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return json.loads(result.stdout)["changes"]

    def test_fifty_edits(self):
        profiles = sorted((ROOT / "share" / "apparmor.d").iterdir())
        random = Random(50)
        for number in range(50):
            profile = random.choice(profiles)
            text = profile.read_text()
            sign, rule, told = random.choice(self.EDITS)
            words = {"number": number, "capability": random.choice(["mac_admin", "sys_boot", "sys_time", "syslog"])}
            header = re.search(rf"^profile {profile.name} .*\{{\n", text, re.MULTILINE)
            edited = harness.WORK / profile.name
            edited.write_text(text[:header.end()] + f"  {rule.format(**words)}\n" + text[header.end():])
            for old, new, gains in ((profile, edited, sign == "+"), (edited, profile, sign == "-")):
                with self.subTest(number=number, profile=profile.name, rule=rule.format(**words), gains=gains):
                    (change,) = self.document(old, new, WRONG if gains else OK)
                    self.assertEqual((change["profile"], change["is"]), (profile.name, "changed"))
                    found, none = (change["gains"], change["losses"]) if gains else (change["losses"], change["gains"])
                    self.assertEqual((none["rules"], none["unproved"], found["unproved"]), ([], [], []))
                    self.assertRegex(str(found["rules"]), told.format(**words).split("|", maxsplit=1)[0])
                    for one in found["rules"]:
                        self.assertRegex(one["example"], told.format(**words))


class DryRun(Diff):
    def test_nothing_is_changed(self):
        self.install()
        self.assertIn("note: no catalog is in force: nothing can be started yet\n", self.ctl("load", "--dry-run", code=WRONG).stdout)
        self.assertFalse(harness.COMPILED.exists())
        self.ctl("load")
        before = harness.COMPILED.read_bytes()
        self.assertIn("Nothing is gained or lost.\n", self.ctl("load", "--dry-run").stdout)
        self.install(otherwise="kill")
        text = self.ctl("load", "--dry-run", code=WRONG).stdout
        self.assertIn("  + keep the capabilities CHOWN\n", text)
        self.assertEqual(text, self.ctl("diff", code=WRONG).stdout)
        self.assertEqual(harness.COMPILED.read_bytes(), before)

    def test_what_is_wrong_is_said_instead(self):
        self.install(otherwise="nobody")
        result = self.ctl("load", "--dry-run", code=WRONG)
        self.assertIn("there is no confinement 'nobody'", result.stderr)
        self.assertEqual(result.stdout, "")
        self.assertFalse(json.loads(self.ctl("--json", "load", "--dry-run", code=WRONG).stdout)["ok"])

    def test_json(self):
        self.install()
        self.ctl("load")
        document = json.loads(self.ctl("--json", "load", "--dry-run").stdout)
        self.assertEqual((document["ok"], document["diff"]["ok"], document["confinements"]), (True, True, 2))

    def test_a_file_of_others_is_refused(self):
        self.install()
        (harness.ETC / "catalog.d" / "10.json").chmod(0o666)
        self.assertIn("10.json", self.ctl("load", "--dry-run", code=WRONG).stderr)


class Containers(Diff):
    def setUp(self):
        super().setUp()
        self.install()
        self.ctl("load")

    def run_pod(self, container, pod):
        directory = self.cri_bundle(container, annotations={"io.kubernetes.cri.sandbox-name": pod})
        self.assertEqual(self.cri("create", "--bundle", directory, container=container).code, 0)
        annotations = json.loads((directory / "config.json").read_bytes())["annotations"]
        shutil.rmtree(observing.CRI_ROOT / container, ignore_errors=True)
        self.make_runc_state(self.start_container_process(), directory, container, observing.CRI_ROOT, annotations.items())

    def reached(self, **changes):
        self.install(**changes)
        document = json.loads(self.ctl("--json", "diff", code=WRONG).stdout)
        return {one["id"]: one for one in document["containers"]}

    def test_which_are_reached(self):
        self.run_pod("c1", "web")
        self.run_pod("c2", "kill-1")
        reached = self.reached(rules=[CATALOG["rules"][0]], confinements=CATALOG["confinements"] | {"other": BASE, "kill": BASE | {"capabilities": ["SETUID"]}})
        self.assertEqual(set(reached), {"c2"})
        self.assertEqual((reached["c2"]["before"], reached["c2"]["after"], reached["c2"]["told"]), ("kill: no label [CHOWN,KILL]", "web: no label [KILL]", True))
        self.assertIn("  container 'c2', image 'registry.example/nginx:1': kill: no label [CHOWN,KILL] -> web: no label [KILL]\n", self.ctl("diff", code=WRONG).stdout)

    def test_one_that_stays_in_a_confinement_that_changes(self):
        self.run_pod("c1", "web")
        self.run_pod("c2", "kill-1")
        self.assertEqual(set(self.reached(**self.confinements(exec={"otherwise": "base"}))), {"c1"})
        self.assertIn(": stays web: no label [KILL], which changes\n", self.ctl("diff", code=WRONG).stdout)

    def test_one_that_would_be_refused(self):
        self.run_pod("c1", "web")
        self.install(rules=[CATALOG["rules"][0], {"match": {"namespace": "shop"}, "reject": "no more"}])
        self.assertIn("web: no label [KILL] -> refused: ", self.ctl("diff").stdout)

    def test_what_cannot_be_told_is_said(self):
        self.run_pod("c1", "web")
        LOG.write_text("")
        reached = self.reached(otherwise="kill")
        self.assertEqual((reached["c1"]["told"], reached["c1"]["after"]), (False, "no decision on it is on record"))
        self.assertIn("container 'c1': cannot be told: no decision on it is on record\n", self.ctl("diff", code=WRONG).stdout)

    def test_another_log(self):
        self.run_pod("c1", "web")
        other = harness.WORK / "other.jsonl"
        LOG.rename(other)
        self.install(otherwise="kill")
        text = self.ctl("diff", "--log", other, code=WRONG).stdout
        self.assertIn("container 'c1', image 'registry.example/nginx:1': web: no label [KILL] -> kill: ", text)
        LOG.write_text("")
        self.assertIn("note: which of the 1 containers that run it reaches cannot be told: ", self.ctl("diff", "--log", harness.WORK / "none", code=WRONG).stdout)


if __name__ == "__main__":
    harness.main()
