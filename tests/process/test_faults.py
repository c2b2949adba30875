# SPDX-License-Identifier: Apache-2.0
"""Whatever system call fails, whatever comes back short, whenever aa-shim is killed: the runtime is reached with all of the decision or not
at all, no file is torn, nothing is left, and who called is told.

Each call is hit by one fault, and every third by a kill; test_faults_all has each call hit by all that can happen to it."""

import json
import os
import re
import shutil
import signal
import time
from pathlib import Path

import bundle as bundles
import faults
import harness
from test_exec import RunningContainer
from test_exec_status import PID_FILE, STATUS, StatusTest
from watching import watchers

LOG = harness.WORK / "log"
LOG_WORDS = ("--log", LOG, "--log-format", "json")
TEMPORARY = re.compile(r"\.(config\.json|key)\.aa-shim\.\d+$")
# What libc does before main(), and leaves it no way to tell.
FIRST_OF_OURS = "readlink"


def undated(document):
    """DOCUMENT (bytes) without what is new each time."""
    members = json.loads(document)
    for name in ("aa-shim/decision", "aa-shim/digest"):
        members.get("annotations", {}).pop(name, None)
    return members


def unnumbered(argv):
    """ARGV without the number of a memory file, which is another one where a descriptor could not be closed."""
    return [re.sub(r"^/proc/self/fd/\d+$", "/proc/self/fd/N", word) for word in argv]


