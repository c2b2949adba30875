# SPDX-License-Identifier: Apache-2.0
"""As test_faults, for what traces: who watches an exec or a run has the runtime and the container's process traced, which an injector that traces
cannot follow. So the kernel asks a supervisor about each call (supervise.c), before the real runtimes.

Whatever call fails there, whenever one of them is killed: no program runs in a container that differs from its decision, unless it was said that it
could not be traced; one that obeys runs as it would, or is ended, and that is told; nobody is left traced, stopped or waiting, and who ran in the
container before runs on."""

import json
import os
import subprocess
import time
from pathlib import Path

import faults
import harness
import observing
import real_runtime
import test_faults
import watching

FORKS = ("clone", "clone3", "fork", "vfork")
SAMPLE = 8  # faults of each way, where not all are tried
# What the runtime is given in place of what it is to be given: a capability more.
MORE = 'for word; do shift; set -- "$@" "$word"; [ "$word" != exec ] || set -- "$@" --cap CAP_SYS_ADMIN; done'
SEEN = ("CapBnd", "CapEff", "CapPrm", "CapInh", "CapAmb", "NoNewPrivs", "Seccomp", "Seccomp_filters", "TracerPid")


def processes_of(init):
    """Those of the container of the process INIT."""
    space, found = os.readlink(f"/proc/{init}/ns/pid"), []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(process / "ns/pid") == space:
                found.append(int(process.name))
        except OSError:
            pass  # it has ended
    return found


class Traced(real_runtime.RealRuntime):
    """A test of one call, made anew for each fault."""

    container = f"traced-{os.getpid()}"
    another = f"another-{os.getpid()}"

    def setUp(self):
        super().setUp()
        self.records = self.listen_as_journald(0)
        self.start()
        self.init = json.loads(self.runtime_call("state", self.container).stdout)["pid"]
        self.status_of_program(self.init)
        self.began = harness.start_time(self.init)

    def told(self):
        """What the journal has been given since it was asked last."""
        return "".join(self.read_all(self.records))

    def call(self, *words):
        self.told()
        self.mismatches = self.counters()["mismatches"]
        run = self.runtime_call(*self.again(), prefix=faults.supervised(*words))
        self.report = faults.await_report(harness.TIMEOUT)  # nobody is left then who was made meanwhile
        self.journal = self.told()
        return run

    def chosen_faults(self):
        calls = faults.listed()
        self.seizing = next(call for process, call, name in calls if (process, name) == (2, "ptrace"))
        first = next(place for place, (process, _, name) in enumerate(calls) if process == 0 and name in FORKS)
        every = [fault for call in faults.sites(calls[first:]) for fault in faults.supervised_faults_of(*call)]
        return every if test_faults.Faults.exhaustive else every[:: -(-len(every) // SAMPLE)]

    def check(self, obeys):
        expected = self.call("list")
        self.expected = self.seen(expected)
        self.assertEqual((expected.code == 0, self.expected is not None), (obeys, obeys), expected.message)
        self.files, self.mounted = faults.files_below(harness.RUN), faults.mounts()
        came = 0
        for fault in self.chosen_faults():
            with self.subTest(str(fault), obeys=obeys):
                run = self.call(*fault.words)
                came += self.report == ["done"]
                self.assert_safe(fault, run, obeys)
                self.assert_nothing_left()
        self.assertGreater(came, 0)

    def seen(self, run):
        """What the program saw of itself; None if it did not run."""
        status = real_runtime.status_of(run.stdout.decode())
        return {name: status.get(name) for name in SEEN} if status else None

    def assert_safe(self, fault, run, obeys):
        seen = self.seen(run)
        if seen is None:
            self.assertNotEqual(run.code, 0)
            self.assertTrue(fault.kills or self.is_told(run), (run.code, run.message, self.journal))
        elif not obeys:
            self.assert_unseen(fault)
        else:
            self.assertEqual(seen, self.expected)

    def assert_unseen(self, fault):
        """It is said that the program was not compared before it began."""
        self.assertIn("REASON=untraced", self.journal)

    def is_told(self, run):
        """That the program did not run: to who called, to the journal, or, where that was not to be had, by the counters."""
        in_journal = "REASON=mismatch" in self.journal or "REASON=unwatched" in self.journal
        return "aa-shim" in run.message or in_journal or self.counters()["mismatches"] > self.mismatches

    def assert_nothing_left(self):
        self.assertEqual(watching.watchers(), [])
        self.assert_alone()
        status = real_runtime.status_of(Path(f"/proc/{self.init}/status").read_text())
        self.assertEqual((status["TracerPid"], status["State"][0], harness.start_time(self.init)), ("0", "S", self.began))
        self.assertEqual((faults.files_below(harness.RUN), faults.mounts()), (self.files, self.mounted))

    def assert_alone(self):
        """The first process is all that the container has, once who was killed is gone."""
        end = time.monotonic() + harness.TIMEOUT
        while processes_of(self.init) != [self.init]:
            self.assertLess(time.monotonic(), end, "a process is left in the container")
            time.sleep(0.005)


class TracedExec(Traced):
    def again(self):
        return ("exec", self.container, "/bin/cat", "/proc/self/status")

    def test_one_that_obeys(self):
        self.check(obeys=True)

    def test_one_that_differs(self):
        self.runtime_that_first(MORE, "exec")
        self.check(obeys=False)


class TracedRun(Traced):
    def setUp(self):
        super().setUp()
        self.directory = self.bundle_for("exec cat /proc/self/status", name="run")
        self.config = (self.directory / "config.json").read_bytes()
        self.addCleanup(self.delete)

    def delete(self):
        subprocess.run([self.runtime_file, "--root", self.root, "delete", "--force", self.another], stderr=subprocess.DEVNULL, check=False)

    def again(self):
        self.delete()
        (self.directory / "config.json").write_bytes(self.config)
        return ("run", "--bundle", self.directory, self.another)

    def test_one_that_obeys(self):
        self.check(obeys=True)

    def test_one_that_differs(self):
        self.runtime_that_first(f"sed -i 's/\"CAP_CHOWN\"/\"CAP_SYS_ADMIN\"/g' {self.directory}/config.json", "run")
        self.check(obeys=False)

    def assert_unseen(self, fault):
        """Where the runtime may not be traced, its state tells of the process, be it too late."""
        super().assert_unseen(fault)
        self.assertEqual((fault.name, fault.call, self.report), ("ptrace", self.seizing, ["done"]))


class ExecByRunc(real_runtime.Runc, TracedExec, observing.ObservingTest):
    """Its many threads are traced, too."""


class ExecByCrun(real_runtime.Crun, TracedExec, observing.ObservingTest):
    """It enters the container by forks."""


class RunByRunc(real_runtime.Runc, TracedRun, observing.ObservingTest):
    """Of a container that did not wait for its start."""


class RunByCrun(real_runtime.Crun, TracedRun, observing.ObservingTest):
    """Likewise."""
