# SPDX-License-Identifier: Apache-2.0
"""aa-shimctl load --history and --rollback where there is no AppArmor: what is kept, who may see it, what is brought back, and what is
refused. tests/ctl/catalog and tests/vm have the profiles."""

import hashlib
import json
import os
import subprocess

import harness

OK, WRONG, USAGE, SYSTEM = range(4)
CATALOG = harness.ETC / "catalog.d" / "10-test.json"
OBJECTS = harness.LOADS / "objects"


def digest(data):
    return hashlib.sha256(data).hexdigest()


class HistoryTest(harness.ShimTest):
    def ctl(self, *arguments, code=OK, prefix=(), **options):
        result = subprocess.run(
            [*prefix, harness.CTL, *map(str, arguments)], capture_output=True, text=True, timeout=harness.TIMEOUT, check=False, **options
        )
        if code is not None:
            self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result

    def write(self, ceiling):
        confinements = {"test": harness.BASE | {"capabilities": ceiling}}
        CATALOG.write_text(json.dumps(harness.CATALOG | {"confinements": confinements, "rules": []}))
        (harness.ETC / "apparmor.d" / "aa-test").write_text(harness.PROFILE)

    def load(self, *ceilings):
        """A load of a catalog with each of CEILINGS; what was published."""
        published = []
        for ceiling in ceilings:
            self.write(ceiling)
            self.ctl("load")
            published.append(harness.COMPILED.read_bytes())
        return published

    def history(self, code=OK):
        return json.loads(self.ctl("load", "--history", "--json", code=code).stdout)["loads"]

    def numbers(self, code=OK):
        return [load["number"] for load in self.history(code)]

    def entry(self, number):
        return next(path for path in harness.LOADS.iterdir() if path.name.startswith(f"{number}-"))

    def assert_consistent(self):
        """What is kept is whole, and the newest load is the one in force; returns what belongs to no load."""
        loads = self.history()
        self.assertEqual([load["problem"] for load in loads], [None] * len(loads))
        self.assertEqual(loads[0]["compiled"], digest(harness.COMPILED.read_bytes()))
        wanted = set()
        for path in harness.LOADS.iterdir():
            if path != OBJECTS and not path.name.startswith("."):
                self.assertEqual(path.name.split("-")[1], digest(path.read_bytes()))
                document = json.loads(path.read_text())
                wanted |= {document["compiled"], *(file["sha256"] for part in ("catalog", "sources") for file in document[part])}
        self.assertTrue(wanted <= {path.name for path in OBJECTS.iterdir()})
        return {path.name for path in (*OBJECTS.iterdir(), *harness.LOADS.glob(".*"))} - wanted


