# SPDX-License-Identifier: Apache-2.0
"""Commands that only look or clean up reach the runtime untouched, with no catalog on the host."""

import ctypes
import os
import resource
import shutil
import signal
import subprocess

import harness

PR_SET_PDEATHSIG = 1


class PassThrough(harness.ShimTest):
    COMMANDS = (
        (),
        ("--version",),
        ("-v",),
        ("features",),
        ("--help",),
        ("list", "--format=json"),
        ("--root", "/run/r", "--log", "/run/l", "--log-format", "json", "delete", "--force", "c1"),
        ("--root=/run/r", "kill", "--all", "c1", "9"),
        ("kill", "create", "KILL"),
        ("state", "create"),
        ("--root", "create", "state", "c1"),
        ("start", "c1"),
        ("ps", "--format", "json", "c1"),
        ("events", "--stats", "c1"),
        ("pause", "c1"),
        ("checkpoint", "--image-path", "/x", "--status-fd", "3", "c1"),
        ("spec", "--bundle", "/nowhere"),
        ("no-such-command", "--bundle", "a", "\x01\x7f", ""),
        ("state", "\udcff\udcfe"),
    )

    def test_arguments_are_byte_equal(self):
        for words in self.COMMANDS:
            with self.subTest(words=words):
                encoded = [os.fsencode(word) for word in words]
                run = self.shim_bytes(encoded)
                self.assertEqual(run.stderr, b"")
                self.assertEqual(run.stdout, b"")
                self.assertEqual(run.code, 0)
                self.assertEqual(self.recorded_bytes()[1:], encoded)

    def shim_bytes(self, encoded):
        return self.shim(*map(os.fsdecode, encoded)) if all(word.isascii() for word in encoded) else self.raw(encoded)

    def raw(self, encoded):
        """Like shim(), for words that are not text."""
        result = subprocess.run([os.fsencode(harness.SHIM), *encoded], capture_output=True, timeout=harness.TIMEOUT, check=False)
        return harness.Run(result.returncode, result.stdout, result.stderr, 0, None)

    def recorded_bytes(self):
        return (self.runtime.parent / "record" / "argv").read_bytes().split(b"\0")[:-1]

    def test_runtime_is_called_at_its_own_path(self):
        run = self.shim("state", "c1")
        self.assertEqual(run.record.exe, str(self.runtime))
        self.assertEqual(os.path.basename(run.record.argv[0]), "runc")

    def test_exit_code_is_the_runtimes(self):
        for code in (0, 1, 3, 64, 127, 255):
            with self.subTest(code=code):
                (self.runtime.parent / "exit").write_text(str(code))
                self.assertEqual(self.shim("state", "c1").code, code)

    def test_output_is_the_runtimes(self):
        (self.runtime.parent / "stdout").write_bytes(b'{"ociVersionMin":"1.0.0"}\n')
        run = self.shim("features")
        self.assertEqual((run.stdout, run.stderr), (b'{"ociVersionMin":"1.0.0"}\n', b""))

    def test_standard_input_reaches_the_runtime(self):
        read_end, write_end = os.pipe()
        self.addCleanup(os.close, read_end)
        self.addCleanup(os.close, write_end)
        run = self.shim("update", "--resources", "-", "c1", stdin=read_end)
        self.assertEqual(run.record.fds[0], os.readlink(f"/proc/self/fd/{read_end}"))
        self.assert_forwarded(run, "update", "--resources", "-", "c1")

    def test_environment_is_untouched(self):
        for environment in ({}, {"A": "1", "LISTEN_FDS": "2", "_OCI_STARTPIPE": "3", "PATH": "/nowhere", "LD_PRELOAD": "/x", "E": ""}):
            with self.subTest(environment=environment):
                run = self.shim("state", "c1", env=environment)
                self.assertEqual(run.record.environ, [f"{key}={value}" for key, value in environment.items()])

    def test_descriptors_are_untouched(self):
        read_end, write_end = os.pipe()
        high = os.dup2(read_end, 57, inheritable=True)
        for fd in (read_end, write_end, high):
            self.addCleanup(os.close, fd)
        run = self.shim("state", "c1", pass_fds=(read_end, high))
        self.assertEqual(sorted(run.record.fds), sorted({0, 1, 2, read_end, high}))
        self.assertEqual(run.record.fds[57], run.record.fds[read_end])

    def test_process_is_the_same(self):
        run = self.shim("state", "c1")
        self.assertEqual(run.record.status["Pid"], str(run.pid))
        self.assertEqual(run.record.status["PPid"], str(os.getpid()))

    def test_working_directory_is_untouched(self):
        directory = harness.WORK / "here"
        directory.mkdir()
        self.assertEqual(self.shim("state", "c1", cwd=directory).record.cwd, str(directory))

    def test_working_directory_that_is_gone(self):
        directory = harness.WORK / "gone"
        directory.mkdir()
        os.chdir(directory)
        directory.rmdir()
        self.assert_forwarded(self.shim("state", "c1"), "state", "c1")

    def test_signals_umask_limits_are_untouched(self):
        def before():
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGUSR2)
            signal.pthread_sigmask(signal.SIG_SETMASK, {signal.SIGTERM, signal.SIGUSR1})
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            os.umask(0o027)
            resource.setrlimit(resource.RLIMIT_NOFILE, (211, 307))

        run = self.shim("state", "c1", preexec_fn=before)
        blocked = 1 << (signal.SIGTERM - 1) | 1 << (signal.SIGUSR1 - 1)
        self.assertEqual(int(run.record.status["SigBlk"], 16), blocked)
        self.assertEqual(int(run.record.status["SigIgn"], 16) & 1 << (signal.SIGHUP - 1), 1 << (signal.SIGHUP - 1))
        self.assertEqual(int(run.record.status["SigIgn"], 16) & 1 << (signal.SIGPIPE - 1), 0)
        self.assertEqual(run.record.status["Umask"], "0027")
        self.assertEqual(run.record.pdeathsig, signal.SIGUSR2)
        self.assertRegex(run.record.limits, r"Max open files +211 +307 ")

    def test_catalog_is_not_opened(self):
        trace = harness.WORK / "trace"
        self.shim("state", "c1", prefix=("strace", "-qq", "-o", trace, "-e", "trace=file"))
        self.assertIn("execve", trace.read_text())
        self.assertNotIn(str(harness.RUN), trace.read_text())

    def test_standard_descriptors_may_be_closed(self):
        def before():
            for fd in (0, 1, 2):
                os.close(fd)

        run = self.shim("state", "c1", preexec_fn=before)
        self.assertEqual(run.code, 0)
        self.assertEqual(run.record.argv[1:], ["state", "c1"])


