# SPDX-License-Identifier: Apache-2.0
"""A container is compared with the decision before the first instruction of its program: one that differs leaves no mark, others notice nothing.

What stands in for the runtime's init confines itself step by step, as a test says; the program's first act is to leave a mark."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import bundle as bundles
import harness
from watching import INIT, TIMELY, UNTRACED, WatchTest, await_end_of_watch, watchers

GO, MARK, READY = harness.WORK / "go", harness.WORK / "mark", harness.WORK / "ready"
OBEDIENT = ("bound", "no-new-privileges", "filter")
PROGRAM = ("exec", INIT, "mark", MARK, "pause", "600000")
TRACED = {"prefix": ()}
LETS_GO = f'#!/bin/sh\nrm -f {harness.WORK}/state/c1/exec.fifo; : > {GO}\n'  # whatever else the command line says


class Child:
    """A process that is not ours, as far as a test asks it."""

    def __init__(self, pid):
        self.pid = pid

    def wait(self, seconds):
        end = time.monotonic() + seconds
        while not self.has_ended():
            if time.monotonic() > end:
                return None
            time.sleep(0.01)
        return -signal.SIGKILL

    def has_ended(self):
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"

    def poll(self):
        return self.wait(0)


class StopTest(WatchTest):
    """A test with such a process."""

    before = ()  # what the first process does before it waits for its start
    within = ()  # what executes the first process; none: this program

    def first_process(self, script):
        """It waits for its start when this returns: until then it may still be in the execve(2) by which it came to be."""
        command = [str(word) for word in (*self.within, INIT, *self.before, "mark", READY, "wait", GO, *script)]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
        self.addCleanup(process.wait)
        self.addCleanup(self.end_session, process.pid)
        self.await_file(READY)
        if not self.within:
            return process
        return Child(int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()))

    def created(self, *steps, **options):
        for file in (GO, MARK, READY):
            file.unlink(missing_ok=True)
        shutil.rmtree(harness.WORK / "state", ignore_errors=True)
        process = super().created(steps, **options)
        self.runtime_that(LETS_GO)
        return process

    def start(self, **options):
        run = super().start(**(options or TRACED))
        self.assertEqual(run.code, 0, run.message)
        return run

    def marked(self, seconds=TIMELY):
        """What the program has written, once it has; None if that does not come."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if MARK.exists() and MARK.read_text():
                return MARK.read_text()
            time.sleep(0.01)
        return None

    def assert_let_go(self, process, mark="0 0 0"):
        """The program runs, sees no tracer, and nobody is left beside it."""
        self.assertEqual(self.marked(), mark)
        self.assertTrue(await_end_of_watch(TIMELY))
        self.assertIsNone(process.poll())

    def assert_ended(self, process):
        """Before the program left its mark."""
        self.assertEqual(process.wait(TIMELY), -signal.SIGKILL)
        self.assertTrue(await_end_of_watch(TIMELY))
        self.assertFalse(MARK.exists())


