# SPDX-License-Identifier: Apache-2.0
"""Containers that were created, of which a test makes the runtime and the first process; and who watches their start."""

import contextlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import harness

TIMELY = 3.0  # seconds in which something that is done at once is done, on a busy machine
PATIENCE = 10  # in which a process must obey of which nobody knows whether it has begun its program
INIT = harness.FAKE.parent / "container_init"
BOUNDED = ("bound", "no-new-privileges")  # its steps to what the test catalog asks for
SLEEPS = ("exec", "/bin/sleep", "1000")
# aa-shim may trace nobody then: it looks at a container after its start.
UNTRACED = {"preexec_fn": harness.deny_tracing}
# As a runtime's start does: it lets the first process go on, and is gone.
LETS_GO = '#!/bin/sh\nrm -f "$2/$4/exec.fifo"\n'


def executing(program):
    """The processes that execute PROGRAM, in the mount namespace of this test program."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            is_ours = os.readlink(process / "ns/mnt") == os.readlink("/proc/self/ns/mnt")
            if is_ours and os.readlink(process / "exe") == str(program):
                found.append(int(process.name))
        except OSError:
            pass
    return found


def watchers():
    return executing(harness.SHIM)


def await_end_of(program, seconds):
    """Whether nobody executes PROGRAM any more within SECONDS."""
    end = time.monotonic() + seconds
    while executing(program):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def await_end_of_watch(seconds):
    return await_end_of(harness.SHIM, seconds)


class WatchTest(harness.ShimTest):
    def setUp(self):
        super().setUp()
        self.load_catalog()
        self.assertEqual(watchers(), [])
        self.addCleanup(lambda: [os.kill(pid, signal.SIGKILL) for pid in watchers()])
        self.bundle = self.make_bundle()
        self.create(self.bundle)

    def runtime_that(self, script):
        self.runtime.write_text(script)

    def first_process(self, script):
        """A process that executes SCRIPT, of a shell or steps of INIT, as a container's init that the runtime has made and that waits for its start."""
        command = ["sh", "-c", script] if isinstance(script, str) else [str(word) for word in (INIT, *script)]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            preexec_fn=harness.filter_system_calls,
        )
        self.addCleanup(process.wait)
        self.addCleanup(self.end_session, process.pid)
        return process

    def end_session(self, pid):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)

    def await_file(self, path):
        """Waits until something was written to PATH."""
        end = time.monotonic() + TIMELY
        while not (path.exists() and path.stat().st_size):
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)

    def created(self, script, waits=True, changes=None):
        """A container that was created, with such a first process."""
        process = self.first_process(script)
        annotations = json.loads((self.bundle / "config.json").read_bytes())["annotations"] | (changes or {})
        self.state = self.make_runc_state(process.pid, self.bundle, annotations=annotations.items())
        if waits:
            os.mkfifo(self.state / "c1" / "exec.fifo")
        self.runtime_that(LETS_GO)
        return process

    def start(self, **options):
        return self.shim("--root", self.state, "start", "c1", **(options or UNTRACED))
