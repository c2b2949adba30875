# SPDX-License-Identifier: Apache-2.0
"""restore by the real runc and CRIU: what comes out of a checkpoint is compared while CRIU holds it."""

import json
import os
import subprocess
import time
from pathlib import Path

import bundle as bundles
import harness
import real_runtime
import watching

# It counts for as long as it runs, and so does one that it has made.
COUNTS = "(while :; do echo child >> /mark; sleep 0.02; done) & while :; do echo init >> /mark; sleep 0.02; done"


class Restored(real_runtime.Runc, real_runtime.RealRuntime, harness.ShimTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        tools = harness.policy_tools("criu")
        cls.criu = tools and tools / "sid/criu"

    def setUp(self):
        if self.criu is None:
            self.skipTest("Debian's CRIU cannot be had")
        done = subprocess.run([self.criu, "check"], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            self.skipTest(f"CRIU does not work with this kernel: {done.stderr.strip().splitlines()[-1]}")
        super().setUp()
        self.images = harness.WORK / "images"

    def call(self, *words, program=harness.SHIM):
        """A call with pipes of which CRIU knows what to make; its status and what was said until it ended."""
        with subprocess.Popen([program, "--root", self.root, "--criu", self.criu, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT) as process:
            process.wait(harness.TIMEOUT)
            os.set_blocking(process.stdout.fileno(), False)
            self.addCleanup(os.close, os.dup(process.stdout.fileno()))  # who writes there goes on
            return process.returncode, (process.stdout.read() or b"").decode()

    def checked(self, *words, program=harness.SHIM):
        status, said = self.call(*words, program=program)
        self.assertEqual(status, 0, said)

    def checkpoint(self, made_by):
        """A checkpoint of a container that counts, made by aa-shim or by the runtime alone; its bundle and where it counts."""
        directory = self.bundle_for(COUNTS)
        document = json.loads((directory / "config.json").read_bytes())
        document["linux"]["namespaces"] = [space for space in document["linux"]["namespaces"] if space["type"] != "network"]
        given = harness.WORK / "given"
        given.mkdir()
        document["mounts"].append({"destination": "/tmp", "type": "bind", "source": str(given), "options": ["bind", "rw"]})
        (directory / "config.json").write_bytes(bundles.encode(document))
        self.addCleanup(self.call, "delete", "--force", "c1", program=self.runtime_file)
        self.checked("run", "--detach", "--bundle", directory, "c1", program=made_by)
        self.assertTrue(watching.await_end_of_watch(watching.TIMELY))
        mark = directory / "rootfs/mark"
        self.await_counts(mark)
        self.checked("checkpoint", "--image-path", self.images, "--work-path", harness.WORK / "work", "c1", program=self.runtime_file)
        mark.unlink()
        (directory / "config.json").write_bytes(bundles.encode(document))
        return directory, mark

    def await_counts(self, mark):
        end = time.monotonic() + harness.TIMEOUT
        while not mark.exists() or set(mark.read_text().split()) != {"init", "child"}:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.02)

    def restore(self, directory):
        journal = self.listen_as_journald(0.1)
        words = ("restore", "--detach", "--image-path", self.images, "--work-path", harness.WORK / "work", "--bundle", directory, "c1")
        status, said = self.call(*words)
        self.assertTrue(watching.await_end_of_watch(watching.TIMELY))
        return status, said, self.read_all(journal)

    def ended(self, records):
        return [line for record in records for line in record.splitlines() if "was ended" in line]

    def init(self):
        return json.loads(subprocess.run([self.runtime_file, "--root", self.root, "state", "c1"], capture_output=True, check=True).stdout)["pid"]

    def test_one_that_obeys_runs_on(self):
        directory, mark = self.checkpoint(harness.SHIM)
        status, said, records = self.restore(directory)
        self.assertEqual((status, self.ended(records)), (0, []), said)
        self.await_counts(mark)
        status = real_runtime.status_of(Path(f"/proc/{self.init()}/status").read_text())
        self.assert_kernel_agrees(status)
        self.assertEqual(status["TracerPid"], "0")

    def test_one_that_does_not_has_done_nothing(self):
        """It was made without aa-shim: it has the capabilities that its engine asked for, and no filter."""
        directory, mark = self.checkpoint(self.runtime_file)
        status, said, records = self.restore(directory)
        self.assertEqual(status, 0, said)  # as of a start
        (ended,) = self.ended(records)
        self.assertRegex(ended, "^MESSAGE=container 'c1' was ended: before it ran on, ")
        time.sleep(0.3)
        self.assertFalse(mark.exists())
        self.assertEqual(self.call("delete", "--force", "c1"), (0, ""))
        self.assertEqual([line for line in Path("/proc/self/mountinfo").read_text().splitlines() if f" {harness.WORK}/" in line], [])
