#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""starts.py BUILD [ROUNDS]: how long a `start` takes until the container's program begins, by the real runc and crun: alone, behind W, and behind
aa-shim, which leaves somebody behind who compares that program before its first instruction. BUILD: a build directory that has all of them.
All rows in turn; medians and quartiles of each round's ratio to the runtime alone. Needs root; nothing outlives its mount namespace.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from statistics import median, quantiles

sys.dont_write_bytecode = True
sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent / "process")]

# pylint: disable=wrong-import-position
import bundle as bundles
import run as namespace

WORK = Path("/mnt/aa-bench")
RUNTIMES = ("runc", "crun")
CATALOG = {
    "confinements": {"bench": {"unconfined": True, "capabilities": ["CHOWN", "KILL"], "noNewPrivileges": True}},
    "otherwise": "bench",
    "withoutAppArmor": "capabilities-only",
}
PATIENCE = 10  # seconds


class Row:
    """A program that is called in place of RUNTIME."""

    def __init__(self, label, runtime, program):
        self.label, self.runtime, self.program = label, runtime, str(program)
        self.bundle = WORK / label.replace(" ", "-") / "bundle"
        root = self.bundle / "rootfs"
        for name in ("proc", "dev"):
            (root / name).mkdir(parents=True)
        shutil.copy(WORK / "first", root / "first")
        self.root = str(self.bundle.parent / "state")
        self.began = root / "began"
        self.nanoseconds = []

    def call(self, *words):
        """Without a pipe that the container would keep open."""
        action = [(os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_RDWR, 0) for fd in range(3)]
        child = os.posix_spawn(self.program, [self.program, "--root", self.root, *words], os.environ, file_actions=action)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def measure(self):
        document = bundles.config(process=bundles.process(("/first",)))
        document["linux"]["cgroupsPath"] = f"/aa-bench-{os.getpid()}-{self.bundle.parent.name}"
        (self.bundle / "config.json").write_bytes(bundles.encode(document))
        self.began.unlink(missing_ok=True)
        if self.call("create", "--bundle", str(self.bundle), "c1") != 0:
            sys.exit(f"{self.label}: create failed")
        begun = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        if self.call("start", "c1") != 0:
            sys.exit(f"{self.label}: start failed")
        end = time.monotonic() + PATIENCE
        while not (self.began.exists() and self.began.read_text().endswith("\n")):
            if time.monotonic() > end:
                sys.exit(f"{self.label}: the program has not begun")
            time.sleep(0.001)
        self.nanoseconds.append(int(self.began.read_text()) - begun)
        while self.call("delete", "c1") != 0:
            time.sleep(0.001)


def prepare(build):
    """The programs and the catalog; the rows of each runtime."""
    (WORK / "bin").mkdir(parents=True)
    Path("/etc/aa-shim/catalog.d").mkdir(parents=True, exist_ok=True)
    Path("/etc/aa-shim/catalog.d/10-bench.json").write_text(json.dumps(CATALOG))
    shutil.copy(build / "tests/bench/bench_first", WORK / "first")
    subprocess.run([build / "ctl/aa-shimctl", "load"], check=True, stdout=subprocess.DEVNULL)
    return {runtime: (Row(f"{runtime} alone", runtime, shutil.which(runtime)), Row(f"W and {runtime}", runtime, build / "tests/bench/bench_wrapper"),
                      Row(f"aa-shim and {runtime}", runtime, build / "shim/aa-shim")) for runtime in RUNTIMES if shutil.which(runtime)}


def main():
    if not 2 <= len(sys.argv) <= 3:
        sys.exit(__doc__)
    if namespace.INSIDE not in os.environ:
        namespace.enter_namespace()
    namespace.prepare_host()
    build, rounds = Path(sys.argv[1]).resolve(), int(sys.argv[2]) if len(sys.argv) > 2 else 100
    for runtime, rows in prepare(build).items():
        for link in (Path("/etc/aa-shim/runtime"), WORK / "bin/runc"):  # W knows the latter
            link.unlink(missing_ok=True)
            link.symlink_to(shutil.which(runtime))
        for number in range(rounds):
            for row in rows[number % len(rows):] + rows[:number % len(rows)]:
                row.measure()
        for row in rows:
            ratios = [mine / alone for mine, alone in zip(row.nanoseconds, rows[0].nanoseconds, strict=True)]
            low, _, high = quantiles(ratios, n=4)
            print(f"{row.label:20} {median(row.nanoseconds) / 1e6:7.2f} ms  {median(ratios):.3f} ({low:.3f}-{high:.3f})")


if __name__ == "__main__":
    main()
