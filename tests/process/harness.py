# SPDX-License-Identifier: Apache-2.0
"""Runs the real aa-shim in paths of its own, before a runtime that only records what it was given.

No environment variable and no option changes the paths that aa-shim uses, so every test program runs in a private mount
namespace (see run.py) where /etc is a copy and /run is empty. AppArmor is hidden there, whatever the host has, and the
test catalog says "capabilities-only".
"""

import ctypes
import json
import os
import shutil
import socket
import stat
import struct
import subprocess
import time
import unittest
from dataclasses import dataclass
from pathlib import Path

import bundle as bundles

SHIM = Path(os.environ.get("AA_TEST_SHIM", ""))
CTL = Path(os.environ.get("AA_TEST_CTL", ""))
FAKE = Path(os.environ.get("AA_TEST_FAKE", ""))

WORK = Path("/mnt/aa")
ETC = Path("/etc/aa-shim")
RUN = Path("/run/aa-shim")
LOADS = Path("/var/lib/aa-shim/loads")
POLICIES = Path("/var/lib/aa-shim/compiled")
JOURNAL = Path("/run/systemd/journal/socket")
COMPILED = RUN / "catalog"
TIMEOUT = 60

# Phrases by which dockerd and Podman choose exit code 126 or 127; an error of ours must not hold one by accident.
STEERING_PHRASES = (
    "permission denied", "operation not permitted", "is a directory", "not a directory", "no such file or directory",
    "executable file not found",
)

