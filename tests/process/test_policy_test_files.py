# SPDX-License-Identifier: Apache-2.0
"""aa-shimctl test: its files and what is wrong with them, which catalog and profiles are tested, the forms of the answer; and the tests
that are shipped."""

import json
import re
import shutil
import subprocess
import time
import unittest
import xml.etree.ElementTree
from pathlib import Path

import harness
from test_policy_tests import CATALOG, OK, PROFILES, RULES, SYSTEM, TESTS, USAGE, WRONG, Written

SHARE = Path(__file__).resolve().parents[2] / "share"


class Files(Written):
    # ---- files

    def test_files_that_are_wrong(self):
        for text, complaints in (
            ("", ["1:1: "]),
            ('{ "profiles": [] }', ['1:1: holds no case: write one under "containers", "commands" or "profiles"']),
            ('{ "profiles": [ { "label": "web", "may": ["r /x", "fly"], "mayNt": [] } ],\n "x": 1 }',
             ["2:2: unknown key 'x' in a file of policy tests", "1:59: unknown key 'mayNt' in a case of a profile, did you mean 'mayNot'?"]),
            # What only the parser knows.
            ('{ "profiles": [ { "label": "web", "may": ["r /x", "fly"] },\n { "label": "web", "mayNot": ["capability nonsense"] } ] }',
             ["1:51: 'fly' is nothing that can be asked", "2:31: 'capability nonsense' does not compile"]),
        ):
            with self.subTest(text):
                result = self.run_tests(text, code=WRONG)
                self.assertEqual(result.stdout, "")
                lines = result.stderr.splitlines()
                self.assertEqual(len(lines), len(complaints), lines)
                for line, complaint in zip(lines, complaints):
                    self.assertTrue(line.startswith(f"{TESTS}:{complaint}"), line)
                document = json.loads(self.run_tests(text, "--json", code=WRONG).stdout)
                self.assertFalse(document["ok"])
                self.assertEqual([f"{one['file']}:{one['line']}:{one['column']}: {one['problem']}" for one in document["errors"]], lines)

    def test_directories_and_what_is_missing(self):
        directory = harness.WORK / "many"
        directory.mkdir()
        self.assertIn("there is no policy test: ", self.ctl("test", directory, code=WRONG).stderr)
        (directory / "b.json").write_text(json.dumps(self.profile(may=["r /srv/b"])))
        (directory / "a.json").write_text("// comments are welcome\n" + json.dumps(self.profile(may=["r /a"], mayNot=["r /b"])))
        (directory / "notes").write_text("no test")
        words = ("test", "--catalog", CATALOG, "--profiles", PROFILES)
        self.assertRegex(self.ctl(*words, directory, code=WRONG).stdout, f"^{directory}/a.json:2:.*\n2 passed, 1 failed.\n$")
        self.assertEqual(self.ctl(*words, directory / "b.json", directory / "b.json").stdout, "2 passed, 0 failed.\n")
        self.assertIn("there is no policy test: ", self.ctl("test", "/nonexistent", code=SYSTEM).stderr)
        self.assertIn("FILE", self.ctl("test", code=USAGE).stderr)

    def test_the_filter(self):
        document = self.profile(may=["r /srv/a", "r /etc/a"])
        self.assertEqual(self.run_tests(document, "--filter", "/srv").stdout, "1 passed, 0 failed.\n")
        self.assertEqual(self.run_tests(document, "--filter", "/tmp", code=USAGE).stderr, "aa-shimctl: no case has '/tmp' in its name\n")

    def test_which_catalog(self):
        document = {"containers": [{"container": {}, "expect": {"confinement": "base"}}]}
        TESTS.write_text(json.dumps(document))
        self.assertIn("there is no catalog: ", self.ctl("test", "--profiles", PROFILES, TESTS, code=WRONG).stderr)
        shutil.copy(CATALOG, "/etc/aa-shim/catalog.d")
        self.assertEqual(self.ctl("test", "--profiles", PROFILES, TESTS).stdout, "1 passed, 0 failed.\n")
        CATALOG.write_text("{}")
        self.assertIn('add "otherwise"', self.run_tests(document, code=WRONG).stderr)

    def test_profiles_need_no_catalog_but_none_that_is_broken(self):
        TESTS.write_text(json.dumps(self.profile(may=["r /srv/a"])))
        self.assertEqual(self.ctl("test", "--profiles", PROFILES, TESTS).stdout, "1 passed, 0 failed.\n")
        Path("/etc/aa-shim/catalog.d/10.json").write_text("{}")
        self.assertIn('add "otherwise"', self.ctl("test", "--profiles", PROFILES, TESTS, code=WRONG).stderr)

    def test_where_profiles_are(self):
        shutil.copy(PROFILES / "web", "/etc/aa-shim/apparmor.d/web")
        TESTS.write_text(json.dumps(self.profile(may=["r /srv/a"])))
        self.assertEqual(self.ctl("test", TESTS).stdout, "1 passed, 0 failed.\n")
        CATALOG.write_text(json.dumps(RULES | {"profileDirs": [str(PROFILES)]}))
        Path("/etc/aa-shim/apparmor.d/web").unlink()
        self.assertEqual(self.ctl("test", "--catalog", CATALOG, TESTS).stdout, "1 passed, 0 failed.\n")

    # ---- forms

    NASTY = "a <b> & \"c\" 'd' ]]> \uFFFE\uFFFF é ::error%0A,:"

    def results(self, *options):
        document = {"containers": [{"name": self.NASTY, "container": {}, "expect": {"confinement": "web"}}],
                    "profiles": [{"label": "web", "may": ["r /srv/a", "r /etc/<&>"]}]}
        return self.run_tests(document, *options, code=WRONG).stdout

    def test_json(self):
        document = json.loads(self.results("--json"))
        self.assertEqual(document, json.loads(self.results("--format", "json")))
        self.assertEqual([document[key] for key in ("ok", "passed", "failed")], [False, 1, 2])
        self.assertEqual([one["kind"] for one in document["cases"]], ["container", "profile", "profile"])
        self.assertEqual(document["cases"][0]["name"], self.NASTY)
        self.assertEqual(document["cases"][1], {"file": str(TESTS), "line": 1, "column": document["cases"][1]["column"], "kind": "profile",
                                                "name": "web may r /srv/a", "passed": True})
        self.assertEqual((document["cases"][2]["got"], document["cases"][2]["rules"]), ("denied 'r /etc/<&>'", []))
        failed = json.loads(self.run_tests(self.profile(mayNot=["r /srv/a"]), "--json", code=WRONG).stdout)["cases"][0]
        self.assertEqual(failed["rules"], [{"file": f"{PROFILES}/web", "line": 4, "column": 3, "rule": "/srv/** r", "denies": False}])

    def test_junit(self):
        suites = xml.etree.ElementTree.fromstring(self.results("--format", "junit").encode())
        self.assertEqual((suites.tag, suites.get("tests"), suites.get("failures")), ("testsuites", "3", "2"))
        suite, = suites
        self.assertEqual((suite.get("name"), suite.get("tests"), suite.get("failures")), (str(TESTS), "3", "2"))
        cases = list(suite)
        self.assertEqual([one.get("classname") for one in cases], ["container", "profile", "profile"])
        self.assertEqual(cases[0].get("name"), self.NASTY.replace("\uFFFE", "\uFFFD").replace("\uFFFF", "\uFFFD"))
        self.assertEqual([len(one) for one in cases], [1, 0, 1])
        self.assertEqual(cases[2].find("failure").get("message"),
                         "expected all of it allowed, got denied 'r /etc/<&>': no rule of 'web' allows it")
        self.assertTrue(cases[2].find("failure").text.startswith(f"{TESTS}:1:"))
        passing = xml.etree.ElementTree.fromstring(self.run_tests(self.profile(may=["r /srv/a"]), "--format", "junit").stdout)
        self.assertEqual((passing.get("tests"), passing.get("failures")), ("1", "0"))

    def test_github(self):
        lines = self.results("--format", "github").splitlines()
        self.assertEqual(len(lines), 2)
        self.assertRegex(lines[0], f"^::error file={TESTS},line=1,col=[0-9]+,title=a <b> [^:,]*::expected confinement 'web', got confinement 'base'")
        self.assertEqual(self.run_tests(self.profile(may=["r /srv/a"]), "--format", "github").stdout, "")

    # ---- the host

    def test_many_cases_take_seconds(self):
        things = [f"r /srv/public/a{number}/**" for number in range(20)]
        document = {
            "containers": [{"container": {"handler": "web", "image": f"a:{number}"}, "expect": {"confinement": "web"}} for number in range(200)],
            "commands": [{"confinement": "web", "command": [f"/usr/bin/x{number}"], "expect": {"label": "web"}} for number in range(200)],
            "profiles": [{"label": label, "may": things} for label in ("web", "web//helper", "web//shell")] + [{"label": "web", "mayNot": [
                thing.replace("r ", "w ", 1) for thing in things] + [f"x /srv/{number}" for number in range(20)]}],
        }
        begun = time.monotonic()
        self.assert_passes(document, 500)
        self.assertLess(time.monotonic() - begun, 30)


