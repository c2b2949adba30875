# SPDX-License-Identifier: Apache-2.0
"""Programs of which one system call fails: what can go wrong with each call, and how a test has it go wrong (inject.c, supervise.c)."""

import errno
import os
import time
from dataclasses import dataclass
from pathlib import Path

import harness

INJECT, SUPERVISE = harness.FAKE.parent / "inject", harness.FAKE.parent / "supervise"
REPORT = harness.WORK / "report"

# What a call fails with on a machine that is out of something, or broken, or guarded by somebody else's policy.
OPENING = ("EACCES", "EMFILE", "ENOMEM", "EIO", "EINTR", "ENOSPC")
LOOKING = ("EACCES", "ENOMEM", "EIO")
READING, WRITING = ("EIO", "EINTR", "ENOMEM"), ("ENOSPC", "EIO", "EINTR")
MAKING, CHANGING = ("EACCES", "ENOSPC", "EIO"), ("EPERM", "EIO")
ERRORS = {
    "open": OPENING, "openat": OPENING, "openat2": (*OPENING, "ENOSYS"),
    "fstat": LOOKING, "stat": LOOKING, "lstat": LOOKING, "newfstatat": LOOKING, "statx": LOOKING, "statfs": LOOKING, "fstatfs": LOOKING,
    "readlink": LOOKING, "readlinkat": LOOKING, "access": LOOKING, "getdents64": ("EIO", "ENOMEM"),
    "read": READING, "pread64": READING, "write": WRITING, "writev": WRITING, "pwrite64": WRITING,
    "rename": MAKING, "renameat": MAKING, "renameat2": MAKING, "linkat": MAKING, "unlinkat": MAKING, "mkdirat": MAKING,
    "fchown": CHANGING, "fchmod": CHANGING, "fsync": ("EIO", "ENOSPC"), "ftruncate": ("EIO",),
    "brk": ("ENOMEM",), "mmap": ("ENOMEM", "EAGAIN", "EPERM"), "mprotect": ("ENOMEM", "EACCES"), "munmap": ("ENOMEM",),
    "close": ("EIO", "EINTR"), "fcntl": ("EMFILE", "EINVAL"), "dup2": ("EMFILE", "EINTR"), "pipe2": ("EMFILE", "ENFILE"),
    "memfd_create": ("EMFILE", "ENOMEM", "ENOSYS"), "getrandom": ("EAGAIN", "EINTR", "ENOSYS"), "close_range": ("ENOSYS", "EPERM"),
    "socket": ("EMFILE", "ENOMEM", "EACCES"), "sendto": ("EAGAIN", "EINTR", "ENOBUFS"), "connect": ("EAGAIN", "EACCES"),
    "clone": ("EAGAIN", "ENOMEM"), "clone3": ("EAGAIN", "ENOMEM"), "fork": ("EAGAIN", "ENOMEM"), "vfork": ("EAGAIN", "ENOMEM"),
    "wait4": ("EINTR",), "execve": ("ENOMEM", "EACCES", "ETXTBSY"),
    "ptrace": ("EPERM", "ESRCH"), "kill": ("EPERM",), "pidfd_open": ("EMFILE", "ENOMEM", "ENOSYS"), "poll": ("EINTR", "ENOMEM"),
    "ppoll": ("EINTR", "ENOMEM"), "prctl": ("EPERM", "EINVAL"), "flock": ("EINTR", "ENOLCK"),
    "tgkill": ("EPERM",),
}  # fmt: skip
OTHERS = ("EPERM", "ENOMEM")
HALVED = {"read", "pread64", "write", "writev", "getrandom"}
ENDED = {"read", "pread64", "getdents64"}  # by 0: it holds less than was thought
NEVER_FAIL = {"exit_group", "exit", "getpid", "getppid", "geteuid", "getegid", "rt_sigreturn"}
TO_OTHERS = {"kill", "pidfd_send_signal"}  # whom we trace already, we may kill
DEADLY = ("kill", "killed", "signal=15")


@dataclass(frozen=True)
class Fault:
    process: int
    call: int
    name: str
    what: str

    @property
    def kills(self):
        return self.what in DEADLY

    @property
    def words(self):
        """As prefix() takes it."""
        return self.what, self.process, f"{self.call}:{self.name}"

    def __str__(self):
        number = int(self.what[6:]) if self.what.startswith("error=") else 0
        return f"process {self.process}, call {self.call}, {self.name}: {errno.errorcode[number] if number else self.what}"


def _failing(name):
    """How a call NAME can fail."""
    if name in NEVER_FAIL:
        return []
    errors = [f"error={getattr(errno, error)}" for error in ERRORS.get(name, OTHERS)]
    return errors + ["short"] * (name in HALVED) + ["nothing"] * (name in ENDED)


def faults_of(process, call, name):
    """All that can go wrong with that call."""
    whats = [] if process > 0 and name in TO_OTHERS else _failing(name)
    return [Fault(process, call, name, what) for what in (*whats, *DEADLY)]


def supervised_faults_of(process, call, name):
    """Those of them that supervise.c knows. That who is traced is gone (ESRCH) is told of none that is still there."""
    gone = f"error={errno.ESRCH}" if name == "ptrace" else None
    failing = [fault for fault in faults_of(process, call, name) if fault.what.startswith("error=") or fault.what == "nothing"]
    kept = [fault for fault in failing if name not in ("brk", "close") and fault.what != gone]
    return [*kept, Fault(process, call, name, "kill")]


def sites(calls):
    """Of CALLS, the first of those that were made between the same two others by the same process."""
    seen, found = set(), []
    for before, at, behind in zip([None, *calls], calls, [*calls[1:], None]):
        key = tuple(near and (near[0], near[2]) for near in (before, at, behind))
        if key not in seen:
            seen.add(key)
            found.append(at)
    return found


def print_table():
    """A line for each call that has a row above, "-" for all others: its name and all that can go wrong; for where there is no Python."""
    for name in sorted({*ERRORS, *NEVER_FAIL, "-"}):
        print(name, *_failing(name), *DEADLY)


def prefix(*words):
    """What is put before a program so that WORDS happen to it."""
    return _prefix(INJECT, *words)


def supervised(*words):
    """The same for one that traces others."""
    return _prefix(SUPERVISE, *words)


def _prefix(program, *words):
    REPORT.unlink(missing_ok=True)
    return (program, REPORT, *map(str, words))


def listed():
    """The calls (process, number, name) that the last program made under prefix("list")."""
    lines = await_report(harness.TIMEOUT)
    return [(int(process), int(number), name) for process, number, name in map(str.split, lines)]


def await_report(seconds):
    """What the tracer of the last program has told, until its end."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        lines = REPORT.read_text().splitlines() if REPORT.exists() else []
        if lines[-1:] == ["end"]:
            return lines[:-1]
        time.sleep(0.002)
    raise TimeoutError(f"the tracer did not end in {seconds} s")


def mounts():
    return Path("/proc/self/mountinfo").read_text()


def files_below(directory):
    return sorted(os.path.relpath(os.path.join(at, name), directory) for at, _, names in os.walk(directory) for name in names)
