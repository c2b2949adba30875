# SPDX-License-Identifier: Apache-2.0
"""A refused exec as the exit status of its command ("refuseExec"), seen as an engine sees it: as the reaper of what it starts."""

import ctypes
import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import harness
import observing
import test_exec

PR_SET_CHILD_SUBREAPER = 36
STATUS = 126
REFUSED = (
    r"aa-shim: exec of container 'c1' refused \(decision [0-9a-f]{16}\): permission denied: the catalog does not let 'tail' \('/usr/bin/tail'\) run: "
    r"no looking \(exec rule /etc/aa-shim/catalog.d/10-test.json:1:\d+\)"
)
PID_FILE = harness.WORK / "exec.pid"
LOG = harness.WORK / "log.json"


class StatusTest(test_exec.RunningContainer):
    """A test in the place of an engine, whose catalog denies `tail`."""

    def setUp(self):
        super().setUp()
        # As containerd's shim and conmon do it, so that the exec's process becomes our child.
        libc = ctypes.CDLL(None)
        self.assertEqual(libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0)
        self.addCleanup(libc.prctl, PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)

    def load_catalog(self, how="exit-status"):
        rules = {"rules": [{"command": "/usr/bin/tail", "deny": "no looking"}], "otherwise": "base"}
        confinement = harness.BASE | {"exec": rules, "refuseExec": how}
        result = self.try_to_load(harness.CATALOG | {"confinements": {"test": confinement, "kill-only": confinement}})
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def exec_detached(self, *more, args=("tail", "/etc/passwd"), **options):
        """As containerd's shim calls it; PID_FILE and LOG are what they were not before."""
        PID_FILE.unlink(missing_ok=True)
        LOG.unlink(missing_ok=True)
        path = self.write_process(args=args)
        return self.shim("--root", self.state, "--log", LOG, "--log-format", "json", "exec", "--process", path, "--detach", "--pid-file", PID_FILE,
                         *more, "c1", **options)

    def reap(self):
        """The exit status of the process that the runtime's pid file names; it is taken away."""
        process, end = int(PID_FILE.read_text()), time.monotonic() + harness.TIMEOUT
        while (ended := os.waitpid(process, os.WNOHANG)) == (0, 0) and time.monotonic() < end:
            time.sleep(0.01)
        if ended == (0, 0):
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            self.fail("the process of the exec did not end")
        return os.waitstatus_to_exitcode(ended[1])

    def assert_an_error(self, run, text):
        """Refused as it always was, with nothing that could be taken for a command."""
        self.assertEqual((run.code, run.record), (255, None), run.message)
        self.assertIn(text, run.message)
        self.assertIn(text, json.loads(LOG.read_text())["msg"])
        self.assertFalse(PID_FILE.exists())
        self.assertEqual(self.children(), [str(self.init)])
        return run

    def reap_watchers(self):
        """Who has watched an exec becomes our child as well, and ends with the runtime."""
        for child in set(self.children()) - {str(self.init)}:
            os.waitpid(int(child), 0)

    def children(self):
        return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


