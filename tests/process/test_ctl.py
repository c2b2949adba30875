# SPDX-License-Identifier: Apache-2.0
"""aa-shimctl check, load and version: what is printed, the exit codes, and that a wrong catalog changes nothing."""

import json
import os
import re
import shutil
import subprocess
import unittest
from pathlib import Path

import harness

ROOT = Path(__file__).resolve().parents[2]
SHARE = ROOT / "share"
MANUALS = ROOT / "docs" / "man"
NO_APPARMOR = (
    "this kernel has no AppArmor ('/sys/module/apparmor' is missing): boot one that is built with CONFIG_SECURITY_APPARMOR",
    "AppArmor is switched off in this kernel: boot it with 'apparmor=1 security=apparmor' on its command line",
)
OK, WRONG, USAGE, SYSTEM = range(4)

CATALOG = {
    "confinements": {
        "test": {"apparmor": "aa-test", "capabilities": ["KILL"]},
        "tight": {"apparmor": "aa-test", "capabilities": [], "noNewPrivileges": True},
    },
    "rules": [{"match": {"handler": "tight"}, "use": "tight"}, {"match": {"labels": {"tier": "web"}}, "use": "tight"}],
    "otherwise": "test",
    "withoutAppArmor": "capabilities-only",
}


class CtlTest(harness.ShimTest):
    def setUp(self):
        super().setUp()
        self.write("10-test.json", CATALOG)
        (harness.ETC / "apparmor.d" / "aa-test").write_text(harness.PROFILE)

    def write(self, name, content, mode=0o644):
        path = harness.ETC / "catalog.d" / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        path.chmod(mode)
        return path

    def ctl(self, *arguments, code=OK, **options):
        result = subprocess.run(
            [harness.CTL, *map(str, arguments)], capture_output=True, text=True, timeout=harness.TIMEOUT, check=False, **options
        )
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result

    def assert_no_apparmor(self, text):
        self.assertTrue(any(reason in text for reason in NO_APPARMOR), text)