CEILING = ["CHOWN", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID"]
CEILING_NAMES = {f"CAP_{name}" for name in CEILING}

DENIED_SYSCALLS = ["keyctl", "symlink", "symlinkat"]

BASE = {
    "apparmor": "aa-test",
    "capabilities": CEILING,
    "noNewPrivileges": True,
    "denySyscalls": DENIED_SYSCALLS,
    "exec": {"otherwise": "base"},
    "restore": "allow",
}

CATALOG = {
    "confinements": {"test": BASE, "kill-only": BASE | {"capabilities": ["KILL"]}},
    "rules": [
        {"match": {"handler": "killer"}, "use": "kill-only"},
        {"match": {"annotations": {"example.test/forbidden": "*"}}, "reject": "not on this host"},
        {"match": {"annotations": {"example.test/asks": "*"}}, "use": "test", "selectable": ["kill-only"]},
    ],
    "otherwise": "test",
    "withoutAppArmor": "capabilities-only",
}

PROFILE = """abi <abi/3.0>,
profile aa-test flags=(attach_disconnected,mediate_deleted) {
  file,
  signal,
}
"""


@dataclass(repr=False)
class Record:
    """What the fake runtime was given."""

    argv: list
    environ: list
    cwd: str
    fds: dict  # number -> what it stands for
    status: dict  # /proc/self/status
    limits: str
    exe: str
    pdeathsig: int
    config: bytes | None
    process: bytes | None
    resources: bytes | None


@dataclass
class Run:
    """What came of one call of aa-shim. `record` is None if the runtime was not started."""

    code: int
    stdout: bytes
    stderr: bytes
    pid: int
    record: Record | None

    @property
    def message(self):
        return self.stderr.decode()


def read_record(directory):
    if not (directory / "argv").exists():
        return None

    def read(name):
        path = directory / name
        return path.read_bytes() if path.exists() else None

    def words(name):
        return [word.decode() for word in read(name).split(b"\0")[:-1]]

    return Record(
        argv=words("argv"),
        environ=words("environ"),
        cwd=read("cwd").decode(),
        fds={int(n): target for n, target in (line.split(" ", 1) for line in read("fds").decode().splitlines())},
        status=dict(line.split(":\t", 1) for line in read("status").decode().splitlines() if ":\t" in line),
        limits=read("limits").decode(),
        exe=read("exe").decode(),
        pdeathsig=int(read("pdeathsig")),
        config=read("config.json"),
        process=read("process.json"),
        resources=read("resources.json"),
    )


def policy_tools(what):
    """Where tests/vm/host/policy-tools has WHAT of Debian's releases; None where that cannot be had."""
    tools = Path(__file__).resolve().parents[1] / "vm/host/policy-tools"
    done = subprocess.run([tools, what], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in (0, 77):
        raise RuntimeError(f"{tools} {what}: status {done.returncode}")
    return None if done.returncode else Path(done.stdout.strip())


class ShimTest(unittest.TestCase):
    """A test with an empty host: no catalog, and the fake runtime, called runc, behind /etc/aa-shim/runtime."""

    runtime_name = "runc"

    def listen_as_journald(self, timeout):
        """A socket in journald's place; receiving from it waits TIMEOUT seconds."""
        JOURNAL.parent.mkdir(parents=True, exist_ok=True)
        JOURNAL.unlink(missing_ok=True)
        journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(journal.close)
        journal.bind(str(JOURNAL))
        journal.settimeout(timeout)
        return journal

    @staticmethod
    def read_all(journal):
        """The records that came to JOURNAL, a socket that waits for a limited time, until none comes."""
        records = []
        while True:
            try:
                records.append(journal.recv(1 << 16).decode())
            except (BlockingIOError, TimeoutError):
                return records

    def setUp(self):
        for directory in (WORK, ETC, RUN):
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir(mode=0o755)
        shutil.rmtree(LOADS, ignore_errors=True)
        shutil.rmtree(POLICIES, ignore_errors=True)
        (ETC / "catalog.d").mkdir()
        (ETC / "apparmor.d").mkdir()
        self.runtime = self.install_runtime(self.runtime_name)
        self.addCleanup(os.chdir, "/")

    def install_runtime(self, name):
        directory = WORK / f"bin-{name}"
        directory.mkdir()
        shutil.copy(FAKE, directory / name)
        self.point_runtime_at(directory / name)
        return directory / name

    def point_runtime_at(self, target):
        link = ETC / "runtime"
        link.unlink(missing_ok=True)
        link.symlink_to(target)

    def try_to_load(self, catalog):
        """Writes CATALOG and its profile, and runs `aa-shimctl load`."""
        (ETC / "catalog.d" / "10-test.json").write_text(json.dumps(catalog))
        (ETC / "apparmor.d" / "aa-test").write_text(PROFILE)
        return subprocess.run([CTL, "load"], capture_output=True, text=True, timeout=TIMEOUT, check=False)

    def load_catalog(self):
        """Puts the test catalog in force as an operator does."""
        result = self.try_to_load(CATALOG)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def make_bundle(self, document=None, name="bundle"):
        """A bundle directory whose config.json is DOCUMENT (bytes as they are, anything else as JSON)."""
        directory = WORK / name
        directory.mkdir(mode=0o700)
        if document is None:
            document = bundles.config()
        (directory / "config.json").write_bytes(document if isinstance(document, bytes) else bundles.encode(document))
        return directory

    def shim(self, *arguments, program=None, argv0=None, stdin=subprocess.DEVNULL, prefix=(), **more):
        """Runs aa-shim with ARGUMENTS; PREFIX is put before it (strace and the like)."""
        record = self.runtime.parent / "record"
        shutil.rmtree(record, ignore_errors=True)
        program = program or SHIM
        command = [*map(str, prefix), str(program) if prefix or argv0 is None else argv0, *map(str, arguments)]
        if not prefix:
            more["executable"] = program
        process = subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)
        try:
            stdout, stderr = process.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            self.fail(f"{command} did not end in {TIMEOUT} s")
        return Run(process.returncode, stdout, stderr, process.pid, read_record(record))

    def create(self, directory, *more, container="c1", **options):
        return self.shim("create", "--bundle", directory, *more, container, **options)

    def make_runc_state(self, pid, directory, container="c1", root=None, annotations=()):
        """The state directory that runc would have for a running container; returns its --root."""
        root = root or WORK / "state"
        (root / container).mkdir(parents=True, mode=0o711)
        state = {
            "id": container,
            "init_process_pid": pid,
            "init_process_start": start_time(pid),
            "created": "2026-01-01T00:00:00Z",
            "config": {
                "rootfs": f"{directory}/rootfs",
                "labels": [*(f"{key}={value}" for key, value in annotations), f"bundle={directory}"],
            },
        }
        write_private(root / container / "state.json", json.dumps(state))
        return root

    def make_crun_state(self, pid, directory, container="c1", root=None):
        """The state directory that crun would have for a running container; returns its --root."""
        root = root or WORK / "state"
        (root / container).mkdir(parents=True, mode=0o700)
        status = {
            "pid": pid,
            "process-start-time": start_time(pid),
            "cgroup-path": "",
            "scope": "",
            "rootfs": f"{directory}/rootfs",
            "systemd-cgroup": False,
            "bundle": str(directory),
            "created": "2026-01-01T00:00:00.000000Z",
            "owner": "root",
            "detached": True,
            "external_descriptors": "[]",
        }
        write_private(root / container / "status", json.dumps(status))
        shutil.copy(directory / "config.json", root / container / "config.json")
        return root

    def start_container_process(self):
        """A live process to stand for a container's init: it has mounts of its own."""
        process = subprocess.Popen(["unshare", "--mount", "sleep", "1000"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        end = time.monotonic() + TIMEOUT
        while Path(f"/proc/{process.pid}/comm").read_text() != "sleep\n":
            self.assertLess(time.monotonic(), end)
            time.sleep(0.005)
        return process.pid

    def assert_forwarded(self, run, *arguments):
        """The runtime was started with ARGUMENTS, byte for byte, and aa-shim said nothing."""
        self.assertIsNotNone(run.record, f"the runtime was not started: {run.message}")
        self.assertEqual(run.record.argv[1:], [str(word) for word in arguments])
        self.assertEqual(run.stderr, b"")

    def assert_refused(self, run, text="", code=1):
        """The runtime was not started; one line on stderr tells why, holding TEXT, and nothing else is said."""
        self.assertIsNone(run.record and run.record.argv, "the runtime was started")
        self.assertEqual(run.code, code, run.message)
        self.assertEqual(run.stdout, b"")
        self.assertEqual(run.message.count("\n"), 1, run.message)
        self.assertIn(text, run.message)
        for phrase in STEERING_PHRASES:
            self.assertNotIn(phrase, run.message.lower())

    def assert_untouched(self, directory, original):
        """The bundle holds the ORIGINAL config.json and nothing beside it."""
        self.assertEqual((directory / "config.json").read_bytes(), original)
        self.assertEqual(sorted(path.name for path in directory.iterdir()), ["config.json"])

    def assert_confined(self, process, ceiling=CEILING_NAMES):
        """The process object PROCESS obeys the test catalog."""
        self.assertIs(process.get("noNewPrivileges"), True)
        sets = {kind: set((process.get("capabilities") or {}).get(kind) or ()) for kind in bundles.capabilities()}
        for kind, names in sets.items():
            self.assertLessEqual(names, set(ceiling), kind)
        self.assertLessEqual(sets["ambient"], sets["inheritable"] & sets["permitted"])


def write_private(path, text):
    path.write_text(text)
    path.chmod(stat.S_IRUSR | stat.S_IWUSR)


def add_tester(user, home, subordinate):
    """Makes USER, with HOME, known as `tester`, who may use the numbers from SUBORDINATE on."""
    for name, line in (
        ("passwd", f"tester:x:{user}:{user}::{home}:/bin/sh"), ("group", f"tester:x:{user}:"),
        ("subuid", f"tester:{subordinate}:65536"), ("subgid", f"tester:{subordinate}:65536"),
    ):
        path = Path("/etc") / name
        others = [old for old in (path.read_text() if path.exists() else "").splitlines() if f":{user}:" not in old and "tester" not in old]
        path.write_text("\n".join([*others, line]) + "\n")


def start_time(pid):
    """Field 22 of /proc/PID/stat, by which a process is told from a later one of the same number."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])


ALLOW = struct.pack("=HBBI", 6, 0, 0, 0x7FFF0000)  # BPF_RET, SECCOMP_RET_ALLOW
PTRACE = {"x86_64": 101, "aarch64": 117}[os.uname().machine]
INOTIFY_INIT1 = {"x86_64": 294, "aarch64": 26}[os.uname().machine]


def filter_system_calls(code=ALLOW):
    """Puts a filter on the calling process, and on what it starts, that lets every call through (seccomp(2))."""
    program = ctypes.create_string_buffer(code, len(code))
    instructions = struct.pack("@HP", len(code) // 8, ctypes.addressof(program))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(22, 2, ctypes.create_string_buffer(instructions, len(instructions)), 0, 0) != 0:  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
        raise OSError(ctypes.get_errno(), "prctl")


def deny_system_call(call):
    """Puts one on it that fails the system call of the number CALL."""
    number, is_that = struct.pack("=HBBI", 0x20, 0, 0, 0), struct.pack("=HBBI", 0x15, 0, 1, call)  # BPF_LD|BPF_W|BPF_ABS, BPF_JMP|BPF_JEQ|BPF_K
    filter_system_calls(number + is_that + struct.pack("=HBBI", 6, 0, 0, 0x00050001) + ALLOW)  # SECCOMP_RET_ERRNO, EPERM


def deny_tracing():
    deny_system_call(PTRACE)


def deny_notifications():
    """Those of files (inotify(7))."""
    deny_system_call(INOTIFY_INIT1)
