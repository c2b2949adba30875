# SPDX-License-Identifier: Apache-2.0
"""A load and a rollback that are killed at each of their steps, or whose disk is full: the old or the new one is in force, and the
history says which."""

import shutil

import harness
from test_history import HistoryTest


class Killed(HistoryTest):
    CALLS = ("writev", "fsync", "fchmod", "renameat", "unlinkat")

    def setUp(self):
        if not shutil.which("strace"):
            self.skipTest("this test needs strace(1)")
        super().setUp()

    def injected(self, what, call, number, *arguments):
        """Runs it with WHAT at the NUMBER-th CALL that has to do with what is kept or published; false if there is no such call."""
        places = [word for path in (harness.LOADS, harness.LOADS / "objects", harness.RUN) for word in ("-P", path)]
        trace = ("strace", "-qq", "-o", harness.WORK / "trace", *places, "-e", f"trace={call}", "-e", f"inject={call}:{what}:when={number}")
        run = self.ctl(*arguments, prefix=trace, code=None)
        return "(INJECTED)" in (harness.WORK / "trace").read_text() or run.returncode < 0

    def keep_host(self):
        """What restore_host() brings back: two loads, and the catalog files for a third."""
        published = self.load(["KILL"], ["CHOWN"])
        self.write(["SETUID"])
        for path in (harness.LOADS, harness.RUN):
            shutil.copytree(path, harness.WORK / path.name)
        return published

    @staticmethod
    def restore_host():
        for path in (harness.LOADS, harness.RUN):
            for entry in path.iterdir():
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
            shutil.copytree(harness.WORK / path.name, path, dirs_exist_ok=True)

    def every_step(self, calls, *arguments):
        """Kills it at each of its CALLS, on the host that keep_host() left."""
        for call in calls:
            for number in range(1, 60):
                self.restore_host()
                if not self.injected("signal=KILL", call, number, *arguments):
                    break
                yield f"{call} {number}"

    def assert_either(self, old, new):
        now = harness.COMPILED.read_bytes()
        loads = self.history()  # settles what was left
        self.assertFalse((harness.LOADS / "pending").exists())
        self.assert_consistent()
        self.assertEqual(len(loads), 2 if now == old else 3)
        if new is not None and now != old:
            self.assertEqual(now, new)
        return now == old

    def assert_goes_on(self):
        """Whatever was left, a rollback does its work and tidies up."""
        self.ctl("load", "--rollback")
        self.assertEqual(self.assert_consistent(), set())

    def test_load(self):
        _, second = self.keep_host()
        was_old = []
        for step in self.every_step(self.CALLS, "load"):
            with self.subTest(step):
                was_old.append(self.assert_either(second, None))
                self.assert_goes_on()
        self.assertGreater(len(was_old), 10)
        self.assertEqual(set(was_old), {True, False})

    def test_rollback(self):
        first, second = self.keep_host()
        was_old = []
        for step in self.every_step(("renameat", "fsync", "unlinkat"), "load", "--rollback"):
            with self.subTest(step):
                was_old.append(self.assert_either(second, first))
        self.assertGreater(len(was_old), 5)
        self.assertEqual(set(was_old), {True, False})

    def test_a_disk_that_is_full(self):
        """What cannot be kept is in force all the same, and that is said."""
        for call, error in (("write", "ENOSPC"), ("writev", "ENOSPC"), ("fsync", "EIO")):
            self.setUp()
            self.load(["KILL"])
            self.write(["CHOWN"])
            places = ("-P", harness.LOADS, "-P", harness.LOADS / "objects")
            trace = ("strace", "-qq", "-o", "/dev/null", *places, "-e", f"trace={call}", "-e", f"inject={call}:error={error}")
            before = harness.COMPILED.read_bytes()
            result = self.ctl("load", prefix=trace)
            self.assertNotEqual(harness.COMPILED.read_bytes(), before)
            if call == "fsync":
                self.assertIn("note: this load is not kept", result.stderr)