class Shipped(harness.ShimTest):
    """The tests that are shipped hold for the catalog that is shipped, and for no other."""

    def setUp(self):
        super().setUp()
        for folder in ("catalog.d", "apparmor.d", "tests"):
            shutil.copytree(SHARE / folder, harness.WORK / folder)

    def ctl(self, *options, prefix=()):
        return subprocess.run([*prefix, harness.CTL, "test", "--catalog", harness.WORK / "catalog.d", "--profiles", harness.WORK / "apparmor.d", *options,
                               harness.WORK / "tests"], capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)

    def test_they_pass(self):
        result = self.ctl()
        self.assertEqual(result.returncode, OK, result.stdout + result.stderr)
        self.assertRegex(result.stdout, "^1[0-9][0-9] passed, 0 failed.\n$")

    def test_the_page_shows_what_comes_out(self):
        page = (SHARE.parent / "docs" / "policy-tests.md").read_text()
        self.assertIn(f"share/tests\n    {self.ctl().stdout}", page)
        shutil.rmtree(harness.WORK / "tests")
        (harness.WORK / "tests").mkdir()
        (harness.WORK / "tests" / "page.json").write_text(re.search(r"```jsonc\n(.*?)```", page, re.DOTALL)[1])
        self.assertEqual(self.ctl().stdout, "11 passed, 0 failed.\n")

    def test_who_is_nobody_may_test(self):
        result = self.ctl(prefix=("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"))
        self.assertEqual((result.returncode, result.stderr), (OK, ""))

    def test_every_confinement_and_label_is_tested(self):
        document = json.loads(self.ctl("--json").stdout)
        tested = " ".join(one["name"] for one in document["cases"] if one["kind"] == "profile")
        for label in ("aa-shim-baseline", "aa-shim-builder", "aa-shim-database", "aa-shim-web", "aa-shim-web//shell"):
            self.assertIn(f"{label} may not ", tested)

    def test_they_notice(self):
        for file, before, after, failures in (
            ("apparmor.d/aa-shim-web", "  /etc/nginx/conf.d/{,**} rwk,", "  /etc/** rwk,", [
                r"web\.json:[0-9:]+: aa-shim-web may not w /etc/\{.*: expected nothing of it allowed, got allowed 'w /etc/.*'; by .*aa-shim-web:47:3: /etc/\*\* rwk"]),
            ("apparmor.d/aa-shim-web", "  /docker-entrypoint.d/** rix,\n", "  /tmp/** ix,\n", [
                r"aa-shim-web may not x /\{tmp,.*got allowed 'x /tmp/a'; by .*aa-shim-web:[0-9]+:3: /tmp/\*\* ix"]),
            ("apparmor.d/aa-shim-web", "  capability net_bind_service,\n", "", ["aa-shim-web may capability net_bind_service: .* no rule of 'aa-shim-web' allows it"]),
            ("apparmor.d/aa-shim-web", "    / r,\n", "    / r,\n    /etc/motd w,\n", [r"aa-shim-web//shell may not w /\{app,.*got allowed 'w /etc/motd'", "shell within aa-shim-web"]),
            ("apparmor.d/aa-shim-builder", "  network unix,\n", "  network packet,\n", ["aa-shim-builder may not network packet: "]),
            ("apparmor.d/aa-shim-database", "    /* r,\n", "    /** r,\n", [r"a client reads no data, .* may not r /var/lib/mysql/.*: .*by .*aa-shim-database:[0-9]+:5: /\*\* r"]),
            ("apparmor.d/aa-shim-baseline", "  deny network alg,\n", "", ["aa-shim-baseline may not network alg: .*aa-shim-baseline:[0-9]+:3: network"]),
            ("catalog.d/10-web.json", '"noNewPrivileges": true', '"noNewPrivileges": false', ["nginx is a web server: expected noNewPrivileges, got no noNewPrivileges"]),
            ("catalog.d/10-web.json", "docker.io/library/{nginx", "**/{nginx", ["an image of somebody else's that is called nginx is none: expected rule 'otherwise', confinement 'baseline', got rule"]),
            ("catalog.d/00-baseline.json", '"/srv/**"', '"/etc/shadow", "/srv/**"', ["not its passwords: expected a refusal .* got confinement 'baseline'"]),
            ("catalog.d/10-web.json", "apt,apt-get", "apt", ["nothing is installed: expected a refusal with 'change its image', got label 'aa-shim-web'"]),
            ("catalog.d/20-database.json", "psql,pg_dump,", "psql,", ["pg_dump in a container of PostgreSQL: expected label 'aa-shim-database//client', got label 'aa-shim-database'"]),
        ):
            with self.subTest(f"{file}: {before}"):
                path = harness.WORK / file
                text = path.read_text()
                self.assertIn(before, text)
                path.write_text(text.replace(before, after, 1))
                result = self.ctl()
                path.write_text(text)
                self.assertEqual(result.returncode, WRONG, result.stdout + result.stderr)
                for failure in failures:
                    self.assertRegex(result.stdout, failure)

    def test_they_keep_to_their_schema(self):
        try:
            import jsonschema  # pylint: disable=import-outside-toplevel
        except ImportError:
            self.skipTest("python3-jsonschema is not installed")
        schema = json.loads((SHARE / "policy-test.schema.json").read_text())
        for file in sorted((SHARE / "tests").glob("*.json")):
            document = json.loads(re.sub(r"(?m)^\s*//.*$", "", file.read_text()))
            jsonschema.validate(document, schema)
            document["profiles"][0]["mayNt"] = []
            with self.assertRaises(jsonschema.ValidationError):
                jsonschema.validate(document, schema)


if __name__ == "__main__":
    unittest.main()
