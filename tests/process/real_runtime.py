# SPDX-License-Identifier: Apache-2.0
"""The real runc and crun behind aa-shim, for tests that are made once per runtime."""

import shutil
import subprocess
import time
import tempfile
from pathlib import Path

import bundle as bundles
import harness

KERNEL_SETS = {"CapBnd": "bounding", "CapEff": "effective", "CapPrm": "permitted", "CapInh": "inheritable", "CapAmb": "ambient"}
NUMBERS = {"CAP_CHOWN": 0, "CAP_KILL": 5, "CAP_SETGID": 6, "CAP_SETUID": 7, "CAP_NET_BIND_SERVICE": 10}
CEILING_MASK = sum(1 << NUMBERS[name] for name in harness.CEILING_NAMES)

# Prints the process's own status.
PROBE = "cat /proc/self/status"


def tree_of(program):
    """PROGRAM and the libraries that it is linked with."""
    files = [program]
    listing = subprocess.run(["ldd", program], capture_output=True, text=True, check=False)
    files += [word for word in listing.stdout.split() if word.startswith("/")]
    return files


def make_rootfs(directory):
    """A root file system with a busybox and nothing else."""
    for name in ("bin", "proc", "dev", "tmp"):
        (directory / name).mkdir(parents=True)
    for file in tree_of(shutil.which("busybox")):
        target = directory / file.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    if not (directory / "bin" / "busybox").exists():
        shutil.copy(shutil.which("busybox"), directory / "bin" / "busybox")
    for applet in ("sh", "cat", "chown", "ln", "mknod", "rm", "sleep", "true"):
        (directory / "bin" / applet).symlink_to("busybox")


def status_of(text):
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


class RealRuntime:
    """A test program, before one of them."""

    runtime_file = ""
    container = "c1"  # what start() starts; also the name of its control group, in which others of that name are killed with it

    def setUp(self):
        if not self.runtime_file or not Path(self.runtime_file).exists():
            self.skipTest(f"{self.runtime_name} is not installed")
        if not shutil.which("busybox"):
            self.skipTest("busybox is not installed")
        super().setUp()
        self.point_runtime_at(self.runtime_file)
        self.load_catalog()
        self.root = harness.WORK / "root"
        if not self.containers_work():
            self.skipTest(f"{self.runtime_name} starts no containers on this machine, with or without aa-shim: {self.trial.strip()}")

    def containers_work(self):
        directory = self.bundle_for("true", name="trial")
        result = subprocess.run(
            [self.runtime_file, "--root", harness.WORK / "trial-root", "run", "--bundle", directory, "trial"],
            capture_output=True, stdin=subprocess.DEVNULL, timeout=harness.TIMEOUT, check=False,
        )
        self.trial = result.stderr.decode()
        return result.returncode == 0

    def bundle_for(self, script, name="bundle", **members):
        document = bundles.config(process=bundles.process(("/bin/sh", "-c", script), **members))
        directory = self.make_bundle(document, name)
        make_rootfs(directory / "rootfs")
        return directory

    def runtime_call(self, *words, **options):
        return self.shim("--root", self.root, *words, **options)

    def assert_kernel_agrees(self, status):
        for field in KERNEL_SETS:
            self.assertEqual(int(status[field], 16) & ~CEILING_MASK, 0, field)
        self.assertEqual(int(status["CapBnd"], 16), CEILING_MASK)
        self.assertEqual(status["NoNewPrivs"], "1")
        self.assertEqual(status["Seccomp"], "2")

    def status_of_program(self, pid):
        """That of the process PID once it executes the container's program: `start` does not wait for that."""
        end = time.monotonic() + harness.TIMEOUT
        while True:
            status = status_of(Path(f"/proc/{pid}/status").read_text())
            if status["Name"] in ("sh", "sleep") or time.monotonic() > end:
                return status
            time.sleep(0.01)

    def start(self, script="sleep 1000", **members):
        directory = self.bundle_for(script, **members)
        run = self.runtime_call("run", "--detach", "--bundle", directory, self.container, stdout_to_null=True)
        self.assertEqual(run.code, 0, run.message)
        self.addCleanup(self.runtime_call, "delete", "--force", self.container)
        return directory

    def shim(self, *arguments, stdout_to_null=False, **options):
        """A detached container would keep the pipes of the test open."""
        if not stdout_to_null:
            return super().shim(*arguments, **options)
        with (harness.WORK / "output").open("w+b") as output:
            result = subprocess.run(
                [harness.SHIM, *map(str, arguments)],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, timeout=harness.TIMEOUT, check=False,
            )
        return harness.Run(result.returncode, b"", (harness.WORK / "output").read_bytes(), 0, None)

    def runtime_that_first(self, command, call="create"):
        """The runtime, behind somebody who does COMMAND between aa-shim's look at a CALL and the runtime's."""
        wrapper = Path(tempfile.mkdtemp(dir=harness.WORK)) / self.runtime_name
        wrapper.parent.chmod(0o755)
        wrapper.write_text(f'#!/bin/sh\ncase " $* " in *" {call} "*) {command} ;; esac\nexec {self.runtime_file} "$@"\n')
        wrapper.chmod(0o755)
        self.point_runtime_at(wrapper)


class Runc:
    """The first base of a RealRuntime: which one it is."""

    runtime_name = "runc"
    runtime_file = "/usr/sbin/runc" if Path("/usr/sbin/runc").exists() else "/usr/bin/runc"


class Crun:
    """Likewise."""

    runtime_name = "crun"
    runtime_file = "/usr/bin/crun"
