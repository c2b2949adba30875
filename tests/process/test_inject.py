# SPDX-License-Identifier: Apache-2.0
"""What has system calls fail (inject.c, supervise.c): one fails as it is told, and nothing else of the program."""

import errno
import signal
import subprocess
import sys

import faults
import harness

MADE = harness.WORK / "made"


class Inject(harness.ShimTest):
    def run_with(self, words, *command):
        return subprocess.run([*faults.prefix(*words), *command], capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)

    def calls(self, *command):
        self.run_with(("list",), *command)
        return faults.listed()

    def test_list(self):
        calls = self.calls("/bin/mkdir", MADE)
        self.assertEqual([number for _, number, _ in calls], list(range(1, len(calls) + 1)))
        names = [name for _, _, name in calls]
        self.assertEqual((names.count("mkdir"), names[-1]), (1, "exit_group"))
        self.assertTrue(MADE.is_dir())

    def test_error(self):
        run = self.run_with((f"error={errno.EDQUOT}", 0, "1:mkdir"), "/bin/mkdir", MADE, f"{MADE}-too")
        self.assertEqual(run.returncode, 1)
        self.assertRegex(run.stderr, r"\A[^\n]*/made\S*: Disk quota exceeded\n\Z")
        self.assertFalse(MADE.exists())
        self.assertTrue(MADE.with_name("made-too").is_dir())

    def test_nothing(self):
        run = self.run_with(("nothing", 0, "1:mkdir"), "/bin/mkdir", MADE)
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        self.assertFalse(MADE.exists())

    def test_by_number(self):
        number = next(number for _, number, name in self.calls("/bin/mkdir", MADE) if name == "mkdir")
        MADE.rmdir()
        for call, code in ((number, 1), (f"{number}:mkdir", 1), (f"{number + 1}:mkdir", 0)):
            run = self.run_with((f"error={errno.EACCES}", 0, call), "/bin/mkdir", MADE)
            self.assertEqual((run.returncode, MADE.exists()), (code, code == 0), run.stderr)

    def test_no_more_memory(self):
        """brk(2) has no errors: a program whose break stays where it is takes memory from elsewhere, and goes on."""
        command = (sys.executable, "-S", "-c", "print(sum(range(1000)))")
        tried = [faults.Fault(*call, f"error={errno.ENOMEM}") for call in self.calls(*command) if call[2] == "brk"]
        self.assertGreater(len(tried), 2)
        for fault in tried:
            with self.subTest(str(fault)):
                run = self.run_with(fault.words, *command)
                self.assertEqual((run.returncode, run.stdout), (0, "499500\n"), run.stderr)

    def test_close(self):
        """What fails to close is closed: the end of a pipe is not kept."""
        command = (sys.executable, "-S", "-c", "import os\nr, w = os.pipe()\ntry: os.close(w)\nexcept OSError as error: print(error.errno)\nprint(os.read(r, 1))")
        after = next(number for _, number, name in self.calls(*command) if name == "pipe2")
        run = self.run_with((f"error={errno.EIO}", 0, f"{after}:close"), *command)
        self.assertEqual((run.returncode, run.stdout), (0, f"{errno.EIO}\nb''\n"), run.stderr)

    def test_short(self):
        """What is not written of a vector or a buffer is written by the next call."""
        text = "0123456789" * 10
        run = self.run_with(("short", 0, "1:write"), "/bin/echo", text)
        self.assertEqual((run.returncode, run.stdout), (0, f"{text}\n"), run.stderr)
        self.assertEqual(faults.await_report(harness.TIMEOUT), ["done"])


class Supervise(harness.ShimTest):
    def run_with(self, words, *command):
        run = subprocess.run([*faults.supervised(*words), *command], capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)
        self.report = faults.await_report(harness.TIMEOUT)
        return run

    def test_list(self):
        self.run_with(("list",), "/bin/mkdir", MADE)
        names = [line.split()[2] for line in self.report]
        self.assertEqual((names.count("mkdir"), names[-1]), (1, "exit_group"))
        self.assertTrue(MADE.is_dir())

    def test_faults(self):
        for what, code in ((f"error={errno.EDQUOT}", 1), ("nothing", 0), ("kill", -signal.SIGKILL)):
            with self.subTest(what):
                self.assertEqual(self.run_with((what, 0, "1:mkdir"), "/bin/mkdir", MADE).returncode, code)
                self.assertEqual(self.report, ["done"])
                self.assertFalse(MADE.exists())

    def test_what_it_executes_goes_on(self):
        """It is another program, and fails in nothing."""
        run = self.run_with((f"error={errno.EDQUOT}", 0, "1:mkdir"), "/usr/bin/env", "mkdir", MADE)
        self.assertEqual((run.returncode, self.report, MADE.is_dir()), (0, [], True), run.stderr)