class ExitStatus(StatusTest):

    def test_detached(self):
        run = self.exec_detached()
        self.assertEqual((run.code, run.record, run.stdout), (0, None, b""))
        self.assertEqual(self.reap(), STATUS)
        self.assertRegex(run.message, rf"^{REFUSED}\n$")
        self.assertFalse(LOG.exists(), "an engine takes what is there for the reason of a failure")

    def test_foreground(self):
        for words in (("--process", self.write_process(args=("tail",))), ("c1", "tail")):
            with self.subTest(words=words):
                PID_FILE.unlink(missing_ok=True)
                options = [*words, "c1"] if words[0] == "--process" else [*words]
                run = self.shim("--root", self.state, "exec", "--pid-file", PID_FILE, *options)
                self.assertEqual((run.code, run.record, run.stdout), (STATUS, None, b""))
                self.assertRegex(run.message, rf"^{REFUSED}\n$")
                self.assertEqual(int(PID_FILE.read_text()), run.pid)

    def test_as_an_error(self):
        self.load_catalog("error")
        run = self.exec_detached()
        self.assertEqual((run.code, run.record), (255, None))
        self.assertRegex(run.message, rf"^{REFUSED}\n$")
        self.assertEqual(json.loads(LOG.read_text())["msg"], run.message.rstrip("\n"))
        self.assertFalse(PID_FILE.exists())

    def test_what_is_allowed_runs(self):
        run = self.exec_detached(args=("head",))
        self.assertIsNotNone(run.record, run.message)
        self.assertEqual(run.code, 0)
        self.reap_watchers()
        self.assertEqual(self.children(), [str(self.init)])

    def test_what_is_not_sure_stays_an_error(self):
        """Only what was judged is an answer about the command."""
        self.assert_an_error(self.exec_detached(args=("no-such-program",)), "the program 'no-such-program'")
        self.assert_an_error(self.exec_detached(args=("/etc/passwd",)), "is no program")
        (self.state / "c1" / "state.json").chmod(0o666)
        self.assert_an_error(self.exec_detached(), "state.json")
        (self.state / "c1" / "state.json").chmod(0o600)
        harness.COMPILED.unlink()
        self.assert_an_error(self.exec_detached(), "aa-shimctl load")

    def test_what_cannot_be_given_stays_an_error(self):
        for more, text in (
            (("--pid-file", "/nowhere/pid"), "it could not be given as an exit status: cannot open '/nowhere/'"),
            (("--console-socket", "/nowhere/socket"), "it could not be given as an exit status: cannot connect to '/nowhere/socket'"),
            (("--console-socket", "/" + "x" * 108), "it could not be given as an exit status: cannot connect to '/xxx"),
            (("--pidfd-socket", "/nowhere/socket"), "--pidfd-socket wants a process of the container"),
        ):
            with self.subTest(more=more):
                run = self.assert_an_error(self.exec_detached(*more), text)
                self.assertRegex(run.message, f"^{REFUSED}; ")

    def test_terminal(self):
        """The engine gets the side of the terminal that it wants, and the message and the end come through it."""
        path = harness.WORK / "console.sock"
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(str(path))
            listener.listen()
            run = self.exec_detached("--console-socket", path)
            self.assertEqual((run.code, run.record, run.stdout, run.stderr), (0, None, b"", b""))
            connection, _ = listener.accept()
            with connection:
                name, descriptors, _, _ = socket.recv_fds(connection, 4096, 1)
        self.assertRegex(name, rb"^/dev/pts/\d+$")
        terminal, screen = descriptors[0], b""
        self.addCleanup(os.close, terminal)
        self.assertTrue(os.isatty(terminal))
        self.assertEqual(self.reap(), STATUS)
        with self.assertRaises(OSError):  # EIO: nobody has the other side any more
            while True:
                screen += os.read(terminal, 4096)
        self.assertRegex(screen.decode(), rf"^{REFUSED}\r\n$")

    def test_nobody_listens(self):
        """A closed pipe takes nothing away from the status."""
        reader, writer = os.pipe()
        os.close(reader)
        PID_FILE.unlink(missing_ok=True)
        path = self.write_process(args=("tail",))
        command = [harness.SHIM, "--root", self.state, "exec", "--process", path, "--detach", "--pid-file", PID_FILE, "c1"]
        self.assertEqual(subprocess.run(command, stderr=writer, timeout=harness.TIMEOUT, check=False).returncode, 0)
        os.close(writer)
        self.assertEqual(self.reap(), STATUS)

    def test_closed_descriptors(self):
        """What aa-shim itself opens then has the numbers of the standard three."""
        path = self.write_process(args=("tail",))
        command = [harness.SHIM, "--root", self.state, "exec", "--process", path, "--detach", "--pid-file", PID_FILE, "c1"]
        for closed in ("<&-", "<&- >&-", "<&- >&- 2>&-"):
            with self.subTest(closed):
                PID_FILE.unlink(missing_ok=True)
                words = ["sh", "-c", f'exec "$@" {closed}', "sh", *map(str, command)]
                run = subprocess.run(words, capture_output=True, timeout=harness.TIMEOUT, check=False)
                self.assertEqual(run.returncode, 0)
                self.assertRegex(run.stderr.decode(), "^$" if "2>&-" in closed else rf"^{REFUSED}\n$")
                self.assertEqual(self.reap(), STATUS)

    def test_a_process_that_can_do_nothing(self):
        """Held up by a full pipe: what it holds, and what it may do."""
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        size = fcntl.fcntl(writer, fcntl.F_GETPIPE_SZ)
        self.assertEqual(os.write(writer, b"x" * size), size)
        os.set_blocking(writer, True)
        kept = os.open("/etc", os.O_RDONLY)
        PID_FILE.unlink(missing_ok=True)
        path = self.write_process(args=("tail",))
        command = [harness.SHIM, "--root", self.state, "exec", "--process", path, "--detach", "--pid-file", PID_FILE, "c1"]
        subprocess.run(command, stderr=writer, pass_fds=[kept], timeout=harness.TIMEOUT, check=True)
        os.close(kept)
        os.close(writer)
        process = Path("/proc", PID_FILE.read_text())
        deadline = time.monotonic() + harness.TIMEOUT
        while "\nSeccomp:\t1\n" not in (process / "status").read_text():
            self.assertLess(time.monotonic(), deadline, (process / "status").read_text())
            time.sleep(0.01)
        links = {os.readlink(process / "fd" / name) for name in os.listdir(process / "fd")}
        self.assertEqual(len(os.listdir(process / "fd")), 4, links)
        self.assertNotIn("/etc", links)
        self.assertEqual(os.readlink(process / "cwd"), "/")
        self.assertEqual(os.getsid(int(process.name)), int(process.name))
        with os.fdopen(reader, "rb") as pipe:
            said = pipe.read()
        self.assertRegex(said[size:].decode(), rf"^{REFUSED}\n$")
        self.assertEqual(self.reap(), STATUS)

    def test_an_engine_can_end_it(self):
        """A timeout of a probe: the engine kills the process that it knows."""
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        os.write(writer, b"x" * fcntl.fcntl(writer, fcntl.F_GETPIPE_SZ))
        os.set_blocking(writer, True)
        self.addCleanup(os.close, reader)
        path = self.write_process(args=("tail",))
        command = [harness.SHIM, "--root", self.state, "exec", "--process", path, "--detach", "--pid-file", PID_FILE, "c1"]
        subprocess.run(command, stderr=writer, timeout=harness.TIMEOUT, check=True)
        os.close(writer)
        os.kill(int(PID_FILE.read_text()), signal.SIGKILL)
        self.assertEqual(self.reap(), -signal.SIGKILL)

    def test_many_at_once(self):
        """Each engine finds its own process, ended with its own status, however they meet."""
        path = self.write_process(args=("tail",))
        files = [harness.WORK / f"pid-{number}" for number in range(20)]
        command = [harness.SHIM, "--root", self.state, "exec", "--process", path, "--detach", "--pid-file"]
        calls = [subprocess.Popen([*command, file, "c1"], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for file in files]
        self.assertEqual([call.wait(harness.TIMEOUT) for call in calls], [0] * len(calls))
        ended = [os.waitstatus_to_exitcode(os.waitpid(int(file.read_text()), 0)[1]) for file in files]
        self.assertEqual(ended, [STATUS] * len(files))

    def test_explained_of_a_container(self):
        for how in ("exit-status", "error"):
            self.load_catalog(how)
            command = [harness.CTL, "explain", "--engine", "docker"]
            said = subprocess.run(command, capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)
            self.assertRegex(said.stdout, rf"(?m)^refuseExec +{how}$")
            command.insert(1, "--json")
            said = subprocess.run(command, capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)
            self.assertEqual(json.loads(said.stdout)["refuseExec"], how)

    def test_explained(self):
        command = [harness.CTL, "explain", "--exec", "--root", self.state, "c1", "--", "tail"]
        said = subprocess.run(command, capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)
        self.assertEqual(said.returncode, 1)
        self.assertRegex(said.stdout, r'\n  as +the exit status 126 of the command, which writes that \("refuseExec"\)\n')
        command.insert(1, "--json")
        document = json.loads(subprocess.run(command, capture_output=True, text=True, timeout=harness.TIMEOUT, check=False).stdout)
        self.assertEqual((document["ok"], document["exitStatus"]), (False, STATUS))
        self.load_catalog("error")
        document = json.loads(subprocess.run(command, capture_output=True, text=True, timeout=harness.TIMEOUT, check=False).stdout)
        self.assertEqual((document["ok"], "exitStatus" in document), (False, False))


class ExitStatusOnRecord(StatusTest, observing.ObservingTest):
    """What it is given as changes nothing of what it is."""

    def test_logged_and_counted(self):
        log = harness.WORK / "decisions.jsonl"
        catalog = json.loads((harness.ETC / "catalog.d" / "10-test.json").read_text()) | {"decisionLog": str(log)}
        self.assertEqual(self.try_to_load(catalog).returncode, 0)
        before = self.counters()
        run = self.exec_detached()
        self.assertEqual(self.reap(), STATUS)
        self.assert_counted(before, "exec refused", "policy")
        record = json.loads(log.read_text().splitlines()[-1])
        self.assertEqual((record["outcome"], record["reason"], record["exit_status"]), ("refused", "policy", str(STATUS)))
        self.assertEqual(f"aa-shim: {record['message']}\n", run.message)
        self.assertEqual(re.search(r"decision ([0-9a-f]{16})", run.message)[1], record["decision"])


class ExitStatusCrun(ExitStatus):
    """The same in front of crun."""

    runtime_name = "crun"

    def make_state(self):
        return self.make_crun_state(self.init, self.bundle)

    def test_what_is_not_sure_stays_an_error(self):
        (self.state / "c1" / "status").chmod(0o666)
        self.assert_an_error(self.exec_detached(), "status")

    def test_what_cannot_be_given_stays_an_error(self):
        """crun has no --pidfd-socket."""
        self.assert_an_error(self.exec_detached("--pid-file", "/nowhere/pid"), "it could not be given as an exit status")
