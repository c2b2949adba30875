# SPDX-License-Identifier: Apache-2.0
"""Every code of aa-shimctl check: a catalog or a profile that has the fault, one that has not, and the whole text.

A folder of tests/golden/findings is a code; below `faulty` and `sound` are profiles (apparmor.d) and perhaps a catalog. `expected` is
all that is said of the code in `faulty`.
"""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import harness
import published_edits

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden" / "findings"
SEEDS = GOLDEN.parent / "published"
CODE = re.compile(r"\bAA[1-9][0-9][0-9]\b")
FLAGS = "flags=(attach_disconnected,mediate_deleted)"


class Findings(harness.ShimTest):
    def check(self, *words, cwd=None):
        return subprocess.run([harness.CTL, "check", *map(str, words)], capture_output=True, text=True, timeout=harness.TIMEOUT, check=False, cwd=cwd)

    def said_of(self, case):
        words = ["--profiles", "apparmor.d"] + (["catalog.json"] if (case / "catalog.json").exists() else [])
        if not (case / "apparmor.d").exists():
            words = ["catalog.json"]
        result = self.check(*words, cwd=case)
        self.assertIn(result.returncode, (0, 1), result.stderr)
        return result

    def test_what_is_no_text_is_no_profile(self):
        for data in (b"\x00", b"profile web { }\n\x7f", b"\x1b[0m", bytes(range(256))):
            (harness.WORK / "data").write_bytes(data)
            (harness.WORK / "web").write_text("profile web flags=(attach_disconnected,mediate_deleted) { /x r, }\n")
            done = self.check(harness.WORK / "data", harness.WORK / "web")
            self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
            about = [line for line in done.stderr.splitlines() if line.startswith(f"{harness.WORK}/data:")]
            self.assertEqual(len(about), 1, done.stderr)
            self.assertIn(f"{harness.WORK}/data:1:1: error AA100: the file is no text: ", about[0])
            self.assertIn(f"{harness.WORK}/web:1:", done.stderr)
        (harness.WORK / "data").write_bytes("\t# é, ü and Latin-1: \xe9\r\n".encode("latin-1") + b"\f\vprofile a { }\n")
        self.assertNotIn("no text", self.check(harness.WORK / "data").stderr)

    def test_every_code(self):
        for folder in sorted(GOLDEN.iterdir()):
            code = folder.name
            with self.subTest(code):
                result = self.said_of(folder / "faulty")
                said = "".join(line + "\n" for line in result.stderr.splitlines() if f" {code}: " in line)
                if "AA_UPDATE_GOLDEN" in os.environ:
                    (folder / "expected").write_text(said)
                self.assertEqual(said, (folder / "expected").read_text())
                self.assertNotEqual(said, "", result.stderr)
                self.assertEqual(result.returncode, int(" error AA" in result.stderr), result.stderr)
                self.assertNotIn(f" {code}: ", self.said_of(folder / "sound").stderr)

    def test_table_docs_and_tests_name_the_same(self):
        rules = json.loads(self.check("--format", "sarif", "--profiles", ROOT / "share/apparmor.d").stdout)["runs"][0]["tool"]["driver"]["rules"]
        codes = {rule["id"] for rule in rules}
        self.assertEqual(len(codes), len(rules))
        documented = re.findall(r"^### (AA[0-9]{3}): (.*)\n\n(Error|Warning|Note)\. ", (ROOT / "docs/findings.md").read_text(), re.MULTILINE)
        self.assertEqual([(code, title, severity.lower()) for code, title, severity in documented],
                         [(rule["id"], rule["shortDescription"]["text"], rule["defaultConfiguration"]["level"]) for rule in rules])
        tested = {folder.name for folder in GOLDEN.iterdir()}
        for file in [*(ROOT / "tests/apparmor/findings").rglob("*"), ROOT / "tests/process/test_sources.py"]:
            if file.is_file():
                tested |= {file.name[:5]} | set(CODE.findall(file.read_text()))
        self.assertLessEqual(codes, tested)
        self.assertLessEqual({folder.name for folder in GOLDEN.iterdir()}, codes)

    def test_strict(self):
        profile = harness.WORK / "web"
        profile.write_text(f"abi <abi/3.0>,\nprofile web {FLAGS} {{\n  file,\n  ptrace,\n}}\n")
        result = self.check(profile)
        self.assertEqual((result.returncode, result.stdout), (0, "The profiles are good: 1 file.\n"))
        self.assertIn(f"{profile}:2:1: warning AA401: ", result.stderr)
        result = self.check("--strict", profile)
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertIn(f"{profile}:2:1: error AA401: ", result.stderr)
        # A note stays one, and what is silenced is none.
        profile.write_text(f"profile web {FLAGS} {{\n  file,\n  ptrace, signal,\n}}\n")
        self.assertEqual(self.check("--strict", profile).returncode, 0)
        profile.write_text(f"# aa-shim: ignore AA401 because nobody stops it\nprofile web {FLAGS} {{\n  file,\n  ptrace,\n}}\n")
        self.assertEqual(self.check("--strict", profile).returncode, 0)

    def test_formats(self):
        profile = harness.WORK / "we%b"
        profile.write_text(f"abi <abi/3.0>,\nprofile web {FLAGS} {{\n  file,\n  ptrace,\n}}\n")
        message = ("profile 'web' receives no signals from 'unconfined': engines and runtimes run under these, so stopping a container waits in "
                   "vain, and killing it fails; add `signal (receive) peer={unconfined,runc,crun},`")
        self.assertEqual(self.check(profile).stderr, f"{profile}:2:1: warning AA401: {message}\n")
        github = self.check("--format", "github", profile)
        self.assertEqual(github.stdout, f"::warning file={str(profile).replace('%', '%25')},line=2,col=1,title=AA401::{message}\n")
        self.assertEqual((github.stderr, github.returncode), ("", 0))
        for words in (["--json"], ["--format", "json"]):
            document = json.loads(self.check(*words, profile).stdout)
            self.assertEqual((document["ok"], document["errors"], document["files"]), (True, [], 1))
            [note] = document["notes"]
            self.assertEqual(
                {key: note[key] for key in ("file", "line", "column", "code", "severity", "title", "problem")},
                {"file": str(profile), "line": 2, "column": 1, "code": "AA401", "severity": "warning", "title": "signals that do not arrive",
                 "problem": message},
            )
        self.assertEqual(note["problem"], f"{note['what']}: {note['why']}; {note['cure']}")
        strict = json.loads(self.check("--json", "--strict", profile).stdout)
        self.assertEqual((strict["ok"], strict["notes"], strict["errors"][0]["severity"]), (False, [], "error"))
        [run] = json.loads(self.check("--format", "sarif", profile).stdout)["runs"]
        self.assertEqual(run["results"], [{
            "ruleId": "AA401", "level": "warning", "message": {"text": message},
            "locations": [{"physicalLocation": {"artifactLocation": {"uri": f"file://{str(profile).replace('%', '%25')}"},
                                                "region": {"startLine": 2, "startColumn": 1}}}]}])

    def test_catalogs_and_profiles_are_told_apart(self):
        catalog = harness.WORK / "catalog"
        catalog.write_text('// a catalog\n/* is one */ { "otherwise": { "pass": true } }\n')
        self.assertEqual(self.check("--no-profiles", catalog).stdout, "The catalog is good: 1 file, 0 confinements, 0 rules, 0 profiles.\n")
        profile = harness.WORK / "web"
        profile.write_text(f"abi <abi/3.0>,\nprofile web {FLAGS} {{\n  file, signal, ptrace,\n}}\n")
        self.assertEqual(self.check(profile).stdout, "The profiles are good: 1 file.\n")
        result = self.check(catalog, profile)
        self.assertEqual(result.returncode, 2)
        self.assertEqual(result.stderr, f"aa-shimctl: '{profile}' is no catalog, and others are: check catalogs and files of profiles apart; "
                         "--profiles names a directory of profiles for a catalog\n")
        directory = harness.WORK / "profiles"
        directory.mkdir()
        shutil.copy(profile, directory)
        self.assertEqual(self.check(directory).stdout, "The profiles are good: 1 file.\n")
        (directory / "catalog.json").write_text("{}")
        self.assertIn("catalog.json: error AA500", self.check("--no-profiles", directory).stderr)
        empty = harness.WORK / "empty"
        empty.mkdir()
        result = self.check("--profiles", empty)
        self.assertEqual((result.returncode, result.stderr), (1, f"aa-shimctl: '{empty}' holds no file of profiles\n"))
        self.assertEqual(self.check("--profiles", harness.WORK / "missing").returncode, 3)

    def test_an_unpacked_package_includes_its_own(self):
        """Abstractions and tunables beside the profiles are theirs, and a file that another one includes need not stand alone."""
        tree = harness.WORK / "package" / "etc" / "apparmor.d"
        for name, text in (("tunables/theirs", "@{THEIRS} = /srv/theirs\n"), ("abstractions/theirs", "  @{THEIRS}/** r,\n"),
                           ("parts/one", f"profile part {FLAGS} {{\n  file, signal, ptrace, @{{THEIRS}} r,\n}}\n"),
                           ("web", f"abi <abi/3.0>,\ninclude <tunables/theirs>\ninclude <parts>\n"
                                   f"profile web {FLAGS} {{\n  file, signal, ptrace, include <abstractions/theirs>\n}}\n")):
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_text(text)
        for words in (("--profiles", tree), (tree / "web",)):
            result = self.check(*words)
            self.assertEqual((result.stdout, result.stderr, result.returncode), ("The profiles are good: 1 file.\n", "", 0))
        for words in (("query", "--profiles", tree, "web", "r /srv/theirs/x"), ("diff", tree, tree), ("graph", "--profiles", tree)):
            result = subprocess.run([harness.CTL, *map(str, words)], capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)
            self.assertEqual(result.returncode, 0, result.stderr)
        # What `load` would not find is not found here, either.
        installed = harness.ETC / "apparmor.d"
        (installed / "abstractions").mkdir()
        (installed / "abstractions" / "theirs").write_text("  /srv/** r,\n")
        (installed / "web").write_text(f"abi <abi/3.0>,\nprofile web {FLAGS} {{\n  file, signal, ptrace, include <abstractions/theirs>\n}}\n")
        self.assertIn(" error AA106: ", self.check(installed / "web").stderr)

    def test_profiles_of_hosts_are_no_errors(self):
        """Whatever this host's own package of AppArmor brings."""
        result = self.check("--profiles", "/etc/apparmor.d")
        self.assertNotIn(": error ", result.stderr)
        self.assertEqual(result.returncode, 0)

    def test_published_profiles(self):
        """Two profiles as they were published, under the names that they were given: every fault in one run."""
        for name, faults in (
            ("my-apparmor-profile", {"AA101": 2, "AA201": 1, "AA301": 1, "AA401": 1, "AA404": 1, "AA406": 2, "AA407": 1, "AA408": 1}),
            ("docker.local.my-webapp", {"AA102": 1, "AA201": 1, "AA301": 1}),
        ):
            with self.subTest(name):
                result = self.check(name, cwd=SEEDS)
                self.assertEqual(result.returncode, 1)
                for code, number in faults.items():
                    lines = [line for line in result.stderr.splitlines() if f" {code}: " in line]
                    self.assertGreaterEqual(len(lines), number, result.stderr)

    def test_published_profiles_are_mended_by_what_is_advised(self):
        """tests/vm/engine/published.py has their applications live under what comes out."""
        for name in published_edits.EDITS:
            with self.subTest(name):
                path = harness.WORK / name
                shutil.copy(SEEDS / name, path)
                self.check("--fix", "--yes", path)
                for edit, done, said in published_edits.mend(path, lambda path=path: self.check(path).stderr):
                    self.assertTrue(done, f"{edit}\n{said}")
                self.assertEqual((said, self.check(path).stdout), ("", "The profiles are good: 1 file.\n"))
