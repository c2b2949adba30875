# SPDX-License-Identifier: Apache-2.0
"""As test_faults, for those that go on beside others: who watches a start, and a load."""

import shutil
import signal

import faults
import harness
import test_faults
from test_exec_stop import GO, MARK, OBEDIENT, PROGRAM, StopTest
from test_history import HistoryTest
from watching import TIMELY


class Start(StopTest, test_faults.Faults):
    """A first process that does not obey: its program leaves no mark, unless aa-shim said that it could not be traced, and then it ends."""

    steps = ("no-new-privileges", "filter")

    def again(self, kept=False):
        self.process = self.created(*self.steps, *PROGRAM)
        return ("--root", self.state, "start", "c1")

    def assert_expected(self):
        self.assertEqual(self.expected.code, 0, self.expected.message)
        self.assertEqual(self.process.wait(TIMELY), -signal.SIGKILL)

    def assert_safe(self, fault, run):
        if GO.exists():
            self.assertEqual(self.process.wait(harness.TIMEOUT), -signal.SIGKILL)
            self.assert_judged()
        else:
            self.assert_stopped(fault, run)
            self.assertFalse(MARK.exists())
        self.end_session(self.process.pid)
        self.process.wait()
        self.assert_nothing_left(fault)

    def assert_judged(self):
        self.assertTrue(not MARK.exists() or "REASON=untraced" in "".join(self.read_journal()))

    def assert_goes_on(self):
        """The other tests of starts tell."""

    def test_start(self):
        self.check()


class StartOfOneThatObeys(Start):
    """It begins its program, which nobody traces any more, or is killed: it never stands still."""

    steps = OBEDIENT

    def assert_expected(self):
        self.assertEqual(self.expected.code, 0, self.expected.message)
        self.assertEqual(self.marked(), "0 0 0")
        self.end_session(self.process.pid)

    def assert_safe(self, fault, run):
        if GO.exists() and self.marked() is not None:
            self.end_session(self.process.pid)
        super().assert_safe(fault, run)

    def assert_judged(self):
        """It was let go, or ended."""


class Load(HistoryTest):
    """A load, with two kept: the old or the new catalog is in force, and told so; the next load does its work, and nothing kept is lost."""

    def setUp(self):
        super().setUp()
        self.load(["KILL"], ["CHOWN"])
        self.write(["SETUID"])
        self.kept = {path: harness.WORK / path.name for path in (harness.LOADS, harness.RUN)}
        for path, copy in self.kept.items():
            shutil.copytree(path, copy)

    def again(self):
        for path, copy in self.kept.items():
            for entry in path.iterdir():
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
            shutil.copytree(copy, path, dirs_exist_ok=True)

    def test_load(self):
        old = harness.COMPILED.read_bytes()
        self.ctl("load", prefix=faults.prefix("list"))
        new, calls = harness.COMPILED.read_bytes(), faults.listed()
        self.assertNotEqual(old, new)
        every = [fault for call in calls for fault in faults.faults_of(*call)]
        for fault in every if test_faults.Faults.exhaustive else every[:: len(every) // 150]:
            with self.subTest(str(fault)):
                self.again()
                result = self.ctl("load", code=None, prefix=faults.prefix(*fault.words))
                now = harness.COMPILED.read_bytes()
                self.assertIn(now, (old, new))
                if result.returncode == 0:
                    self.assertEqual(now, new)
                elif result.returncode == 1:
                    self.assertNotEqual(result.stderr, "")
                self.ctl("load")
                self.assertEqual(harness.COMPILED.read_bytes(), new)
                self.assert_consistent()
