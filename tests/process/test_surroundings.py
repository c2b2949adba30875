# SPDX-License-Identifier: Apache-2.0
"""A host that is short of something, or odd: full and read-only file systems, limits, closed descriptors, a /dev without /dev/null, a hidden
/proc, a journal that nobody reads. What cannot be done is refused, with the reason; nothing is left of it; what cleans up works.

test_faults has single system calls fail."""

import json
import os
import resource
import shutil
import signal
import socket
import stat
import subprocess
import time
from pathlib import Path

import bundle as bundles
import harness
from test_exec import RunningContainer
from test_exec_stop import OBEDIENT, PROGRAM, StopTest
from watching import INIT

LOG = harness.WORK / "log"
SHARE = Path(__file__).resolve().parents[2] / "share"
REACHED = 98  # what INIT ends with when it is called as a runtime


def limited(limit, count):
    return {"preexec_fn": lambda: resource.setrlimit(limit, (count, count))}


def below(script):
    """What is put before a program so that it runs in a mount namespace of its own, after SCRIPT."""
    return ("unshare", "--mount", "sh", "-ec", f'{script}; exec "$@"', "sh")


class Surroundings(RunningContainer):
    """A running container, and calls that end with REACHED where the runtime is reached."""

    def setUp(self):
        super().setUp()
        shutil.copy(INIT, self.runtime)
        self.compiled = harness.COMPILED.read_bytes()
        self.fresh = harness.WORK / "fresh"

    def calls(self, **process):
        """The four that start something or clean up, by name: the words, and the exit code of a refusal."""
        shutil.rmtree(self.fresh, ignore_errors=True)
        self.make_bundle(name="fresh")
        return {
            "create": (("create", "--bundle", self.fresh, "c2"), 1),
            "exec": (("--root", self.state, "exec", "--process", self.write_process(**process), "--detach", "c1"), 255),
            "start": (("--root", self.state, "start", "c1"), 1),
            "delete": (("delete", "--force", "c1"), None),
            "kill": (("kill", "c1", "KILL"), None),
            "state": (("state", "c1"), None),
        }

    def outcomes(self, text, refused=("create", "exec"), **options):
        """REFUSED are refused with TEXT and leave nothing; the others work."""
        for name, (words, code) in self.calls().items():
            with self.subTest(name):
                run = self.shim(*words, **options)
                if name in refused:
                    self.assertEqual((run.code, text in run.message), (code, True), run.message)
                    self.assertEqual(run.message.count("\n"), 1)
                else:
                    self.assertEqual(run.code, REACHED, run.message)
                if name == "create" and name in refused:
                    self.assertEqual([path.name for path in self.fresh.iterdir()], ["config.json"])
                    self.assertNotIn(b"aa-shim/", (self.fresh / "config.json").read_bytes())

    def load(self, prefix=(), **options):
        return subprocess.run([*prefix, harness.CTL, "load"], capture_output=True, text=True, timeout=harness.TIMEOUT, check=False, **options)

    def assert_not_loaded(self, result, text):
        self.assertNotEqual(result.returncode, 0)
        self.assertIn(text, result.stderr)
        self.assertEqual(harness.COMPILED.read_bytes(), self.compiled)
        self.assertEqual([path.name for path in harness.RUN.iterdir() if path.name not in ("catalog", "counters", "key", ".load.lock")], [])

    def change(self):
        path = harness.ETC / "catalog.d/10-test.json"
        catalog = json.loads(path.read_text())
        catalog["decisionLog"] = "/var/log/other"
        path.write_text(json.dumps(catalog))

    def tiny(self, path, size="64k"):
        """A file system of SIZE on PATH, with what was there."""
        kept = harness.WORK / "kept"
        shutil.copytree(path, kept, symlinks=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", path], check=True)
        self.addCleanup(subprocess.run, ["umount", path], check=True)
        shutil.copytree(kept, path, symlinks=True, dirs_exist_ok=True)
        shutil.rmtree(kept)

    def fill(self, path):
        with open(Path(path) / "fill", "ab", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                return


class Limits(Surroundings):
    def test_the_length_of_files(self):
        """Its signal would end aa-shim without a word, and leave what was begun."""
        self.outcomes("raise its limit (RLIMIT_FSIZE)", **limited(resource.RLIMIT_FSIZE, 0))
        run = self.shim("--log", LOG, "create", "--bundle", "/nowhere", "c2", **limited(resource.RLIMIT_FSIZE, 0))
        self.assertEqual(run.code, 1)
        self.assertIn("cannot open the bundle '/nowhere'", run.message)
        self.change()
        self.assert_not_loaded(self.load(**limited(resource.RLIMIT_FSIZE, 0)), "")

    def test_its_signal_is_the_runtimes(self):
        shutil.copy(harness.FAKE, self.runtime)
        words, _ = self.calls()["create"]
        run = self.shim(*words, **limited(resource.RLIMIT_FSIZE, 1 << 20))
        self.assertEqual(int(run.record.status["SigIgn"], 16) & 1 << (signal.SIGXFSZ - 1), 0)

    def test_descriptors(self):
        """With as many as it takes everything is done, with fewer nothing."""
        for name in ("create", "exec", "delete"):
            reached = []
            for count in range(3, 24):
                words, code = self.calls()[name]
                run = self.shim(*words, **limited(resource.RLIMIT_NOFILE, count))
                reached.append(run.code == REACHED)
                if not reached[-1]:
                    self.assertEqual(run.code, code or 1, run.message)
                    self.assertIn("raise its limit (RLIMIT_NOFILE)", run.message)
            self.assertEqual(reached, sorted(reached), name)
            self.assertTrue(reached[10], name)
        self.change()
        for count in range(3, 24):
            result = self.load(**limited(resource.RLIMIT_NOFILE, count))
            if result.returncode == 0:
                break
            self.assert_not_loaded(result, "raise its limit (RLIMIT_NOFILE)")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertNotEqual(harness.COMPILED.read_bytes(), self.compiled)

    def test_memory(self):
        """What libc and the kernel need before main() is nobody's to tell; from then on it is told, or enough."""
        environment = {"env": [f"{'X' * 2000}{n}=1" for n in range(400)]}
        for name in ("create", "exec"):
            refused = 0
            for kilobytes in range(1500, 6000, 100):
                words, code = self.calls(**environment)[name]
                if name == "create":
                    (self.fresh / "config.json").write_bytes(bundles.encode(bundles.config(process=bundles.process(**environment))))
                run = self.shim(*words, prefix=("prlimit", f"--as={kilobytes * 1024}"))
                if run.code in (-signal.SIGSEGV, -signal.SIGKILL, 127):
                    self.assertEqual(refused, 0)
                elif run.code != REACHED:
                    refused += 1
                    self.assertEqual(run.code, code, run.message)
                    self.assertRegex(run.message, "memory")
            self.assertGreater(refused, 0, name)
            self.assertEqual(run.code, REACHED, run.message)

    def test_memory_of_a_load(self):
        self.change()
        for kilobytes in range(8000, 20000, 500):
            result = self.load(prefix=("prlimit", f"--as={kilobytes * 1024}"))
            if result.returncode == 0:
                break
            self.assertEqual(harness.COMPILED.read_bytes(), self.compiled)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertNotEqual(harness.COMPILED.read_bytes(), self.compiled)

    def test_closed_descriptors(self):
        shutil.copy(harness.FAKE, self.runtime)
        for closed in ((0,), (1,), (2,), (0, 1), (0, 1, 2)):
            def close(closed=closed):
                for fd in closed:
                    os.close(fd)

            with self.subTest(closed):
                for name in ("create", "exec"):
                    words, code = self.calls()[name]
                    run = self.shim(*words, preexec_fn=close)
                    self.assertEqual(run.code, 0, run.message)
                    self.assertEqual({fd for fd in run.record.fds if fd < 3}, {0, 1, 2} - set(closed))
                    LOG.unlink(missing_ok=True)
                    (harness.RUN / "catalog").rename(harness.RUN / "away")
                    run = self.shim("--log", LOG, *words, preexec_fn=close)
                    (harness.RUN / "away").rename(harness.RUN / "catalog")
                    self.assertEqual((run.code, run.stdout), (code, b""))
                    self.assertEqual(LOG.read_text().count("\n"), 1)
                self.assertEqual(self.load(preexec_fn=close).returncode, 0)


class Disks(Surroundings):
    def test_a_full_run(self):
        self.tiny("/run", "256k")
        self.fill("/run")
        self.outcomes("", refused=())
        self.change()
        self.assert_not_loaded(self.load(), "the disk is full")

    def test_a_full_run_before_there_is_a_key(self):
        (harness.RUN / "key").unlink()
        self.tiny("/run", "256k")
        self.fill("/run")
        run = self.shim(*self.calls()["create"][0])
        self.assert_refused(run, "the disk is full: see to it that the host can read and write there, and try again")
        self.assertEqual([path.name for path in harness.RUN.iterdir() if "key" in path.name], [])
        self.assertEqual([path.name for path in self.fresh.iterdir()], ["config.json"])

    def test_a_full_bundle(self):
        calls = self.calls()
        original = (self.fresh / "config.json").read_bytes()
        self.tiny(self.fresh, "16k")
        self.fill(self.fresh)
        run = self.shim(*calls["create"][0])
        self.assert_refused(run, "the disk is full")
        self.assertEqual((self.fresh / "config.json").read_bytes(), original)
        self.assertEqual(sorted(path.name for path in self.fresh.iterdir()), ["config.json", "fill"])
        self.assertEqual(self.shim(*calls["delete"][0]).code, REACHED)

    def test_full_logs(self):
        """The runtime's, and that of the decisions."""
        logs = harness.WORK / "logs"
        logs.mkdir()
        self.tiny(logs, "8k")
        self.fill(logs)
        run = self.shim("--log", logs / "log", "create", "--bundle", "/nowhere", "c2")
        self.assert_refused(run, "cannot open the bundle '/nowhere'")
        self.assertEqual(self.try_to_load(harness.CATALOG | {"decisionLog": str(logs / "decisions")}).returncode, 0)
        self.assertEqual(self.shim(*self.calls()["create"][0]).code, REACHED)

    def test_full_catalog(self):
        folder = harness.ETC / "catalog.d"
        self.tiny(folder, "12k")
        self.fill(folder)
        words = [harness.CTL, "new", "shop", "--from", "web", "--templates", SHARE / "templates"]
        result = subprocess.run(words, capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)
        self.assertEqual((result.returncode, result.stdout), (3, ""))
        self.assertRegex(result.stderr, f"^aa-shimctl: '{folder}/[^']*': cannot write .*: the disk is full\n$")
        self.assertEqual(sorted(path.name for path in folder.iterdir()), ["10-test.json", "fill"])
        self.assertEqual([path.name for path in (harness.ETC / "apparmor.d").iterdir()], ["aa-test"])
        self.assertEqual(self.load().returncode, 0)

    def test_nowhere_to_keep_loads(self):
        """The catalog comes into force all the same, and it is said that the way back is not kept."""
        self.tiny("/var/lib/aa-shim", "32k")
        self.fill("/var/lib/aa-shim")
        kept = sorted(harness.LOADS.rglob("*"))
        self.change()
        result = self.load()
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertRegex(result.stderr, "this load is not kept, .*: the disk is full\n$")
        self.assertEqual(sorted(harness.LOADS.rglob("*")), kept)
        self.assertNotEqual(harness.COMPILED.read_bytes(), self.compiled)

    def test_read_only(self):
        for path, refused, said in (("/", (), None), (self.fresh, ("create",), "Read-only"), ("/run", (), "Read-only")):
            with self.subTest(path):
                self.calls()
                self.outcomes("Read-only", refused, prefix=below(f"mount --bind {path} {path}; mount -o remount,bind,ro {path}"))
        self.change()
        self.assert_not_loaded(self.load(below("mount --bind /run /run; mount -o remount,bind,ro /run")), "Read-only")


class Odd(Surroundings):
    def test_no_dev_null(self):
        """Nothing needs it, and nothing is written to a file that is called so."""
        null = harness.WORK / "dev/null"
        null.parent.mkdir()
        os.mknod(null.parent / "urandom", 0o666 | stat.S_IFCHR, os.makedev(1, 9))
        odd = below(f"mount --bind {null.parent} /dev")
        for name, make in (("missing", lambda: None), ("a file", lambda: null.write_text("text")), ("a folder", lambda: (null.unlink(), null.mkdir()))):
            with self.subTest(name):
                make()
                self.outcomes("", refused=(), prefix=odd)
                for command in ("load", "check"):
                    result = subprocess.run([*odd, harness.CTL, command], capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)
                    self.assertEqual(result.returncode, 0, result.stderr)
                self.assertEqual(null.exists(), name != "missing")
                self.assertTrue(name != "a file" or null.read_text() == "text")

    def test_a_journal_that_nobody_reads(self):
        journal = self.listen_as_journald(0)
        sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(sender.close)
        sender.setblocking(False)
        try:
            while True:
                sender.sendto(b"x", str(harness.JOURNAL))
        except BlockingIOError:
            pass
        begun = time.monotonic()
        self.outcomes("", refused=())
        self.assert_refused(self.shim("create", "--bundle", "/nowhere", "c2"), "cannot open the bundle")
        self.assertLess(time.monotonic() - begun, harness.TIMEOUT / 2)
        self.assertEqual(journal.recv(10), b"x")


class Hidden(StopTest):
    """/proc, where nobody sees the processes of others; root does."""

    def test_hidden_processes(self):
        for steps, obeys in ((OBEDIENT, True), (OBEDIENT[:1], False)):
            with self.subTest(obeys):
                process = self.created(*steps, *PROGRAM)
                self.start(prefix=below("mount -t proc -o hidepid=2 proc /proc"))
                self.assert_let_go(process) if obeys else self.assert_ended(process)
