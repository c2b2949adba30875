# SPDX-License-Identifier: Apache-2.0
"""What `aa-shimctl load` keeps of compiled profiles: it is taken for the same text alone, from where only root can write, and never in the way. The
parser is the real one, behind one that counts how often it is run. The hosts of tests/vm have a kernel to load it."""

import hashlib
import json
import os
import shutil
import subprocess
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import harness

CACHE = harness.POLICIES
PROFILES = harness.ETC / "apparmor.d"
INCLUDED = Path("/etc/apparmor.d/local/aa-test")
PARSER = Path("/usr/sbin/apparmor_parser")
MOVED = harness.WORK / "real-parser"
CALLS = harness.WORK / "parser-calls"
CONFIGURATION = Path("/etc/apparmor/parser.conf")
NOT_KEPT = "note: what was compiled is not kept, so that the next load takes longer: "
NAMES = [f"aa-compiled-{number}" for number in range(4)]


def profile(name, rule=""):
    return f"abi <abi/3.0>,\nprofile {name} {{\n  include if exists <local/aa-test>\n  signal,\n  {rule}\n}}\n"


@unittest.skipUnless(PARSER.exists(), "apparmor_parser is not installed")
class CompiledTest(harness.ShimTest):
    def setUp(self):
        super().setUp()
        shutil.copy(PARSER, MOVED)
        subprocess.run(["mount", "--bind", harness.FAKE.with_name("counting_parser"), PARSER], check=True)
        self.addCleanup(subprocess.run, ["umount", PARSER], check=True)
        confinements = {name: harness.BASE | {"apparmor": name} for name in NAMES}
        catalog = harness.CATALOG | {"confinements": confinements, "rules": [], "otherwise": NAMES[0]}
        (harness.ETC / "catalog.d" / "10-test.json").write_text(json.dumps(catalog))
        for name in NAMES:
            (PROFILES / name).write_text(profile(name))
        self.addCleanup(INCLUDED.unlink, missing_ok=True)

    def load(self, code=0):
        """How often the parser was run for a load, and what the load said."""
        CALLS.unlink(missing_ok=True)
        done = subprocess.run([harness.CTL, "load"], capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return (CALLS.stat().st_size if CALLS.exists() else 0), done.stderr

    def runs(self):
        return self.load()[0]

    def policies(self):
        return {path.name: path.read_bytes() for path in CACHE.glob("*.policy")}

    def added(self, change):
        """How many policies are compiled after CHANGE; those that were there stay."""
        before = self.policies()
        change()
        self.assertGreater(self.runs(), 0)
        after = self.policies()
        self.assertEqual(before, {name: after.get(name) for name in before})
        self.assertEqual(self.runs(), 0)
        return len(after) - len(before)


class Known(CompiledTest):
    def test_a_second_load_runs_no_parser(self):
        self.assertEqual(self.runs(), 1)  # for all
        self.assertEqual(len(self.policies()), len(NAMES))
        self.assertEqual(self.load(), (0, self.load()[1]))
        self.assertEqual(CACHE.stat().st_mode & 0o7777, 0o700)
        self.assertEqual({path.stat().st_mode & 0o7777 for path in CACHE.iterdir()}, {0o600})

    def test_check_takes_it_and_adds_nothing(self):
        self.runs()
        before = sorted(CACHE.iterdir())
        CALLS.unlink()
        subprocess.run([harness.CTL, "check"], capture_output=True, timeout=harness.TIMEOUT, check=True)
        asked = CALLS.stat().st_size if CALLS.exists() else 0
        shutil.rmtree(CACHE)
        CALLS.unlink(missing_ok=True)
        subprocess.run([harness.CTL, "check"], capture_output=True, timeout=harness.TIMEOUT, check=True)
        self.assertLess(asked, CALLS.stat().st_size)
        self.assertFalse(CACHE.exists())
        self.assertEqual(len(before), 2 * len(NAMES))

    def test_what_was_edited_is_compiled_again(self):
        self.runs()
        self.assertEqual(self.added(lambda: (PROFILES / NAMES[1]).write_text(profile(NAMES[1], "/srv/** r,"))), 1)
        self.assertEqual(self.added(lambda: INCLUDED.write_text("/opt/** r,\n")), len(NAMES))
        self.assertEqual(self.added(lambda: INCLUDED.write_text("/opt/** w,\n")), len(NAMES))

    def test_what_was_put_back_is_known(self):
        self.runs()
        INCLUDED.write_text("/opt/** r,\n")
        self.assertEqual(self.runs(), 1)
        INCLUDED.unlink()
        self.assertEqual(self.runs(), 0)

    def test_a_configuration_counts_and_one_that_is_not_understood_keeps_nothing(self):
        self.runs()
        old = CONFIGURATION.read_text()
        self.addCleanup(CONFIGURATION.write_text, old)
        self.assertEqual(self.added(lambda: CONFIGURATION.write_text(old + "\nOptimize=no-expr-simplify\n")), len(NAMES))
        CONFIGURATION.write_text(old + "\nInclude /srv\n")
        self.assertGreater(self.runs(), 1)
        self.assertGreater(self.runs(), 1)

    def test_a_file_that_is_forced_to_complain_is_left_to_the_parser(self):
        self.runs()
        link = Path("/etc/apparmor.d/force-complain", NAMES[2])
        link.symlink_to(PROFILES / NAMES[2])
        self.addCleanup(link.unlink)
        self.assertGreater(self.runs(), 0)
        self.assertGreater(self.runs(), 0)


class NotBelieved(CompiledTest):
    def test_a_damaged_entry(self):
        self.runs()
        for damage in (lambda data: data[:-1] + bytes([data[-1] ^ 1]), lambda data: data[: len(data) // 2], lambda data: b""):
            path = next(CACHE.glob("*.policy"))
            whole = path.read_bytes()
            path.write_bytes(damage(whole))
            self.assertEqual(self.runs(), 1)
            self.assertEqual(path.read_bytes(), whole)
            self.assertEqual(self.runs(), 0)

    def test_an_entry_under_the_name_of_another(self):
        self.runs()
        one, other = list(CACHE.glob("*.policy"))[:2]
        whole = one.read_bytes()
        shutil.copy(other, one)
        self.assertEqual(self.runs(), 1)
        self.assertEqual(one.read_bytes(), whole)

    def test_an_entry_that_others_could_have_written(self):
        self.runs()
        path = next(CACHE.glob("*.policy"))
        for spoil in (lambda: path.chmod(0o620), lambda: path.chmod(0o602), lambda: os.chown(path, 65534, 65534)):
            spoil()
            self.assertEqual(self.runs(), 1)
            self.assertEqual((path.stat().st_uid, path.stat().st_mode & 0o7777), (0, 0o600))
        whole = harness.WORK / "elsewhere"
        shutil.move(path, whole)
        path.symlink_to(whole)
        self.assertEqual(self.runs(), 1)
        self.assertFalse(path.is_symlink())

    def test_a_directory_that_others_can_write(self):
        self.runs()
        for spoil in (lambda: CACHE.chmod(0o777), lambda: (CACHE.chmod(0o700), os.chown(CACHE, 65534, 65534))):
            spoil()
            runs, errors = self.load()
            self.assertGreater(runs, 0)
            self.assertIn(NOT_KEPT, errors)
        os.chown(CACHE, 0, 0)
        self.assertEqual(self.runs(), 0)


class InTheWay(CompiledTest):
    def test_a_read_only_directory_serves_all_the_same(self):
        self.runs()
        subprocess.run(["mount", "--bind", CACHE, CACHE], check=True)
        self.addCleanup(subprocess.run, ["umount", CACHE], check=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", CACHE], check=True)
        runs, errors = self.load()
        self.assertEqual(runs, 0)
        self.assertIn(NOT_KEPT, errors)
        (PROFILES / NAMES[0]).write_text(profile(NAMES[0], "/srv/** r,"))
        self.assertGreater(self.runs(), 0)

    def test_a_full_disk(self):
        CACHE.mkdir(0o700)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=700,size=4k", "tmpfs", CACHE], check=True)
        self.addCleanup(subprocess.run, ["umount", CACHE], check=True)
        for _ in range(2):
            runs, errors = self.load()
            self.assertGreater(runs, 0)
            self.assertIn(NOT_KEPT, errors)
        self.assertEqual([path.name for path in CACHE.iterdir() if path.name.startswith(".")], [])

    def test_loads_at_the_same_time(self):
        def load(_):
            return subprocess.run([harness.CTL, "load"], capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)

        with ThreadPoolExecutor(4) as pool:
            done = list(pool.map(load, range(4)))
        self.assertEqual([one.returncode for one in done], [0] * 4, [one.stderr for one in done])
        self.assertEqual(CALLS.stat().st_size, 1)
        self.assertEqual(len(self.policies()), len(NAMES))
        for path in CACHE.iterdir():
            seal, _, content = path.read_bytes().partition(b"\n")
            self.assertEqual(hashlib.sha256(path.name.encode() + b"\n" + content).hexdigest().encode(), seal)

    def test_a_catalog_for_elsewhere_keeps_nothing(self):
        other = harness.RUN / "other"
        subprocess.run([harness.CTL, "load", "--output", other], capture_output=True, timeout=harness.TIMEOUT, check=True)
        self.assertFalse(CACHE.exists())
