# SPDX-License-Identifier: Apache-2.0
"""aa-shimctl new: what it writes is a catalog with its profile and its tests, is good, and overwrites nothing."""

import json
import re
import shutil
import subprocess
import unittest
from pathlib import Path

import harness

ROOT = Path(__file__).resolve().parents[2]
SHARE = ROOT / "share"
OK, WRONG, USAGE, SYSTEM = range(4)
TEMPLATES = ("web", "database", "baseline", "docker-default", "nothing")
PLACE = harness.WORK / "place"


class New(harness.ShimTest):
    def ctl(self, *arguments, code=OK):
        result = subprocess.run([harness.CTL, *map(str, arguments)], capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result

    def new(self, name, template, *options, code=OK):
        return self.ctl("new", name, "--from", template, "--directory", PLACE, "--templates", SHARE / "templates", *options, code=code)

    def place(self, shipped):
        """An empty place, or one with the shipped catalog."""
        shutil.rmtree(PLACE, ignore_errors=True)
        PLACE.mkdir()
        for folder in ("catalog.d", "apparmor.d") if shipped else ():
            shutil.copytree(SHARE / folder, PLACE / folder)

    def files(self):
        return {str(path.relative_to(PLACE)): path.read_text() for path in PLACE.rglob("*") if path.is_file()}

    def assert_good(self):
        checked = self.ctl("check", "--strict", "--profiles", PLACE / "apparmor.d", PLACE / "catalog.d")
        self.assertEqual(checked.stderr, "")
        return self.ctl("test", "--catalog", PLACE / "catalog.d", "--profiles", PLACE / "apparmor.d", PLACE / "tests")

    # ---- what is written

    def test_it_is_good_alone_and_beside_the_shipped_catalog(self):
        for shipped in (False, True):
            for template in TEMPLATES:
                with self.subTest(template, shipped=shipped):
                    self.place(shipped)
                    said = self.new("shop", template).stdout.splitlines()
                    written = [PLACE / "apparmor.d/shop", PLACE / "tests/shop.json", PLACE / "catalog.d/50-shop.json"]
                    self.assertEqual(said[:3], [str(path) for path in written])
                    self.assertRegex(self.assert_good().stdout, "^[1-9][0-9]* passed, 0 failed.\n$")
                    for path in written:
                        text = path.read_text()
                        self.assertNotIn("@", re.sub(r"@\{\w+\}", "", text))
                        self.assertNotIn("SPDX", text)
                        self.assertIn("shop", text)
                        self.assertRegex(text, r"(?m)^ *(#|//) \w")
                    self.assertEqual('"otherwise": "shop"' in written[2].read_text(), not shipped)

    def test_the_commands_that_it_tells(self):
        self.place(False)
        for line in self.new("shop", "web").stdout.splitlines():
            if line.startswith("  aa-shimctl "):
                self.ctl(*line.split()[1:])

    def test_it_is_within_the_baseline(self):
        for template in ("web", "database", "baseline", "nothing"):
            with self.subTest(template):
                self.place(True)
                self.new("shop", template)
                self.assertIn('"within": "aa-shim-baseline"', (PLACE / "tests/shop.json").read_text())
                self.assert_good()
                # The proof is one: a rule more, and it fails.
                profile = PLACE / "apparmor.d/shop"
                profile.write_text(re.sub(r"\}\n$", "  mount,\n}\n", profile.read_text()))
                said = self.ctl("test", "--catalog", PLACE / "catalog.d", "--profiles", PLACE / "apparmor.d", PLACE / "tests", code=WRONG).stdout
                self.assertRegex(said, "shop within aa-shim-baseline: .*mount")

    def test_where_no_baseline_is_nothing_is_said_of_it(self):
        self.place(False)
        self.new("shop", "web")
        self.assertNotIn("aa-shim-baseline", (PLACE / "tests/shop.json").read_text())

    def test_baseline_and_docker_default_are_what_they_are_called_after(self):
        for template, profile, original in (("baseline", "aa-shim-baseline", SHARE / "apparmor.d/aa-shim-baseline"),
                                            ("docker-default", "docker-default", ROOT / "tests/vm/differential/engines/docker-default")):
            with self.subTest(template):
                self.place(False)
                self.new("shop", template)
                renamed = harness.WORK / "original"
                renamed.write_text(original.read_text().replace(profile, "shop"))
                said = self.ctl("diff", renamed, PLACE / "apparmor.d/shop").stdout
                self.assertTrue(said.startswith("Nothing is gained or lost.\n"), said)

    def test_passwords_and_shells(self):
        for template in ("web", "database"):
            with self.subTest(template):
                self.place(False)
                self.new("shop", template)
                denied = self.ctl("query", "--profiles", PLACE / "apparmor.d", "shop", "r /etc/shadow", "mount", "network inet raw", code=WRONG)
                self.assertEqual([line.split(": ")[1] for line in denied.stdout.splitlines() if not line.startswith(" ")], ["denied"] * 3)
                refused = self.ctl("explain", "--exec", "--catalog", PLACE / "catalog.d", "--profiles", PLACE / "apparmor.d", "--confinement", "shop",
                                   "--profile", "shop", "/bin/sh", code=WRONG)
                self.assertIn("no shells in shop", refused.stdout + refused.stderr)

    # ---- what is not

    def test_a_dry_run_writes_nothing(self):
        self.place(False)
        text = self.new("shop", "web", "--dry-run").stdout
        self.assertEqual(self.files(), {})
        document = json.loads(self.new("shop", "web", "--dry-run", "--json").stdout)
        self.assertEqual((document["ok"], document["written"], self.files()), (True, False, {}))
        self.assertEqual(text, "".join(f"==> {one['path']} <==\n{one['text']}\n" for one in document["files"]))
        written = json.loads(self.new("shop", "web", "--json").stdout)
        self.assertEqual(written, document | {"written": True})
        self.assertEqual(self.files(), {str(Path(one["path"]).relative_to(PLACE)): one["text"] for one in written["files"]})

    def test_nothing_is_overwritten(self):
        for name in ("apparmor.d/shop", "catalog.d/50-shop.json", "tests/shop.json"):
            with self.subTest(name):
                self.place(False)
                (PLACE / name).parent.mkdir()
                (PLACE / name).symlink_to("/nonexistent")
                for option in ((), ("--dry-run",)):
                    said = self.new("shop", "web", *option, code=WRONG if name != "catalog.d/50-shop.json" else SYSTEM).stderr
                    self.assertIn(f"'{PLACE / name}'", said)
                    self.assertEqual([path for path in PLACE.rglob("*") if path.is_file() or path.is_symlink()], [PLACE / name])

    def test_all_or_nothing(self):
        self.place(False)
        (PLACE / "catalog.d").mkdir(mode=0o555)
        self.assertIn(f"{PLACE}/catalog.d/50-shop.json", self.new("shop", "web", code=SYSTEM).stderr)
        self.assertEqual(self.files(), {})

    def test_names(self):
        self.place(True)
        for name in ("", "Shop", "_shop", "a/b", "..", "a b", "a*", "x" * 64, "unconfined", "docker-default", "crio-default", "containers-default-1"):
            with self.subTest(name):
                self.assertRegex(self.new(name, "web", code=USAGE).stderr, "take ")
        self.assertIn("there is a confinement 'web' already, at ", self.new("web", "web", code=WRONG).stderr)
        (PLACE / "apparmor.d/other").write_text("profile shop { }\n")
        self.assertIn(f"there is a profile 'shop' already, in '{PLACE}/apparmor.d/other'", self.new("shop", "web", code=WRONG).stderr)
        self.assertNotIn("tests/shop.json", self.files())
        self.new("x" * 63, "web")

    def test_a_catalog_that_is_wrong(self):
        self.place(True)
        (PLACE / "catalog.d/60.json").write_text('{ "ruls": [] }')
        said = self.new("shop", "web", code=WRONG).stderr
        self.assertRegex(said, f"the catalog in '{PLACE}/catalog.d' is wrong: {PLACE}/catalog.d/60.json:1:3: unknown key 'ruls'.*aa-shimctl check")
        self.assertNotIn("tests/shop.json", self.files())

    def test_the_command_line(self):
        self.assertIn("--from", self.ctl("new", "shop", code=USAGE).stderr)
        self.assertIn("docker-default", self.ctl("new", "shop", "--from", "wep", code=USAGE).stderr)
        self.place(False)
        missing = self.ctl("new", "shop", "--from", "web", "--directory", PLACE, "--templates", "/nonexistent", code=SYSTEM).stderr
        self.assertIn("the template: ", missing)
        self.assertIn("/nonexistent/web/profile", missing)


if __name__ == "__main__":
    unittest.main()
