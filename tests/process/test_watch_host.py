# SPDX-License-Identifier: Apache-2.0
"""aa-shimctl watch: each thing that is not as decided is told once, logged and counted, and nothing else is; with --kill the process that
deviates is killed, and no other."""

import contextlib
import ctypes
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import harness
from observing import COUNTERS, HEAD, NAMES
from standing import CEILING, OK, SYSTEM, WRONG, StandingTest, bounded

SETTLES = 2  # seconds after which what deviates is no state on the way
TIMELY = 20  # on a busy machine
LIBC = ctypes.CDLL(None, use_errno=True)
NEWNS, NEWPID = 0x20000, 0x20000000
KEPT = {0, 5, 6, 7, 10}  # CEILING
BEYOND = "the kernel says that it may have the capabilities SYS_ADMIN beyond the ceiling"


def keep_within():
    """What the decision of the test catalog leaves to a process."""
    for capability in set(range(64)) - KEPT:
        LIBC.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP
    LIBC.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
    harness.filter_system_calls()


class WatchHost(StandingTest):
    def setUp(self):
        super().setUp()
        self.told = self.listen_as_journald(TIMELY)

    def watch(self, *arguments, every=1, **options):
        """A watch that has looked at everything for the first time."""
        command = [harness.CTL, "--json", "watch", "--root", harness.WORK / "state", "--every", str(every), *arguments]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        os.set_blocking(process.stdout.fileno(), False)
        end, waits = time.monotonic() + TIMELY, 0
        while waits < 5:  # it waits for the kernel's answer as well, for a moment
            waits = waits + 1 if "poll" in Path(f"/proc/{process.pid}/wchan").read_text() else 0
            self.assertIsNone(process.poll())
            self.assertLess(time.monotonic(), end)
            time.sleep(0.02)
        return process

    def next_of(self, process, seconds=TIMELY):
        """The next finding; None if there is none for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if line := process.stdout.readline():
                return json.loads(line)
            time.sleep(0.02)
        return None

    def end(self, process, code):
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(harness.TIMEOUT), code, process.stderr.read())

    def record(self):
        """The next one of a finding: those of the containers' creation come before."""
        while True:
            fields = dict(line.split("=", 1) for line in self.told.recv(1 << 16).decode().splitlines())
            if fields["AA_SHIM_COMMAND"] == "watch":
                return {name.removeprefix("AA_SHIM_").lower(): value for name, value in fields.items()}

    def counted(self):
        values = [int.from_bytes(COUNTERS.read_bytes()[HEAD.size + 8 * i :][:8], "little") for i in range(len(NAMES))]
        return {name: value for name, value in zip(NAMES, values) if value and (name.startswith("found") or name == "killed")}

    def enter(self, pid, *words, within=True, waits=0.0):
        """A process that a runtime puts into the container of PID: it joins its namespaces, gives up what is not decided (WITHIN) after so long,
        and executes WORDS. Its number."""
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            LIBC.setns(os.pidfd_open(pid), NEWNS | NEWPID)
            inner = os.fork()
            if inner == 0:
                time.sleep(waits)
                if within:
                    keep_within()
                os.execv(words[0], list(map(str, words)))
            os.write(writer, str(inner).encode())
            os._exit(os.waitstatus_to_exitcode(os.waitpid(inner, 0)[1]) & 0x7F)
        os.close(writer)
        inner = int(os.read(reader, 16))
        os.close(reader)
        self.addCleanup(os.waitpid, child, 0)
        self.addCleanup(self.end_process, inner)
        return inner

    def end_process(self, pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def start_apart(self):
        """A container's first process, with a mount namespace of its own, as containers have."""
        command = ["unshare", "--pid", "--mount", "--fork", "--kill-child", *bounded(CEILING), "sleep", "1000"]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, preexec_fn=harness.filter_system_calls)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return self.await_program(process.pid, "sleep")

    # ---- what is found

    def test_what_deviates_is_told_once(self):
        pid = self.start((*CEILING, "sys_admin"))
        self.container("c1", pid)
        decision = self.status(code=WRONG)["containers"][0]["decision"]
        before = time.monotonic()
        process = self.watch()
        found = self.next_of(process)
        self.assertGreater(time.monotonic() - before, SETTLES)
        self.assertEqual(
            {name: found[name] for name in ("kind", "reason", "container", "pid", "program", "decision", "confinement", "rule", "killed", "message")},
            {"kind": "process", "reason": "deviates", "container": "c1", "pid": pid, "program": "sleep", "decision": decision["id"],
             "confinement": "test", "rule": decision["rule"], "killed": False, "message": f"container 'c1', process {pid} ('sleep'): {BEYOND}"},
        )
        record = self.record()
        self.assertEqual((record["outcome"], record["command"], record["reason"], record["decision"], record["pid"], record["priority"]),
                         ("found", "watch", "deviates", decision["id"], str(pid), "4"))
        self.assertEqual(record["message"], found["message"])
        self.assertIsNone(self.next_of(process, SETTLES + 2))
        self.assertEqual(self.counted(), {"found processes": 1})
        self.end(process, WRONG)
        os.kill(pid, 0)

    def test_nothing_where_all_is_as_decided(self):
        pid = self.start_apart()
        self.container("c1", pid)
        process = self.watch()
        for _ in range(20):
            self.enter(pid, "/bin/true")
        self.enter(pid, "/bin/sleep", "1000")
        self.assertIsNone(self.next_of(process, SETTLES + 2))
        self.assertEqual(self.counted(), {})
        self.end(process, OK)

    def test_what_settles_is_nothing(self):
        """A process that is put into a container has more until its program runs."""
        pid = self.start_apart()
        self.container("c1", pid)
        process = self.watch()
        self.enter(pid, "/bin/sleep", "1000", waits=1.2)
        self.assertIsNone(self.next_of(process, SETTLES + 2))
        self.end(process, OK)

    def test_containers_that_went_around_aa_shim(self):
        process = self.watch()
        self.container("c1", self.start(), shim=False)
        found = self.next_of(process)
        self.assertEqual((found["kind"], found["reason"], found["container"], found["decision"]), ("container", "bypassed", "c1", None))
        self.assertEqual((self.record()["reason"], self.counted()), ("bypassed", {"found containers": 1}))
        (harness.WORK / "state/c1/state.json").write_text("{")
        found = self.next_of(process)
        self.assertEqual((found["reason"], "state.json" in found["message"]), ("unreadable", True))
        self.end(process, WRONG)

    def test_no_catalog(self):
        process = self.watch()
        harness.COMPILED.unlink()
        found = self.next_of(process)
        self.assertEqual((found["kind"], found["reason"], found["container"]), ("host", "no-catalog", None))
        self.assertEqual(self.counted(), {"found host": 1})
        self.end(process, WRONG)

    def test_a_root_that_is_missing(self):
        result = subprocess.run([harness.CTL, "watch", "--root", "/missing"], capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)
        self.assertEqual(result.returncode, SYSTEM)
        self.assertIn("'/missing'", result.stderr)

    # ---- as it happens

    def begun(self, *arguments):
        """The first process of a container in order, and a watch that looks at everything once."""
        pid = self.start_apart()
        self.container("c1", pid)
        process = self.watch(*arguments, every=1000)
        if self.is_blind():
            self.skipTest("this kernel tells nobody here of what is executed")
        return pid, process

    def is_blind(self):
        result = subprocess.run([harness.CTL, "watch", "--root", harness.WORK / "state", "--for", "1"], capture_output=True, text=True,
                                timeout=harness.TIMEOUT, check=False)
        return "not as they execute programs" in result.stderr

    def test_a_process_is_looked_at_as_it_executes(self):
        pid, process = self.begun()
        intruder = self.enter(pid, "/bin/sleep", "1000", within=False)
        found = self.next_of(process)
        self.assertEqual((found["kind"], found["pid"], found["container"]), ("process", intruder, "c1"))
        self.assertIsNone(self.next_of(process, 1))
        self.end(process, WRONG)

    def test_one_that_ends_soon(self):
        pid, process = self.begun()
        self.enter(pid, "/bin/sleep", "0.4", within=False)
        self.assertEqual(self.next_of(process)["program"], "sleep")
        self.end(process, WRONG)

    def test_the_runtimes_own_program_has_time(self):
        """It is on its way; and its name gains nobody more than that."""
        pid, process = self.begun()
        program = harness.WORK / "runc"
        program.write_bytes(Path("/bin/sleep").read_bytes())
        program.chmod(0o755)
        self.enter(pid, program, "1000", within=False)
        self.assertIsNone(self.next_of(process, 2))
        self.end(process, OK)
        self.assertIn("runc", self.next_of(self.watch())["program"])

    def test_a_container_that_waits_for_its_start(self):
        pid, process = self.begun()
        os.mkfifo(harness.WORK / "state/c1/exec.fifo")
        self.enter(pid, "/bin/sleep", "1000", within=False)
        self.assertIsNone(self.next_of(process, 2))
        self.end(process, OK)

    def test_a_container_that_is_new(self):
        _, process = self.begun()
        pid = self.start_apart()
        self.container("c2", pid, shim=False)
        self.enter(pid, "/bin/sleep", "1000")
        self.assertEqual(self.next_of(process)["reason"], "bypassed")
        self.end(process, WRONG)

    # ---- --kill

    def test_who_deviates_is_killed_and_nobody_else(self):
        pid = self.start_apart()
        self.container("c1", pid)
        process = self.watch("--kill")
        bystander = self.enter(pid, "/bin/sleep", "1000")
        intruder = self.enter(pid, "/bin/sleep", "1000", within=False)
        found = self.next_of(process)
        self.assertEqual((found["pid"], found["killed"]), (intruder, True))
        self.assertEqual((self.record()["killed"], self.counted()), ("true", {"found processes": 1, "killed": 1}))
        self.assertTrue(found["message"].endswith("; it was killed"))
        self.assertRegex(Path(f"/proc/{intruder}/stat").read_text() if Path(f"/proc/{intruder}").exists() else ") Z", r"\) [ZX]")
        for alive in (pid, bystander):
            self.assertRegex(Path(f"/proc/{alive}/stat").read_text(), r"\) [SR]")
        self.end(process, WRONG)

    def test_containers_are_not_killed(self):
        pid = self.start()
        self.container("c1", pid, shim=False)
        process = self.watch("--kill")
        found = self.next_of(process)
        self.assertEqual((found["reason"], found["killed"]), ("bypassed", False))
        os.kill(pid, 0)
        self.end(process, WRONG)

    # ---- the rest

    def test_text_and_a_time(self):
        pid = self.start((*CEILING, "sys_admin"))
        self.container("c1", pid)
        decision = self.status(code=WRONG)["containers"][0]["decision"]["id"]
        command = [harness.CTL, "watch", "--root", harness.WORK / "state", "--every", "1", "--for", "5"]
        result = subprocess.run(command, capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)
        self.assertEqual(result.returncode, WRONG)
        self.assertRegex(result.stdout, rf"^\d{{4}}-\S+Z container 'c1', process {pid} \('sleep'\): {re.escape(BEYOND)} \[decision {decision}\]\n$")

    def test_without_a_journal_and_without_counters(self):
        """Neither stops anything."""
        harness.JOURNAL.unlink()
        COUNTERS.unlink()
        self.container("c1", self.start(), shim=False)
        process = self.watch()
        self.assertEqual(self.next_of(process)["reason"], "bypassed")
        self.end(process, WRONG)

    def test_nobody_reads_what_it_tells(self):
        process = self.watch()
        process.stdout.close()
        with contextlib.suppress(OSError):
            self.container("c1", self.start(), shim=False)
        self.assertEqual(self.record()["reason"], "bypassed")
        self.end(process, WRONG)
