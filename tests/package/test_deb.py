# SPDX-License-Identifier: Apache-2.0
"""The Debian package and the tarball as they are: what is in them, and what others' checkers say."""

import json
import re
import subprocess
import tarfile
import tempfile
import unittest
from pathlib import Path

import packages

PROGRAMS = ("usr/bin/aa-shim", "usr/sbin/aa-shimctl")


class Package(unittest.TestCase):
    def field(self, name):
        return packages.run("dpkg-deb", "--field", packages.deb(), name).strip()

    def test_lintian_has_nothing_to_say(self):
        (changes,) = packages.OUTPUT.glob(f"*_{packages.architecture()}.changes")
        # Machine code that happens to look like a misspelt word is not the same in any two versions, so it cannot be overridden.
        command = ["lintian", "-EvI", "--pedantic", "--allow-root", "--suppress-tags", "spelling-error-in-binary", changes]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        hints = [line for line in done.stdout.splitlines() if not line.startswith("N:")]
        self.assertEqual((hints, done.returncode), ([], 0), done.stderr)

    def test_what_is_overridden_has_a_reason(self):
        above = ""
        for line in (packages.ROOT / "debian/aa-shim.lintian-overrides").read_text().splitlines():
            self.assertTrue(line.startswith("#") or above.startswith("#") or above.split()[1] == line.split()[1], line)
            above = line

    def test_one_version_everywhere(self):
        version = packages.version()
        self.assertEqual(self.field("Version"), version)
        self.assertIn(f"project(aa-shim VERSION {version} ", (packages.ROOT / "CMakeLists.txt").read_text())
        said = packages.run(packages.files() / "usr/sbin/aa-shimctl", "version")
        self.assertEqual(said.splitlines()[0], f"aa-shim {version}")

    def test_no_library_is_needed(self):
        self.assertEqual(self.field("Depends"), "apparmor")
        self.assertEqual(self.field("Recommends"), "runc | crun")
        for program in PROGRAMS:
            self.assertNotIn("(NEEDED)", packages.run("readelf", "--wide", "--dynamic", packages.files() / program))

    def test_programs_are_hardened(self):
        for program in PROGRAMS:
            headers = packages.run("readelf", "--wide", "--file-header", "--program-headers", "--dynamic", packages.files() / program)
            self.assertRegex(headers, r"Type: +DYN")
            self.assertIn("GNU_RELRO", headers)
            self.assertRegex(headers, r"\(FLAGS_1\).*NOW")

    def test_conffiles_are_the_catalog_and_its_profiles(self):
        etc = packages.files() / "etc"
        self.assertEqual(sorted(self.control("conffiles").split()), sorted(f"/etc/{file.relative_to(etc)}" for file in etc.rglob("*") if file.is_file()))
        for folder in ("catalog.d", "apparmor.d"):
            shared = sorted((packages.ROOT / "share" / folder).iterdir())
            self.assertEqual([file.read_bytes() for file in shared], [(etc / "aa-shim" / folder / file.name).read_bytes() for file in shared])

    def test_the_catalog_comes_with_its_tests(self):
        etc, shared = packages.files() / "etc" / "aa-shim", packages.files() / "usr/share/aa-shim"
        answer = packages.run(packages.files() / "usr/sbin/aa-shimctl", "test", "--catalog", etc / "catalog.d", "--profiles", etc / "apparmor.d",
                              shared / "tests")
        self.assertRegex(answer, "^1[0-9][0-9] passed, 0 failed.\n$")
        self.assertTrue((shared / "policy-test.schema.json").exists())

    def control(self, name):
        return packages.run("dpkg-deb", "--info", packages.deb(), name)

    def test_no_script_touches_an_engine(self):
        for name in ("postinst", "prerm", "postrm"):
            code = re.sub(r"^\s*(#|echo ).*", "", self.control(name), flags=re.MULTILINE)
            self.assertNotRegex(code, r"aa-shimctl +(un)?install")
            self.assertNotRegex(code, r"systemctl .*(docker|containerd|crio|podman|kubelet)")

    def test_units_are_good(self):
        units = sorted((packages.files() / "lib/systemd/system").iterdir())
        self.assertIn("aa-shim.service", [unit.name for unit in units])
        with tempfile.TemporaryDirectory() as directory:
            for unit in units:
                text = unit.read_text().replace("/usr/sbin/", f"{packages.files()}/usr/sbin/")
                (Path(directory) / unit.name).write_text(text)
            done = subprocess.run(["systemd-analyze", "verify", "--man=no", *Path(directory).iterdir()], capture_output=True, text=True, check=False)
            self.assertEqual((done.stderr, done.returncode), ("", 0))

    def test_manual_pages_are_complete(self):
        pages = {page.name for page in (packages.files() / "usr/share/man").rglob("*.gz")}
        self.assertEqual(pages, {f"{page.stem}.gz" for page in (packages.ROOT / "docs/man").glob("*.scd")})


class Tarball(unittest.TestCase):
    def setUp(self):
        self.tar = tarfile.open(packages.OUTPUT / f"{packages.stem()}.tar.xz")
        self.addCleanup(self.tar.close)

    def test_nothing_in_it_is_of_one_machine_or_moment(self):
        members = self.tar.getmembers()
        self.assertEqual([member.name for member in members], sorted((member.name for member in members), key=lambda name: name.split("/")))
        self.assertEqual({(member.uid, member.gid, member.uname, member.gname) for member in members}, {(0, 0, "", "")})
        self.assertEqual(len({member.mtime for member in members}), 1)
        self.assertLessEqual({oct(member.mode) for member in members}, {"0o755", "0o644"})

    def test_its_programs_are_those_of_the_package(self):
        for program in PROGRAMS:
            inside = self.tar.extractfile(f"{packages.stem()}/{program.removeprefix('usr/')}").read()
            self.assertEqual(inside, (packages.files() / program).read_bytes(), program)

    def test_installed_as_it_says(self):
        """The note's first commands, in a folder."""
        note = self.tar.extractfile(f"{packages.stem()}/INSTALL.md").read().decode()
        commands = [line.strip() for line in note.splitlines() if line.startswith("    ") and "systemctl" not in line]
        with tempfile.TemporaryDirectory() as root:
            (Path(root) / "usr").mkdir()
            for command in commands:
                command = command.replace("VERSION-linux-ARCH", packages.stem().removeprefix("aa-shim-"))
                command = re.sub(r"(?<= )/(usr|etc)", rf"{root}/\1", command)
                packages.run("sh", "-ec", command, cwd=packages.OUTPUT)
            answer = packages.run(f"{root}/usr/sbin/aa-shimctl", "check", "--no-profiles", "--json", f"{root}/etc/aa-shim/catalog.d")
            self.assertTrue(json.loads(answer)["ok"])
            self.assertEqual(sorted(file.name for file in Path(root, "usr").iterdir()), ["bin", "lib", "sbin", "share"])