class Check(CtlTest):
    def test_a_directory_of_profiles_that_is_none(self):
        for path, expected in (("/nonexistent", "it does not exist"), (harness.CTL, "a part of the path is no directory")):
            result = self.ctl("check", "--profiles", path, code=SYSTEM)
            self.assertEqual((result.stdout, result.stderr), ("", f"aa-shimctl: --profiles: cannot open '{path}': {expected}\n"))
        (harness.ETC / "apparmor.d" / "aa-test").unlink()
        (harness.ETC / "apparmor.d").rmdir()
        self.assertIn(" error AA505: profile 'aa-test': no file in ", self.ctl("check", code=WRONG).stderr)

    def test_good(self):
        result = self.ctl("check")
        self.assertEqual(result.stdout, "The catalog is good: 1 file, 2 confinements, 2 rules, 1 profile.\n")
        self.assertIn("10-test.json:1:", result.stderr)
        self.assertIn(": note AA501: ", result.stderr)
        self.assertFalse(harness.COMPILED.exists())

    def test_json(self):
        document = json.loads(self.ctl("check", "--json").stdout)
        self.assertEqual(
            {key: document[key] for key in ("ok", "errors", "files", "confinements", "rules", "profiles")},
            {
                "ok": True, "errors": [], "files": 1, "confinements": 2, "rules": 2,
                "profiles": [{"name": "aa-test", "file": "/etc/aa-shim/apparmor.d/aa-test"}],
            },
        )
        notes = [note["problem"] for note in document["notes"]]
        self.assertEqual(len([note for note in notes if "lets a request bring paths of the host" in note]), 2, notes)
        self.assertEqual(len([note for note in document["notes"] if note["code"] == "AA501"]), 3, notes)

    def test_every_mistake_at_its_place(self):
        path = self.write(
            "20-wrong.json", '{ "confinements": { "x": { "apparmor": "un",\n "capabilities": ["NET_ADMN"],\n "sycalls": 1 } } }'
        )
        result = self.ctl("check", code=WRONG)
        places = [line.removeprefix(str(path)).split(": ")[0] for line in result.stderr.splitlines() if line.startswith(str(path))]
        self.assertEqual(places, [":1:40", ":2:19", ":3:2"], result.stderr)
        self.assertIn("did you mean 'NET_ADMIN'?", result.stderr)
        self.assertEqual(result.stdout, "")
        document = json.loads(self.ctl("--json", "check", code=WRONG).stdout)
        self.assertFalse(document["ok"])
        self.assertEqual([error["line"] for error in document["errors"]], [1, 2, 3])

    def test_a_profile_that_does_not_compile(self):
        (harness.ETC / "apparmor.d" / "aa-test").write_text("profile aa-test {\n  network tcp 80,\n}\n")
        result = self.ctl("check", code=WRONG)
        self.assertRegex(result.stderr, "/etc/aa-shim/apparmor.d/aa-test:2:15: error AA108: .*apparmor_parser says ")

    def test_a_profile_is_looked_for_by_its_name_not_its_files(self):
        self.write("20-more.json", {"confinements": {"more": {"apparmor": "my-apparmor-profile", "capabilities": []}}})
        (harness.ETC / "apparmor.d" / "my-apparmor-profile").write_text("/usr/bin/python3 {\n  /app/** rwk,\n}\n")
        result = self.ctl("check", code=WRONG)
        self.assertIn("defines the profile '/usr/bin/python3', not 'my-apparmor-profile'", result.stderr)
        self.ctl("check", "--no-profiles")

    def test_paths(self):
        elsewhere = harness.WORK / "catalog"
        elsewhere.mkdir()
        shutil.move(harness.ETC / "catalog.d" / "10-test.json", elsewhere / "a.json")
        # A catalog that is being written may be anybody's; nobody enforces it yet.
        os.chown(elsewhere / "a.json", 1000, 1000)
        for paths in ([elsewhere], [elsewhere / "a.json"]):
            self.assertIn("1 file, 2 confinements", self.ctl("check", *paths).stdout)

    def test_no_catalog(self):
        hint = "; an example to start from is in /usr/share/aa-shim/catalog.d\n"
        result = self.ctl("check", harness.WORK / "missing", code=SYSTEM)
        self.assertEqual(result.stderr, f"aa-shimctl: there is no catalog: '{harness.WORK}/missing' does not exist{hint}")
        (harness.ETC / "catalog.d" / "10-test.json").rename(harness.ETC / "catalog.d" / "10-test.json.off")
        result = self.ctl("check", code=WRONG)
        self.assertEqual(result.stderr, f"aa-shimctl: there is no catalog: '/etc/aa-shim/catalog.d' holds no file called *.json{hint}")
        document = json.loads(self.ctl("check", "--json", code=WRONG).stdout)
        self.assertEqual((document["ok"], document["error"]["kind"]), (False, "config"))

    def test_the_example_catalog(self):
        shutil.rmtree(harness.ETC / "apparmor.d")
        shutil.copytree(SHARE / "apparmor.d", harness.ETC / "apparmor.d")
        result = self.ctl("check", SHARE / "catalog.d")
        self.assertEqual(result.stdout, "The catalog is good: 4 files, 4 confinements, 8 rules, 6 profiles.\n")
        self.assertEqual(result.stderr, "")


    def test_what_is_known_to_break_containers(self):
        flags = "flags=(attach_disconnected,mediate_deleted)"
        profiles = {
            "deaf": f"profile deaf {flags} {{ file, }}",
            "nameless": "profile nameless { file, signal, }",
            "dead": f"profile dead {flags} {{ /** r, signal, /usr/bin/tool cx, }}",
            "bound": f"profile bound {flags} {{ /** rix, signal, /usr/bin/id cx -> kid, profile kid {{ file, }} }}",
            "lax": f"profile lax {flags.replace('(', '(complain,')} {{ file, }}",
        }
        for name, text in profiles.items():
            (harness.ETC / "apparmor.d" / name).write_text(text + "\n")
        bounds = {"capabilities": [], "hostPaths": [], "devices": [], "hostNamespaces": ["user"], "keepMasked": True, "noNewPrivileges": True}
        self.write("20-more.json", {"confinements": {name: {"apparmor": name, **bounds} for name in profiles}})
        result = self.ctl("check")
        notes = [re.split(": warning AA[34]..: ", line)[1] for line in result.stderr.splitlines() if ": warning " in line]
        for expected in ("profile 'deaf' receives no signals from 'unconfined'", "profile 'nameless' lacks flags=(attach_disconnected)",
                         "the rule of profile 'dead' for '/usr/bin/tool' (cx) leads nowhere", "\"noNewPrivileges\": the kernel refuses",
                         "profile 'lax' is in complain mode"):
            self.assertEqual([note.startswith(expected) for note in notes].count(True), 1, notes)
        document = json.loads(self.ctl("check", "--json").stdout)
        self.assertTrue(set(notes) <= {note["problem"] for note in document["notes"]})
        self.assertEqual(self.ctl("check", "--no-profiles").stderr.count(" AA3") + self.ctl("check", "--no-profiles").stderr.count(" AA4"), 0)

    def test_the_example_in_the_manual(self):
        manual = (MANUALS / "aa-shim-catalog.5.scd").read_text()
        example = harness.WORK / "example.json"
        example.write_text(manual.split("```\n")[1])
        self.assertIn("2 confinements, 3 rules", self.ctl("check", "--no-profiles", example).stdout)


