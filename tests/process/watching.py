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
PATIENCE = 10  # in which a program must obey
BOUNDED = "setpriv --no-new-privs --bounding-set -all,+chown,+kill,+net_bind_service,+setgid,+setuid"
# aa-shim may trace nobody then: it looks at a container after its start.
UNTRACED = {"preexec_fn": harness.deny_tracing}
# As a runtime's start does: it lets the first process go on, and is gone.
LETS_GO = '#!/bin/sh\nrm -f "$2/$4/exec.fifo"\n'


def watchers():
    """The processes that execute aa-shim, in the mount namespace of this test program."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            is_ours = os.readlink(process / "ns/mnt") == os.readlink("/proc/self/ns/mnt")
            if is_ours and os.readlink(process / "exe") == str(harness.SHIM):
                found.append(int(process.name))
        except OSError:
            pass
    return found


def await_end_of_watch(seconds):
    """Whether nobody watches any more within SECONDS."""
    end = time.monotonic() + seconds
    while watchers():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


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
        """A process that executes SCRIPT, as a container's init that the runtime has made and that waits for its start."""
        process = subprocess.Popen(
            ["sh", "-c", script], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            preexec_fn=harness.filter_system_calls,
        )
        self.addCleanup(process.wait)
        self.addCleanup(self.end_session, process.pid)
        return process

    def end_session(self, pid):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)

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
