# SPDX-License-Identifier: Apache-2.0
"""Runs the rows of scripts/bench, and what comes of it."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from statistics import median, quantiles

from host import ENVIRONMENT, WORK


@dataclass(frozen=True)
class Measurement:
    microseconds: tuple  # of each round
    peak: int  # kilobytes

    def ratios(self, base):
        """This row's time to BASE's, round by round: what else the machine does hits neighbours alike."""
        return [mine / others for mine, others in zip(self.microseconds, base.microseconds, strict=True)]

    def ratio(self, base):
        """The median of those, and its quartiles."""
        ratios = self.ratios(base)
        low, _, high = quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
        return median(ratios), low, high

    def percentile(self, percent):
        ordered = sorted(self.microseconds)
        return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def is_runnable(row):
    return (WORK / row.command[0]).exists()


def measure(programs, rows, rounds, alone):
    """Label → Measurement, all ROWS in turn."""
    files = []
    # Go's threads wait for each other by yielding, which does not end on one processor under a real-time scheduler.
    for number, row in enumerate(row for row in rows if is_runnable(row) and not (alone and row.command[0] == "decoder")):
        file = WORK / f"row-{number}"
        copies = (f"@{source} {target}" for source, target in row.copies)
        file.write_text("\n".join([row.label, *copies, str(WORK / row.command[0]), *row.command[1:]]) + "\n")
        files.append(file)
    spawn = [programs / "tests" / "bench" / "bench_spawn", str(rounds), *files]
    if alone:
        spawn = ["taskset", "--cpu-list", str(max(os.sched_getaffinity(0))), "chrt", "--fifo", "10", *spawn]
    output = subprocess.run(spawn, check=True, capture_output=True, text=True, env=ENVIRONMENT).stdout
    lines = (line.split("\t") for line in output.splitlines())
    return {label: Measurement(tuple(map(float, runs)), int(peak)) for label, peak, *runs in lines}


def instructions(row):
    """User instructions from the start of ROW's program to its exec of the runtime; None without valgrind."""
    if not row.counted or not shutil.which("valgrind"):
        return None
    for source, target in row.copies:
        shutil.copy(source, target)
    out = WORK / "callgrind"
    valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--dump-before=execve"]
    subprocess.run([*valgrind, WORK / row.command[0], *row.command[1:]], check=True, capture_output=True, env=ENVIRONMENT)
    dump = WORK / "callgrind.1"
    found = re.search(r"^(?:totals|summary): (\d+)", dump.read_text(), re.MULTILINE) if dump.exists() else None
    dump.unlink(missing_ok=True)
    return int(found[1]) if found else None