class Kept(HistoryTest):
    def test_nothing_yet(self):
        self.assertEqual(self.history(), [])
        self.assertEqual(self.ctl("load", "--history").stdout, "No load is kept yet.\n")
        self.assertIn("there is no load to bring back that is 1 before the last one: 0 are kept", self.ctl("load", "--rollback", code=WRONG).stderr)

    def test_by_content(self):
        first, second = self.load(["KILL"], ["CHOWN"])
        loads = self.history()
        self.assertEqual([(load["back"], load["number"], load["restores"], load["kernel"]) for load in loads], [(0, 2, None, None), (1, 1, None, None)])
        self.assertEqual([load["compiled"] for load in loads], [digest(second), digest(first)])
        self.assertEqual(loads[0]["catalog"], [{"file": str(CATALOG), "sha256": digest(CATALOG.read_bytes())}])
        self.assertEqual(self.assert_consistent(), set())
        self.assertIn(digest(harness.PROFILE.encode()), {path.name for path in OBJECTS.iterdir()})
        self.assertRegex(self.ctl("load", "--history").stdout, r"^0  load 2  \S+Z  1 catalog file, without AppArmor\n1  load 1  ")

    def test_root_alone(self):
        self.write(["KILL"])
        self.addCleanup(os.umask, os.umask(0))
        self.ctl("load")
        self.assertEqual([path.stat().st_mode & 0o7777 for path in (harness.LOADS, OBJECTS)], [0o700, 0o700])
        for path in (*OBJECTS.iterdir(), self.entry(1)):
            self.assertEqual((path.stat().st_mode & 0o7777, path.stat().st_uid), (0o600, 0), path)
        for option in ("--history", "--rollback"):
            result = subprocess.run(["setpriv", "--reuid", "65534", "--clear-groups", harness.CTL, "load", option], capture_output=True,
                                    text=True, timeout=harness.TIMEOUT, check=False)
            self.assertEqual(result.returncode, SYSTEM, result.stderr)
            self.assertIn("run aa-shimctl as root", result.stderr)

    def test_others_can_write(self):
        """A history that could be anybody's is not believed, and no reason to leave the catalog out of force."""
        self.load(["KILL"])
        harness.LOADS.chmod(0o777)
        self.write(["CHOWN"])
        result = self.ctl("load")
        self.assertIn("note: this load is not kept, and 'aa-shimctl load --rollback' will not find it: "
                      f"'{harness.LOADS}' can be written by others", result.stderr)
        for option in ("--history", "--rollback"):
            self.assertIn("can be written by others", self.ctl("load", option, code=WRONG).stderr)

    def test_the_last_ten(self):
        self.load(*([f"{name}"] for name in ("CHOWN", "KILL", "SETUID", "SETGID", "FOWNER", "FSETID", "MKNOD", "NET_RAW", "SYS_CHROOT",
                                             "SETPCAP", "AUDIT_WRITE", "SETFCAP")))
        self.assertEqual(self.numbers(), list(range(12, 2, -1)))
        self.assertEqual(self.assert_consistent(), set())
        self.assertEqual(len([path for path in harness.LOADS.iterdir() if path != OBJECTS]), 10)

    def test_a_load_that_changes_nothing_takes_the_place_of_the_one_before(self):
        self.load(["CHOWN"], ["KILL"], ["KILL"], ["KILL"])
        self.assertEqual(self.numbers(), [4, 1])
        self.assertEqual(self.assert_consistent(), set())

    def test_elsewhere(self):
        self.write(["KILL"])
        self.ctl("load", "--output", harness.WORK / "out" / "compiled")
        self.assertFalse(harness.LOADS.exists())

    def test_a_refused_catalog_is_not_kept(self):
        self.load(["KILL"])
        CATALOG.write_text("{")
        self.ctl("load", code=WRONG)
        self.assertEqual(self.numbers(), [1])


