# SPDX-License-Identifier: Apache-2.0
"""What an exec starts, where aa-shim may not trace the runtime, or that executes nothing in another mount namespace: it is known by the file that the
engine names. It is compared with the decision, and logged where the catalog asks for it ("logExecProcesses"). The real runtimes are traced in
test_first_instruction."""

import concurrent.futures
import json
import os
import re
import shlex
import subprocess
import time
from pathlib import Path

import harness
import observing
import test_exec_status
import watching
from test_records import parse_record


UNTOLD = (harness.deny_tracing, harness.deny_notifications)


class ExecProcess(observing.ObservingTest):
    def setUp(self):
        super().setUp()
        self.load_catalog()

    def load_with(self, **settings):
        result = self.try_to_load(harness.CATALOG | settings)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def load_logging_processes(self, is_on=True):
        self.load_with(logExecProcesses=is_on)

    def test_which_process_an_exec_is(self):
        """By the file that the runtime writes, where the catalog asks for it; without one, or with one that was there before, nothing is said of it."""
        log = self.listen_as_journald(harness.TIMEOUT)
        directory = self.cri_bundle("c1")
        self.cri("create", "--bundle", directory)
        log.recv(1 << 16)
        file = harness.WORK / "exec.pid"
        (self.runtime.parent / "pid").write_text("4711")
        named = ("--pid-file", file)
        for is_on, before, options in ((True, None, named), (False, None, named), (True, "4712", named), (True, None, ())):
            with self.subTest(is_on=is_on, before=before, options=options):
                self.load_logging_processes(is_on)
                file.unlink(missing_ok=True)
                if before:
                    file.write_text(before)
                begun = int(time.time())
                log.settimeout(harness.TIMEOUT)
                self.assertEqual(self.cri_exec(directory, *options, words=("cat",)).code, 0)
                executed = parse_record(log.recv(1 << 16))
                if not is_on or before or not options:
                    log.settimeout(1)
                    self.assertRaises(TimeoutError, log.recv, 1 << 16)
                    continue
                process = parse_record(log.recv(1 << 16))
                self.assertEqual({name: process[f"AA_SHIM_{name}"] for name in ("OUTCOME", "COMMAND", "CONTAINER", "DECISION", "PID")},
                                 {"OUTCOME": "found", "COMMAND": "exec-process", "CONTAINER": "c1", "DECISION": executed["AA_SHIM_DECISION"], "PID": "4711"})
                self.assertIn(int(process["AA_SHIM_BEGAN"]), range(begun, int(time.time()) + 1))
                self.assertEqual((process["PRIORITY"], process["MESSAGE"]), ("6", "exec of container 'c1' is process 4711"))

    def test_it_is_said_while_the_runtime_stays(self):
        """As that of an exec in the foreground does; also where the kernel does not tell of files."""
        self.load_logging_processes()
        log = self.listen_as_journald(harness.TIMEOUT)
        directory = self.cri_bundle("c1")
        self.cri("create", "--bundle", directory)
        log.recv(1 << 16)
        (self.runtime.parent / "pid").write_text("4711")
        stay, file = self.runtime.parent / "stay", harness.WORK / "exec.pid"
        os.mkfifo(stay)
        for deny in (UNTOLD, UNTOLD[:1]):
            options = {"preexec_fn": lambda deny=deny: [each() for each in deny]}
            with self.subTest(options=options), concurrent.futures.ThreadPoolExecutor() as pool:
                file.unlink(missing_ok=True)
                run = pool.submit(self.cri_exec, directory, "--pid-file", file, **options)
                try:
                    commands = [parse_record(log.recv(1 << 16))["AA_SHIM_COMMAND"] for _ in range(2)]
                    stayed = not run.done()
                finally:
                    stay.write_text("")
                self.assertEqual((commands, stayed, run.result().code), (["exec", "exec-process"], True, 0))
                self.assertEqual(parse_record(log.recv(1 << 16))["AA_SHIM_REASON"], "untraced")

    def test_one_that_differs_is_ended_afterwards(self):
        """And nobody else."""
        directory = self.cri_bundle("c1")
        self.cri("create", "--bundle", directory)
        file = harness.WORK / "exec.pid"
        ways = {"not allowed to trace": ("before", harness.deny_tracing), "not in a container": ("before", None), "as the catalog says": ("after", None)}
        for way, (when, first) in ways.items():
            self.load_with(compareExecs=when)
            for steps, obeys in (((*watching.BOUNDED, "filter"), True), ((watching.BOUNDED[0], "filter"), False)):
                with self.subTest(way, obeys=obeys):
                    file.unlink(missing_ok=True)
                    self.runtime.write_text(f"#!/bin/sh\n{shlex.join([str(watching.INIT), *steps, *watching.SLEEPS])} > /dev/null 2>&1 &\necho $! > {file}\n")
                    before = self.counters()
                    run = self.cri_exec(directory, "--pid-file", file, preexec_fn=first)
                    self.assertEqual(run.code, 0, run.message)
                    process = int(file.read_text())
                    self.addCleanup(subprocess.run, ("kill", "-KILL", str(process)), stderr=subprocess.DEVNULL, check=False)
                    self.assertTrue(watching.await_end_of_watch(watching.PATIENCE + 4 * watching.TIMELY))
                    self.assertEqual(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z", obeys)
                    self.assertEqual(self.counters()["mismatches"] - before["mismatches"], 0 if obeys else 1)

    def test_what_is_said_where_it_cannot_be_traced(self):
        directory = self.cri_bundle("c1")
        self.cri("create", "--bundle", directory)
        log = self.listen_as_journald(harness.TIMEOUT)
        for options, said in ((("--pid-file", harness.WORK / "exec.pid"), "is looked at after its program has begun, not before: "),
                              ((), "is not looked at, and has no --pid-file: ")):
            self.assertEqual(self.cri_exec(directory, *options, preexec_fn=harness.deny_tracing).code, 0)
            records = sorted((parse_record(log.recv(1 << 16)) for _ in range(2)), key=lambda record: record["AA_SHIM_COMMAND"])
            self.assertEqual([record["AA_SHIM_COMMAND"] for record in records], ["exec", "verify"])
            self.assertIn(f"exec of container 'c1' {said}", records[1]["MESSAGE"])
            self.assertEqual((records[1]["AA_SHIM_OUTCOME"], records[1]["AA_SHIM_REASON"], records[1]["AA_SHIM_DECISION"]),
                             ("allowed", "untraced", records[0]["AA_SHIM_DECISION"]))


class Waiting(test_exec_status.StatusTest):
    """Seen by who reaps it."""

    def test_who_waits_for_its_process(self):
        """Until the runtime has ended, and without looking all the time."""
        catalog = json.loads((harness.ETC / "catalog.d" / "10-test.json").read_text()) | {"logExecProcesses": True}
        self.assertEqual(self.try_to_load(catalog).returncode, 0)
        stay = self.runtime.parent / "stay"
        os.mkfifo(stay)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            run = pool.submit(self.exec_detached, args=("head",), **watching.UNTRACED)
            try:
                end = time.monotonic() + harness.TIMEOUT
                while not (waiting := set(self.children()) - {str(self.init)}) and time.monotonic() < end:
                    time.sleep(0.01)
                (child,) = waiting
                time.sleep(0.2)
                before = self.switches(child)
                time.sleep(0.5)
                self.assertLess(self.switches(child) - before, 5)
            finally:
                stay.write_text("")
            self.assertEqual(run.result().code, 0)
        self.assertEqual(os.waitpid(int(child), 0), (int(child), 0))

    def switches(self, process):
        """How often it has gone to sleep."""
        return int(re.search(r"^voluntary_ctxt_switches:\t(\d+)$", Path(f"/proc/{process}/status").read_text(), re.MULTILINE)[1])
