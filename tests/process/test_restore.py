# SPDX-License-Identifier: Apache-2.0
"""restore: refused unless the catalog says otherwise, and what comes out of the checkpoint is held against the decision."""

import ctypes
import json
import os
import signal
import struct
import time
from pathlib import Path

import bundle as bundles
import harness

NOT_LISTED = {key: value for key, value in harness.BASE.items() if key != "restore"}
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, PR_CAPBSET_DROP, SECCOMP_MODE_FILTER = 38, 22, 24, 2
CLONE_NEWUSER = 0x10000000  # unshare(2)
LAST_CAPABILITY = int(open("/proc/sys/kernel/cap_last_cap").read())


class Instruction(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint16), ("jt", ctypes.c_uint8), ("jf", ctypes.c_uint8), ("k", ctypes.c_uint32)]


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_uint16), ("filter", ctypes.POINTER(Instruction))]


def obey(filtered=True):
    """Makes this process what the test catalog decides: no capability at all, no-new-privileges, a filter that allows everything."""
    libc = ctypes.CDLL(None)
    for capability in range(LAST_CAPABILITY + 1):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    allow = Instruction(0x06, 0, 0, 0x7FFF0000)
    if filtered and libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(Program(1, ctypes.pointer(allow))), 0, 0) != 0:
        os._exit(1)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    # Not root any more: the permitted set goes, too.
    os.setresuid(65534, 65534, 65534)


def unshare_user():
    if ctypes.CDLL(None).unshare(CLONE_NEWUSER) != 0:
        os._exit(1)


class Restore(harness.ShimTest):
    def restore(self, confinement, directory=None):
        catalog = harness.CATALOG | {"confinements": {"test": confinement, "kill-only": confinement}}
        self.assertEqual(self.try_to_load(catalog).returncode, 0)
        directory = directory or self.make_bundle()
        root = harness.WORK / "state"
        return self.shim("--root", root, "restore", "--image-path", "/nowhere", "--detach", "--bundle", directory, "c1"), directory

    def test_refused_by_default(self):
        for confinement in (NOT_LISTED, NOT_LISTED | {"restore": "refuse"}):
            directory = self.make_bundle(name=f"bundle{len(confinement)}")
            original = (directory / "config.json").read_bytes()
            run, _ = self.restore(confinement, directory)
            self.assert_refused(
                run,
                "confinement 'test' (/etc/aa-shim/catalog.d/10-test.json:1:19) lets no container be restored, because capabilities, "
                "no-new-privileges and system call filters of its processes come from the checkpoint: create the container anew, or let the "
                'operator say "restore": "allow" there',
            )
            self.assert_untouched(directory, original)

    def test_allowed(self):
        run, directory = self.restore(NOT_LISTED | {"restore": "allow"})
        self.assert_forwarded(run, "--root", harness.WORK / "state", "restore", "--image-path", "/nowhere", "--detach", "--bundle", directory, "c1")
        self.assert_confined(json.loads(run.record.config)["process"])

    def start_process(self, before, child=None):
        """A process that stands for a restored one, with a child if CHILD says what that does first."""
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            if child and os.fork() == 0:
                before = child
            before()
            os.write(write, struct.pack("i", os.getpid()))
            os.execv("/bin/sleep", ["sleep", "30"])
        self.pids = [struct.unpack("i", os.read(read, 4))[0] for _ in range(2 if child else 1)]
        os.close(read)
        os.close(write)
        return pid

    def outcome(self, pid, seconds):
        """How PID ended within SECONDS; None if it lives."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.02)
        return None

    def check(self, killed, before, child=None, wait=20, already_there=False):
        pid = self.start_process(before, child)
        # The runtime knows the container when its work is nearly done; the record is not needed, nor believed.
        known, late = harness.WORK / "state", harness.WORK / "not-yet"
        self.make_runc_state(pid, harness.WORK / "bundle", root=known if already_there else late)
        self.runtime.write_text(f'#!/bin/sh\ncase "$*" in *" restore "*) sleep 0.5; [ ! -e {late} ] || mv {late} {known};; esac\n')
        self.restore(harness.BASE)
        outcome = self.outcome(pid, wait if killed else 4)
        if outcome is None:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        self.assertEqual(outcome, -signal.SIGKILL if killed else None)
        for other in set(self.pids) - {pid}:
            end = time.monotonic() + (20 if killed else 0)  # who was killed still has to die
            while self.is_alive(other) and time.monotonic() < end:
                time.sleep(0.02)
            self.assertEqual(self.is_alive(other), not killed)
            if not killed:
                os.kill(other, signal.SIGKILL)

    @staticmethod
    def is_alive(pid):
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except FileNotFoundError:
            return False

    def test_a_process_that_obeys_lives(self):
        self.check(False, obey)

    def test_a_process_with_capabilities_is_killed(self):
        self.check(True, lambda: None)

    def test_a_process_without_a_filter_is_killed(self):
        self.check(True, lambda: obey(filtered=False))

    def test_one_in_a_user_namespace_of_its_own_making(self):
        """It has all capabilities there, and those of the container no more."""
        def obey_and_leave():
            obey()
            unshare_user()

        self.check(False, obey, child=obey_and_leave)

    def test_one_that_does_not_obey_in_such_a_namespace(self):
        """Its sets tell nothing there; everything else does."""
        self.check(True, obey, child=unshare_user)

    def test_one_bad_descendant_is_enough(self):
        self.check(True, obey, child=lambda: None)

    def test_a_container_of_that_name_that_runs_is_left_alone(self):
        self.check(False, lambda: None, already_there=True)

    def test_descendants_that_obey_live(self):
        self.check(False, obey, child=obey)


class RestoreOfAPassed(harness.ShimTest):
    def test_a_rule_that_passes_decides_nothing(self):
        catalog = harness.CATALOG | {"otherwise": {"pass": True}, "rules": []}
        self.assertEqual(self.try_to_load(catalog).returncode, 0)
        directory = self.make_bundle()
        run = self.shim("restore", "--image-path", "/nowhere", "--bundle", directory, "c1")
        self.assert_forwarded(run, "restore", "--image-path", "/nowhere", "--bundle", directory, "c1")
        self.assertEqual(json.loads(run.record.config)["process"], bundles.process())
