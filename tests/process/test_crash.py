# SPDX-License-Identifier: Apache-2.0
"""A create that is killed, or whose system calls fail, at every point that there is.

strace(1) does it: for each system call of a successful create, once more with a SIGKILL in its place, and once more for
each error that it could return.
"""

import collections
import json
import shutil
import subprocess

import bundle as bundles
import harness

# Calls that make files, and what they fail with on a full or broken disk.
WRITING = {
    "write": "ENOSPC",
    "writev": "ENOSPC",
    "pwrite64": "ENOSPC",
    "pwritev": "ENOSPC",
    "pwritev2": "ENOSPC",
    "openat": "ENOSPC",
    "openat2": "ENOSPC",
    "open": "ENOSPC",
    "fsync": "EIO",
    "fdatasync": "EIO",
    "fchown": "EPERM",
    "fchmod": "EPERM",
    "rename": "EIO",
    "renameat": "EIO",
    "renameat2": "EIO",
    "linkat": "EIO",
    "ftruncate": "ENOSPC",
    "fallocate": "ENOSPC",
}


def strace_works():
    return shutil.which("strace") and subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"], check=False).returncode == 0


class Crash(harness.ShimTest):
    def setUp(self):
        if not strace_works():
            self.skipTest("crash tests need strace(1) and ptrace(2)")
        super().setUp()
        self.load_catalog()
        self.original = bundles.docker_like()
        self.trace = harness.WORK / "trace"
        self.calls = self.calls_of_a_create()

    def calls_of_a_create(self):
        """How often a successful create makes each system call, until the runtime is there."""
        directory = self.make_bundle(self.original, "counted")
        run = self.create(directory, prefix=("strace", "-qq", "-o", self.trace))
        self.assertEqual(run.code, 0, run.message)
        names = [line.split("(", 1)[0] for line in self.trace.read_text().splitlines() if "(" in line]
        first, second = (number for number, name in enumerate(names) if name == "execve")
        self.expected = (directory / "config.json").read_bytes()
        return collections.Counter(names[first + 1 : second + 1])

    def inject(self, what, name, count):
        """A create of a fresh bundle with WHAT in the place of the COUNT-th call of NAME."""
        directory = harness.WORK / "bundle"
        shutil.rmtree(directory, ignore_errors=True)
        self.make_bundle(self.original)
        prefix = ("strace", "-qq", "-o", self.trace, "-e", f"trace={name}", "-e", f"inject={name}:{what}:when={count}")
        return directory, self.create(directory, prefix=prefix)

    def every_call(self):
        for name, total in sorted(self.calls.items()):
            for count in range(1, total + 1):
                yield name, count

    def assert_old_or_new(self, directory):
        content = (directory / "config.json").read_bytes()
        if content != self.original:
            self.assert_complete(content)

    def assert_complete(self, content):
        """CONTENT is a whole config.json that obeys; its decision id is its own."""
        document = json.loads(content)
        self.assert_confined(document["process"])
        self.assertEqual(len(content), len(self.expected))

    def test_rewriting_is_traced(self):
        """Guards the tests below: they must see the calls that they are about."""
        self.assertTrue({"rename", "renameat", "renameat2"} & set(self.calls), self.calls)
        self.assertGreater(sum(self.calls.values()), 20)

    def test_killed_anywhere(self):
        for name, count in self.every_call():
            with self.subTest(call=name, count=count):
                directory, run = self.inject("signal=KILL", name, count)
                self.assertNotEqual(run.code, 0)
                self.assertIsNone(run.record)
                self.assert_old_or_new(directory)
                again = self.create(directory)
                self.assert_forwarded(again, "create", "--bundle", directory, "c1")
                self.assert_complete(again.record.config)

    def test_failing_anywhere(self):
        """Whatever fails, the runtime never sees the old config.json, and a refusal leaves nothing behind."""
        for name, count in self.every_call():
            if name not in WRITING:
                continue
            with self.subTest(call=name, count=count):
                directory, run = self.inject(f"error={WRITING[name]}", name, count)
                if run.record is not None:
                    self.assert_complete(run.record.config)
                else:
                    self.assertEqual(run.code, 1, run.message)
                self.assert_old_or_new(directory)
                self.assertEqual([path.name for path in directory.iterdir()], ["config.json"])