class ExecStop(StopTest):
    def test_one_that_obeys(self):
        process = self.created(*OBEDIENT, "pause", "300", *PROGRAM)
        self.start()
        self.assert_let_go(process)

    def test_what_is_missing(self):
        for missing in OBEDIENT:
            with self.subTest(missing):
                process = self.created(*(step for step in OBEDIENT if step != missing), *PROGRAM)
                self.start()
                self.assert_ended(process)

    def test_without_the_observer_it_would_run(self):
        """The same container, looked at afterwards: its program has begun, and ends as soon as that is seen."""
        process = self.created(*OBEDIENT[:2], *PROGRAM)
        self.start(**UNTRACED)
        self.assertIsNotNone(self.marked())
        self.assertEqual(process.wait(TIMELY), -signal.SIGKILL)

    def test_what_comes_late(self):
        """A program in between that confines itself."""
        process = self.created("exec", INIT, "mark", MARK, *OBEDIENT, *PROGRAM)
        self.start()
        self.assert_ended(process)

    def test_an_inheritable_capability(self):
        process = self.created("inherit", *OBEDIENT, *PROGRAM)
        self.start()
        self.assert_ended(process)

    def test_a_child_from_before_it_confines_itself(self):
        process = self.created("fork", *OBEDIENT, "pause", "300", *PROGRAM)
        self.start()
        self.assert_ended(process)

    def test_a_filter_that_is_not_the_containers_own(self):
        """Who calls the runtime has one, which counts for nothing."""
        self.within = (INIT, "filter", "fork", "pause", "600000", "exec")
        for steps, obeys in ((OBEDIENT, True), (OBEDIENT[:2], False)):
            with self.subTest(obeys):
                process = self.created(*steps, *PROGRAM)
                self.start()
                self.assert_let_go(process) if obeys else self.assert_ended(process)

    def test_an_exec_by_another_thread(self):
        for steps, obeys in ((OBEDIENT, True), (OBEDIENT[:1], False)):
            with self.subTest(obeys):
                process = self.created("thread", *steps, *PROGRAM)
                self.start()
                self.assert_let_go(process) if obeys else self.assert_ended(process)

    def test_a_thread_from_before_the_start(self):
        """It executes the program, and takes the number of the first one."""
        self.before = ("thread",)
        for steps, obeys in ((OBEDIENT, True), (OBEDIENT[:1], False)):
            with self.subTest(obeys):
                process = self.created(*steps, *PROGRAM)
                self.start()
                self.assert_let_go(process) if obeys else self.assert_ended(process)

    def test_hooks_in_the_container(self):
        """The runtime's init executes them as itself, with what it has: only where somebody asked for such hooks."""
        mark = harness.WORK / "hook"
        for asked in (True, False):
            with self.subTest(asked):
                mark.unlink(missing_ok=True)
                hooks = {"startContainer": [{"path": "/bin/true"}], "createContainer": []}
                self.renew(bundles.config(hooks=hooks if asked else {"poststart": [{"path": "/bin/true"}]}))
                process = self.created("hook", mark, *OBEDIENT, *PROGRAM)
                self.start()
                self.assert_let_go(process) if asked else self.assert_ended(process)
                self.assertEqual(mark.exists(), asked)

    def test_signals_reach_it(self):
        self.before = ("catch", "10")
        process = self.created(*OBEDIENT, "expect", "1", *PROGRAM)
        self.start()
        process.send_signal(signal.SIGUSR1)
        self.assert_let_go(process)

    def test_a_stop_is_a_stop(self):
        process = self.created(*OBEDIENT, "pause", "300", *PROGRAM)
        self.start()
        process.send_signal(signal.SIGSTOP)
        self.assertIsNone(self.marked(1))
        self.assertIn("State:\t", status := Path(f"/proc/{process.pid}/status").read_text())
        self.assertRegex(status, "State:\t[tT]")
        process.send_signal(signal.SIGCONT)
        self.assert_let_go(process)

    def test_an_end_while_it_is_waited_for(self):
        for number in (signal.SIGKILL, signal.SIGTERM):
            with self.subTest(number):
                process = self.created(*OBEDIENT, "pause", "60000", *PROGRAM)
                self.start()
                self.assertEqual(len(watchers()), 1)
                process.send_signal(number)
                self.assertEqual(process.wait(TIMELY), -number)
                self.assertTrue(await_end_of_watch(TIMELY))

    def test_a_program_that_is_not_there(self):
        process = self.created(*OBEDIENT, "exec", "/no/such/program")
        self.start()
        self.assertEqual(process.wait(TIMELY), 98)
        self.assertTrue(await_end_of_watch(TIMELY))

    def test_whoever_watches_is_killed(self):
        """So is what it has seized."""
        process = self.created(*OBEDIENT, "pause", "60000", *PROGRAM)
        self.start()
        os.kill(watchers()[0], signal.SIGKILL)
        self.assert_ended(process)

    def test_a_start_that_fails_and_another(self):
        """Who watches stays with the process that still waits; it counts for the next start, too."""
        for obeys in (True, False):
            with self.subTest(obeys):
                process = self.created(*(OBEDIENT if obeys else OBEDIENT[:1]), *PROGRAM)
                self.runtime_that("#!/bin/sh\nexit 7\n")
                self.assertEqual(WatchTest.start(self, **TRACED).code, 7)
                first = watchers()
                self.assertEqual(len(first), 1)
                self.runtime_that(LETS_GO)
                self.start()
                self.assert_let_go(process) if obeys else self.assert_ended(process)

    def test_one_that_runs_already(self):
        """What it executes is its own affair; nobody traces it on."""
        self.before = (*OBEDIENT, "pause", "0")
        process = self.created("pause", "1000", "exec", INIT, "mark", MARK, "pause", "600000", waits=False)
        self.start()
        self.assertTrue(await_end_of_watch(TIMELY))
        self.assert_let_go(process)

    def test_a_set_user_id_program(self):
        """Executed by who is traced, it still gains its user."""
        program = harness.WORK / "set-user-id"
        shutil.copy(INIT, program)
        os.chown(program, 1234, 1234)
        program.chmod(0o4755)
        confinement = harness.BASE | {"noNewPrivileges": False}
        loaded = self.try_to_load(harness.CATALOG | {"confinements": {"test": confinement, "kill-only": confinement}})
        self.assertEqual(loaded.returncode, 0, loaded.stderr)
        self.renew()
        process = self.created("filter", "bound", "user", "4321", "exec", program, "mark", MARK, "pause", "600000")
        MARK.touch()
        MARK.chmod(0o666)
        self.start()
        self.assert_let_go(process, "0 1234 0")

    def renew(self, document=None):
        """Creates the container anew, from DOCUMENT."""
        self.runtime_that("#!/bin/sh\n")
        shutil.rmtree(self.bundle)
        self.bundle = self.make_bundle(document)
        run = self.create(self.bundle)
        self.assertEqual(run.code, 0, run.message)