class Load(CtlTest):
    def assert_nothing_published(self, result):
        self.assertFalse(harness.COMPILED.exists(), result.stdout + result.stderr)
        self.assertEqual(result.stdout, "")

    def test_without_apparmor_as_the_catalog_allows(self):
        result = self.ctl("load")
        self.assertEqual(result.stdout, "In force: /run/aa-shim/catalog (1 file, 2 confinements, 2 rules, 1 profile).\n")
        self.assertIn("note: no profile is enforced: ", result.stderr)
        self.assert_no_apparmor(result.stderr)
        stat = harness.COMPILED.stat()
        self.assertEqual((stat.st_mode & 0o7777, stat.st_uid, stat.st_gid), (0o644, 0, 0))

    def test_without_apparmor_refused_by_default(self):
        catalog = {key: value for key, value in CATALOG.items() if key != "withoutAppArmor"}
        self.write("10-test.json", catalog)
        result = self.ctl("load", code=SYSTEM)
        self.assert_no_apparmor(result.stderr)
        self.assertIn('"withoutAppArmor": "capabilities-only"', result.stderr)
        self.assert_nothing_published(result)

    def test_json(self):
        document = json.loads(self.ctl("load", "--json").stdout)
        self.assertEqual((document["ok"], document["published"]), (True, "/run/aa-shim/catalog"))
        self.assert_no_apparmor(document["remarks"][0])

    def test_the_directory_is_made(self):
        harness.RUN.rmdir()
        os.umask(0o077)
        self.addCleanup(os.umask, 0o022)
        self.ctl("load")
        self.assertEqual(harness.RUN.stat().st_mode & 0o7777, 0o755)
        self.assertEqual(harness.COMPILED.stat().st_mode & 0o7777, 0o644)

    def test_a_mistake_leaves_the_catalog_in_force(self):
        self.ctl("load")
        before = harness.COMPILED.read_bytes()
        self.write("20-wrong.json", '{ "rules": [')
        result = self.ctl("load", code=WRONG)
        self.assertIn("/etc/aa-shim/catalog.d/20-wrong.json:1:", result.stderr)
        self.assertTrue(result.stderr.endswith("Nothing was changed.\n"), result.stderr)
        self.assertEqual(harness.COMPILED.read_bytes(), before)
        self.assertEqual(sorted(path.name for path in harness.RUN.iterdir()), [".load.lock", "catalog", "counters", "key"])

    def test_files_in_the_order_of_their_names(self):
        self.write("10-test.json", CATALOG | {"rules": []})
        for number in (3, 2, 1):
            self.write(f"9{number}.json", {"rules": [{"match": {"handler": f"h{number}"}, "use": "test"}]})
        self.assertIn("4 files, 2 confinements, 3 rules", self.ctl("load").stdout)
        data = harness.COMPILED.read_bytes()
        self.assertLess(data.find(b"91.json"), data.find(b"93.json"))
        self.assertNotEqual(data.find(b"91.json"), -1)

    def test_files_that_others_can_write(self):
        remedy = "make it root's, writable by root alone (chown root, chmod go-w)\n"
        path = self.write("20-open.json", "{}", mode=0o664)
        result = self.ctl("load", code=WRONG)
        self.assertEqual(result.stderr, f"aa-shimctl: '{path}' can be written by others: {remedy}")
        self.assert_nothing_published(result)
        path.chmod(0o644)
        os.chown(path, 1000, 0)
        result = self.ctl("load", code=WRONG)
        self.assertEqual(result.stderr, f"aa-shimctl: '{path}' belongs to uid 1000: {remedy}")
        os.chown(path, 0, 0)
        path.parent.chmod(0o777)
        result = self.ctl("load", code=WRONG)
        self.assertEqual(result.stderr, f"aa-shimctl: '{path.parent}' can be written by others: {remedy}")
        path.parent.chmod(0o755)
        profile = harness.ETC / "apparmor.d" / "aa-test"
        profile.chmod(0o666)
        path.unlink()
        result = self.ctl("load", code=WRONG)
        self.assertIn(f"'{profile}' can be written by others: {remedy}", result.stderr)
        self.assert_nothing_published(result)

    def test_other_places(self):
        elsewhere = harness.WORK / "catalog"
        shutil.copytree(harness.ETC / "catalog.d", elsewhere)
        output = harness.WORK / "out" / "compiled"
        self.ctl("load", "--catalog", elsewhere, "--output", output)
        self.assertTrue(output.exists())
        self.assertFalse(harness.COMPILED.exists())

    def test_closed_standard_descriptors(self):
        result = subprocess.run(
            ["sh", "-c", 'exec "$0" load <&- >&- 2>&-', harness.CTL], timeout=harness.TIMEOUT, check=False, capture_output=True
        )
        self.assertEqual(result.returncode, OK)
        self.assertTrue(harness.COMPILED.exists())