class Faults(harness.ShimTest):
    """A test of one call of aa-shim, made anew for each fault: again() makes the host what it is before, and tells the arguments."""

    exhaustive = False
    refused_code = 1

    def setUp(self):
        super().setUp()
        self.records = self.listen_as_journald(0)

    def read_journal(self):
        return self.read_all(self.records)

    def call(self, *words):
        arguments = self.again()
        LOG.unlink(missing_ok=True)
        self.read_journal()
        return self.shim(*LOG_WORDS, *arguments, prefix=faults.prefix(*words))

    def learn(self):
        """The calls of one without fault."""
        self.expected = self.call("list")
        self.assert_expected()
        calls = faults.listed()
        self.files, self.mounted = [name for name in faults.files_below(harness.RUN) if name != "key"], faults.mounts()
        self.begin = [name for process, _, name in calls if process == 0].index(FIRST_OF_OURS, 12) + 1
        return calls

    def assert_expected(self):
        self.assertEqual(self.expected.code, 0, self.expected.message)
        self.assertIsNotNone(self.expected.record)

    def chosen_faults(self):
        for count, call in enumerate(self.learn()):
            every = faults.faults_of(*call)
            if self.exhaustive:
                yield from every
                continue
            failing = [fault for fault in every if not fault.kills]
            if failing:
                yield failing[count % len(failing)]
            if count % 3 == 0:
                yield every[-len(faults.DEADLY) + count // 3 % len(faults.DEADLY)]

    def check(self):
        for fault in self.chosen_faults():
            with self.subTest(str(fault)):
                run = self.call(*fault.words)
                self.assert_safe(fault, run)
                self.assert_goes_on()

    def assert_safe(self, fault, run):
        if run.record is None:
            self.assert_stopped(fault, run)
        else:
            self.assert_reached(run)
        self.assert_nothing_left(fault)

    def assert_reached(self, run):
        """The runtime was given all that it is given without a fault."""
        self.assertEqual(run.code, 0, run.message)
        self.assertEqual(unnumbered(run.record.argv), unnumbered(self.expected.record.argv))
        self.assertEqual(len(run.record.fds), len(self.expected.record.fds))
        for got, want in ((run.record.config, self.expected.record.config), (run.record.process, self.expected.record.process)):
            self.assertEqual(got and undated(got), want and undated(want))

    def assert_stopped(self, fault, run):
        """It ended as one that failed, and told so wherever it could."""
        self.assertNotEqual(run.code, 0)
        if fault.kills and fault.process == 0:
            return self.assertLess(run.code, 0)
        if fault.process == 0 and fault.call < self.begin:
            return None
        if fault.kills and run.code == -signal.SIGKILL:
            return None  # by the kernel, as who was killed had seized it already (PTRACE_O_EXITKILL)
        self.assertEqual(run.code, self.refused_code, run.message)
        self.assertEqual(run.stdout, b"")
        logged = LOG.read_text() if LOG.exists() else ""
        self.assertIn(run.message.rstrip("\n"), [json.loads(line)["msg"] for line in logged.splitlines()])
        self.assertEqual(run.message.count("\n"), 1, run.message)
        return None

    def assert_nothing_left(self, fault):
        end = time.monotonic() + 5
        while watchers():
            self.assertLess(time.monotonic(), end, "a process is left")
            time.sleep(0.005)
        self.assertEqual(faults.mounts(), self.mounted)
        left = [name for name in faults.files_below(harness.RUN) if name != "key" and not (fault.kills and TEMPORARY.search(name))]
        self.assertEqual(left, self.files)

    def assert_goes_on(self):
        """The same call again does its work, and so does what cleans up."""
        again = self.shim(*LOG_WORDS, *self.again(kept=True))
        self.assertIsNotNone(again.record, again.message)
        self.assert_reached(again)
        self.assertIsNotNone(self.shim("delete", "--force", "c1").record)


class Starts(Faults):
    command = ()

    def setUp(self):
        super().setUp()
        self.load_catalog()
        document = json.loads(bundles.docker_like())
        document["linux"]["devices"] = [{"type": "c", "path": "/dev/null", "major": 1, "minor": 3}]
        self.original = bundles.encode(document)

    def again(self, kept=False):
        directory = harness.WORK / "bundle"
        if not kept:
            shutil.rmtree(directory, ignore_errors=True)
            self.make_bundle(self.original)
            (directory / "rootfs").mkdir()
        return (*self.command, "--bundle", directory, "c1")

    def assert_nothing_left(self, fault):
        super().assert_nothing_left(fault)
        directory = harness.WORK / "bundle"
        content = (directory / "config.json").read_bytes()
        if content != self.original:
            self.assertEqual(undated(content), undated(self.expected.record.config))
        left = {path.name for path in directory.iterdir()} - {"config.json", "rootfs"}
        self.assertEqual([name for name in left if not (fault.kills and TEMPORARY.search(name))], [])


class Create(Starts):
    command = ("create",)

    def test_create(self):
        self.check()


class CreateWithoutKey(Starts):
    """The first after a boot."""

    command = ("create",)

    def again(self, kept=False):
        if not kept:
            for left in (*harness.RUN.glob(".key.*"), harness.RUN / "key"):
                left.unlink(missing_ok=True)
        return super().again(kept)

    def test_create(self):
        self.check()


class Run(Starts):
    command = ("run", "--detach")

    def test_run(self):
        self.check()


class Restore(Starts):
    command = ("restore", "--image-path", "/nowhere", "--detach")

    def test_restore(self):
        self.check()


class Exec(RunningContainer, Faults):
    refused_code = 255

    def again(self, kept=False):
        return ("--root", self.state, "exec", "--process", self.write_process(), "--detach", "c1")

    def test_exec(self):
        self.check()


class ExecOfWords(RunningContainer, Faults):
    refused_code = 255

    def again(self, kept=False):
        return ("--root", self.state, "exec", "--detach", "c1", "/bin/true", "x")

    def test_exec(self):
        self.check()


class DeniedExec(StatusTest, Faults):
    """What the operator denies is never reached, and is told as a status or as an error."""

    refused_code = 255

    def again(self, kept=False):
        PID_FILE.unlink(missing_ok=True)
        path = self.write_process(args=("tail", "/etc/passwd"))
        return ("--root", self.state, "exec", "--process", path, "--detach", "--pid-file", PID_FILE, "c1")

    def assert_expected(self):
        self.assertEqual((self.expected.code, self.expected.record), (0, None), self.expected.message)
        self.assertEqual(self.reap(), STATUS)

    def assert_safe(self, fault, run):
        self.assertIsNone(run.record)
        if run.code == 0:
            # It may be killed for the fault, too: in seccomp's strict mode a call that is not made is one that is not allowed.
            self.assertIn(self.reap(), {STATUS} if fault.process == 0 else {STATUS, -signal.SIGKILL, -signal.SIGTERM})
        else:
            self.assert_stopped(fault, run)
        while Path(f"/proc/self/task/{os.getpid()}/children").read_text().split() != [str(self.init)]:
            os.waitpid(-1, os.WNOHANG)  # those that the killed have left to us
        self.assert_nothing_left(fault)

    def assert_goes_on(self):
        self.assertIsNotNone(self.shim("delete", "--force", "c1").record)

    def test_denied_exec(self):
        self.check()