class Runtime(harness.ShimTest):
    """Which program is exec'd."""

    def test_crun_is_called_by_its_own_name(self):
        self.runtime = self.install_runtime("crun")
        run = self.shim("state", "c1", argv0="aa-shim")
        self.assertEqual(os.path.basename(run.record.argv[0]), "crun")

    def test_itself_is_refused(self):
        program = harness.WORK / "aa-shim"  # where nobody else can write, wherever the build is
        shutil.copy(harness.SHIM, program)
        link = harness.WORK / "runc"
        link.symlink_to(program)
        for target, text in ((program, "neither runc nor crun"), (link, "/etc/aa-shim/runtime")):
            self.point_runtime_at(target)
            for words in (("state", "c1"), ("create", "c1")):
                with self.subTest(target=target, words=words):
                    self.assert_refused(self.shim(*words, program=program), text)

    def test_called_as_runc_through_the_path(self):
        """What `aa-shimctl install --mandatory` puts first in an engine's PATH: no handler, and never itself."""
        self.load_catalog()
        directory = harness.WORK / "engine-path"
        directory.mkdir()
        for name in ("runc", "crun"):
            (directory / name).symlink_to(harness.SHIM)
            run = self.shim("--root", "/run/x", "state", "c1", program=directory / name, argv0=name, env={"PATH": f"{directory}:/usr/bin"})
            self.assert_forwarded(run, "--root", "/run/x", "state", "c1")
            self.assertEqual(run.record.argv[0], str(self.runtime))

    def test_a_runtime_that_is_not_there_is_refused(self):
        self.point_runtime_at("/nowhere/runc")
        self.assert_refused(self.shim("state", "c1"), "/nowhere/runc")

    def test_a_runtime_that_others_can_write_is_refused(self):
        self.runtime.chmod(0o777)
        self.assert_refused(self.shim("state", "c1"), str(self.runtime))
        self.runtime.chmod(0o755)
        self.runtime.parent.chmod(0o777)
        self.assert_refused(self.shim("state", "c1"), str(self.runtime.parent))