class CommandLine(CtlTest):
    def test_usage(self):
        for arguments in ((), ("nonsense",), ("load", "--nonsense"), ("load", "extra"), ("version", "--catalog", "x")):
            with self.subTest(arguments):
                result = self.ctl(*arguments, code=USAGE)
                self.assertEqual(result.stdout, "")
                self.assertIn("--help", result.stderr)

    def test_words_that_mean_nothing(self):
        for arguments, expected in (
            (("check", "--profilse", "x"), "there is no option '--profilse' of check, did you mean '--profiles'?"),
            (("check", "--no-profile=x"), "there is no option '--no-profile' of check, did you mean '--no-profiles'?"),
            (("load", "--jsn"), "there is no option '--jsn' of load, did you mean '--json'?"),
            (("load", "--nonsense"), "there is no option '--nonsense' of load: see aa-shimctl load --help"),
            (("load", "extra"), "'extra' is a word too many: see aa-shimctl load --help"),
            (("--jsno", "load"), "there is no option '--jsno' of load, did you mean '--json'?"),
        ):
            with self.subTest(arguments):
                result = self.ctl(*arguments, code=USAGE)
                self.assertEqual((result.stdout, result.stderr), ("", f"aa-shimctl: {expected}\n"))
        said = json.loads(self.ctl("--json", "check", "--profilse", "x", code=USAGE).stdout)
        self.assertEqual((said["ok"], said["error"]["kind"]), (False, "usage"))

    def test_words_that_are_missing_or_wrong(self):
        for arguments, problem, command in (
            ((), "A subcommand is required", ""),
            (("new", "shop"), "--from is required", " new"),
            (("explain", "--user", "x\x1b"), "Could not convert: --user = x\\x1b", " explain"),
            (("watch", "--every", "0"), "--every: Value 0 not in range 1 to 3600", " watch"),
        ):
            with self.subTest(arguments):
                result = self.ctl(*arguments, code=USAGE)
                expected = f"the command line is wrong: '{problem}': see aa-shimctl{command} --help"
                self.assertEqual((result.stdout, result.stderr), ("", f"aa-shimctl: {expected}\n"))
                result = self.ctl(*arguments, "--json", code=USAGE)
                self.assertEqual((json.loads(result.stdout), result.stderr), ({"ok": False, "error": {"kind": "usage", "message": expected}}, ""))

    def test_a_mistyped_command(self):
        for arguments, expected in (
            (("instal", "--help"), "there is no command 'instal', did you mean 'install'?"),
            (("--help", "explian"), "there is no command 'explian', did you mean 'explain'?"),
            (("--json", "statsu"), "there is no command 'statsu', did you mean 'status'?"),
            (("nonsense", "--help"), "there is no command 'nonsense': see aa-shimctl --help"),
        ):
            with self.subTest(arguments):
                result = self.ctl(*arguments, code=USAGE)
                self.assertEqual((result.stdout, result.stderr), ("", f"aa-shimctl: {expected}\n"))

    def test_without_dev_null(self):
        """It is opened only in place of a descriptor that is closed."""
        hidden = "mount -t tmpfs none /dev && exec"
        for redirection, code, output, errors in (
            ("", 0, True, ""),
            ("<&-", 3, False, "aa-shimctl: there is no /dev/null to open in place of descriptor 0, which is closed: mount a /dev\n"),
        ):
            with self.subTest(redirection):
                words = ["unshare", "--mount", "sh", "-c", f'{hidden} "$0" version {redirection}', harness.CTL]
                result = subprocess.run(words, capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)
                self.assertEqual((result.returncode, bool(result.stdout), result.stderr), (code, output, errors))

    def test_help(self):
        for arguments in (("--help",), ("check", "--help"), ("load", "--help"), ("explain", "--help"), ("metrics", "--help"), ("version", "--help")):
            with self.subTest(arguments):
                result = self.ctl(*arguments)
                self.assertIn("Usage:", result.stdout)
                self.assertEqual(result.stderr, "")

    def test_help_as_a_command(self):
        self.assertEqual(self.ctl("help").stdout, self.ctl("--help").stdout)
        self.assertEqual(self.ctl("help", "load").stdout, self.ctl("load", "--help").stdout)
        self.assertEqual(
            self.ctl("help", "lod", code=USAGE).stderr, "aa-shimctl: there is no command 'lod', did you mean 'load'?\n")

    def test_version_as_an_option(self):
        version = json.loads(self.ctl("version", "--json").stdout)["aa-shim"]
        for arguments in (("--version",), ("load", "--version")):
            result = self.ctl(*arguments)
            self.assertEqual((result.stdout, result.stderr), (f"aa-shimctl {version}\n", ""))

    def test_version(self):
        lines = dict(line.split(" ", 1) for line in self.ctl("version").stdout.splitlines())
        self.assertEqual(list(lines), ["aa-shim", "apparmor_parser", "kernel", "catalog"])
        self.assert_no_apparmor(lines["kernel"])
        self.assertEqual(json.loads(self.ctl("version", "--json").stdout), lines)

    def test_every_option_is_in_the_manual(self):
        manual = (MANUALS / "aa-shimctl.8.scd").read_text()
        commands = ("check", "new", "test", "load", "explain", "query", "diff", "graph", "denials", "learn", "replay", "install", "uninstall", "metrics", "version", "help")
        for command in commands:
            text = self.ctl(command, "--help").stdout
            self.assertIn(f"*aa-shimctl {command}*", manual)
            for word in text.replace(",", " ").split():
                if word.startswith("--") and word != "--help":
                    self.assertIn(f"*{word}*", manual, f"{command} {word}")


if __name__ == "__main__":
    unittest.main()