class Rollback(HistoryTest):
    def ceiling(self, name):
        """The ceiling of the catalog in force, as `explain` has it."""
        return name in json.loads(self.ctl("explain", "--json", "--user", "0").stdout)["ceiling"]

    def test_without_the_sources(self):
        first, second = self.load(["KILL"], ["CHOWN"])
        CATALOG.unlink()
        (harness.ETC / "apparmor.d" / "aa-test").unlink()
        parser = "/usr/sbin/apparmor_parser"
        subprocess.run(["mount", "--bind", "/bin/false", parser], check=True)
        self.addCleanup(subprocess.run, ["umount", parser], check=True)
        result = self.ctl("load", "--rollback")
        self.assertRegex(result.stdout, r"^In force: /run/aa-shim/catalog \(load 1 of \S+Z\)\.\n$")
        self.assertEqual(harness.COMPILED.read_bytes(), first)
        self.assertTrue(self.ceiling("KILL"))
        self.assertEqual([(load["number"], load["restores"]) for load in self.history()], [(3, 1), (2, None), (1, None)])
        # It is itself a load: the one before it is the one that it took the place of.
        document = json.loads(self.ctl("load", "--rollback", "1", "--json").stdout)
        self.assertEqual((document["ok"], document["published"], document["restores"]), (True, str(harness.COMPILED), 2))
        self.assertEqual(harness.COMPILED.read_bytes(), second)
        self.assertEqual(self.assert_consistent(), set())

    def test_further_back_and_the_last_one(self):
        published = self.load(["KILL"], ["CHOWN"], ["SETUID"])
        self.ctl("load", "--rollback", "2")
        self.assertEqual(harness.COMPILED.read_bytes(), published[0])
        harness.COMPILED.unlink()  # as after a boot
        self.ctl("load", "--rollback", "0")
        self.assertEqual(harness.COMPILED.read_bytes(), published[0])
        self.assertIn("that is 4 before the last one: 4 are kept", self.ctl("load", "--rollback", "4", code=WRONG).stderr)

    def test_usage(self):
        for more in (("--history",), ("--catalog", "/x"), ("--output", "/x")):
            self.ctl("load", "--rollback", "1", *more, code=USAGE)
        self.ctl("load", "--history", "--output", "/x", code=USAGE)
        self.ctl("load", "--rollback", "-1", code=USAGE)

    def assert_refused(self, text, back=1):
        before = harness.COMPILED.read_bytes()
        result = self.ctl("load", "--rollback", back, code=WRONG)
        self.assertIn(text, result.stderr)
        self.assertIn("cannot be brought back: ", result.stderr)
        self.assertEqual(harness.COMPILED.read_bytes(), before)
        self.assertEqual(len([load for load in self.history(WRONG) if load["problem"]]), 1)
        self.assertIn("cannot be brought back", self.ctl("load", "--history", code=WRONG).stdout)

    def test_a_content_was_changed(self):
        self.load(["KILL"], ["CHOWN"])
        path = OBJECTS / self.history()[1]["catalog"][0]["sha256"]
        path.write_bytes(path.read_bytes().replace(b"KILL", b"MKNOD"))
        self.assert_refused(f"load 1 cannot be brought back: '{path}' was changed or damaged: its SHA-256 is not its name")
        self.ctl("load", "--rollback", "0")
        path.unlink()
        self.assert_refused("was changed or damaged: ", back=1 + self.numbers(WRONG).index(1) - 1)

    def test_an_entry_was_changed(self):
        self.load(["KILL"], ["CHOWN"])
        path = self.entry(1)
        path.write_text(path.read_text().replace('"restores": null', '"restores": 2'))
        self.assert_refused(f"load 1 cannot be brought back: '{path}' was changed or damaged: its SHA-256 is not the one in its name")

    def test_an_entry_with_a_digest_that_fits_and_a_path_for_a_content(self):
        self.load(["KILL"], ["CHOWN"])
        path = self.entry(1)
        document = json.loads(path.read_text())
        document["catalog"][0]["sha256"] = "../../../../etc/passwd"
        text = json.dumps(document)
        path.unlink()
        path.with_name(f"1-{digest(text.encode())}").write_text(text)
        self.assert_refused("this is no SHA-256")

    def test_a_link_in_place_of_a_content(self):
        self.load(["KILL"], ["CHOWN"])
        path = OBJECTS / self.history()[1]["catalog"][0]["sha256"]
        path.rename(harness.LOADS / "moved")
        path.symlink_to(harness.LOADS / "moved")
        self.assert_refused("was changed or damaged: ")

    def test_a_catalog_that_is_not_taken_any_more(self):
        """What is kept goes through the same checks as what is loaded."""
        self.load(["KILL"], ["CHOWN"])
        path = self.entry(1)
        document = json.loads(path.read_text())
        text = b'{"confinements": {}, "otherwise": "nothing"}'
        (OBJECTS / digest(text)).write_bytes(text)
        document["catalog"][0]["sha256"] = digest(text)
        new = json.dumps(document).encode()
        path.unlink()
        path.with_name(f"1-{digest(new)}").write_bytes(new)
        before = harness.COMPILED.read_bytes()
        result = self.ctl("load", "--rollback", code=WRONG)
        self.assertIn("load 1 cannot be brought back, as this aa-shimctl does not take its catalog: ", result.stderr)
        self.assertEqual(harness.COMPILED.read_bytes(), before)
