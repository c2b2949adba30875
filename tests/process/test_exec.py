# SPDX-License-Identifier: Apache-2.0
"""exec: the process spec that reaches the runtime obeys the decision on the container, whatever the engine wrote."""

import contextlib
import json
import os
import subprocess
import threading
import time

import bundle as bundles
import harness

GREEDY = {
    "capabilities": bundles.capabilities(bundles.ALL_CAPABILITIES, bundles.ALL_CAPABILITIES),
    "noNewPrivileges": False,
}


class RunningContainer(harness.ShimTest):
    """A test with a container that aa-shim created."""

    def setUp(self):
        super().setUp()
        self.load_catalog()
        self.bundle = self.make_bundle()
        (self.bundle / "rootfs" / "bin").mkdir(parents=True)
        (self.bundle / "rootfs" / "bin" / "true").write_bytes(b"#!/bin/sh\n")
        (self.bundle / "rootfs" / "bin" / "true").chmod(0o755)
        created = self.create(self.bundle)
        self.assertIsNotNone(created.record, created.message)
        self.init = self.start_container_process()
        self.state = self.make_state()

    def make_state(self):
        return self.make_runc_state(self.init, self.bundle, annotations=self.annotations())

    def annotations(self):
        return json.loads((self.bundle / "config.json").read_bytes())["annotations"].items()

    def write_process(self, **members):
        path = harness.WORK / "process.json"
        document = bundles.process(**(GREEDY | members))
        path.write_bytes(bundles.encode(document))
        return path

    def exec(self, path, *more, **options):
        return self.shim("--root", self.state, "exec", "--process", path, "--detach", *more, "c1", **options)


class ExecProcess(RunningContainer):
    """exec --process FILE."""

    def test_restricted_spec_is_handed_over(self):
        path = self.write_process()
        original = path.read_bytes()
        run = self.exec(path)
        self.assertIsNotNone(run.record, run.message)
        self.assertEqual(run.stderr, b"")
        seen = json.loads(run.record.process)
        self.assert_confined(seen)
        self.assertEqual(set(seen["capabilities"]["bounding"]), harness.CEILING_NAMES)
        for key, value in json.loads(original).items():
            if key not in ("capabilities", "noNewPrivileges"):
                self.assertEqual(seen[key], value)
        self.assertEqual(path.read_bytes(), original)

    def test_only_the_file_name_changes(self):
        path = self.write_process()
        run = self.exec(path)
        expected = ["--root", str(self.state), "exec", "--process", None, "--detach", "c1"]
        for got, want in zip(run.record.argv[1:], expected, strict=True):
            if want is not None:
                self.assertEqual(got, want)
        self.assertRegex(run.record.argv[5], r"^/(proc/self|dev)/fd/\d+$")

    def descriptor(self, run):
        """The number of the memfd that RUN's runtime was given, the only one that was added."""
        number = int(run.record.argv[run.record.argv.index("--process") + 1].rpartition("/")[2])
        self.assertIn("memfd:", run.record.fds[number])
        self.assertEqual(sorted(set(run.record.fds) - {0, 1, 2}), [number])
        return number

    def test_descriptor_lies_above_those_that_have_a_meaning(self):
        """runc hands 3 … 2+LISTEN_FDS and the --preserve-fds after them to the container."""
        path = self.write_process()
        cases = {(): {}, ("--preserve-fds", "7"): {}, ("--preserve-fds=7",): {"LISTEN_FDS": "5"}}
        for words, environment in cases.items():
            with self.subTest(words=words, environment=environment):
                run = self.exec(path, *words, env=os.environ | environment)
                self.assertIsNotNone(run.record, run.message)
                reserved = 3 + (7 if words else 0) + int(environment.get("LISTEN_FDS", 0))
                self.assertGreaterEqual(self.descriptor(run), reserved)

    def test_the_engines_file_is_the_same_if_it_obeys(self):
        obedient = bundles.process(names=["CAP_KILL"], noNewPrivileges=True)
        path = harness.WORK / "process.json"
        path.write_bytes(bundles.encode(obedient))
        run = self.exec(path)
        self.assertEqual(json.loads(run.record.process), obedient)

    def test_short_form(self):
        path = self.write_process()
        for words in (("-p", path), (f"--process={path}",), ("-process", path)):
            with self.subTest(words=words):
                run = self.shim("--root", self.state, "exec", *words, "c1")
                self.assertIsNotNone(run.record, run.message)

    def test_bad_documents(self):
        good = bundles.encode(bundles.process(**GREEDY))
        cases = {
            "empty": b"",
            "null": b"null",
            "truncated": good[:-9],
            "twice": good.replace(b'"cwd":', b'"apparmorProfile":"x","apparmorProfile":"unconfined","cwd":'),
            "another case": good.replace(b'"cwd":', b'"NoNewPrivileges":false,"cwd":'),
            "a fold": good.replace(b'"cwd":', '"cap\u0061bilitie\u017f":{},"cwd":'.encode()),
            "trailing bytes": good + b"{}",
            "not UTF-8": good.replace(b"/bin/true", b"/bin/\xff"),
            "cwd in /proc": good.replace(b'"cwd":"/"', b'"cwd":"/proc/self/fd/7"'),
        }
        path = harness.WORK / "process.json"
        for name, document in cases.items():
            with self.subTest(name):
                self.assertNotEqual(document, good)
                path.write_bytes(document)
                self.assert_refused(self.exec(path), code=255)

    def test_pipe(self):
        """What comes through a pipe is read once, to its end, and is judged as a file's content."""
        good = bundles.encode(bundles.process(**GREEDY))
        for name, document, expected in (
            ("whole", good, None),
            ("in two pieces", (good[:200], good[200:]), None),
            ("empty", b"", "process spec '/dev/stdin'"),
            ("truncated", good[:-9], "process spec '/dev/stdin'"),
            ("trailing bytes", good + b"{}", "process spec '/dev/stdin'"),
            ("as long as may be", good + b" " * ((16 << 20) - len(good)), None),
            ("longer", good + b" " * ((16 << 20) + 1 - len(good)), "'/dev/stdin' gives more than the 16777216 bytes that are allowed"),
        ):
            with self.subTest(name):
                run = self.exec_from_pipe(document if isinstance(document, tuple) else (document,))
                if expected:
                    self.assert_refused(run, expected, 255)
                else:
                    self.assertIsNotNone(run.record, run.message)
                    self.assert_confined(json.loads(run.record.process))

    def exec_from_pipe(self, pieces):
        reader, writer = os.pipe()

        def write():
            with contextlib.suppress(BrokenPipeError), os.fdopen(writer, "wb", buffering=0) as pipe:
                for piece in pieces:
                    pipe.write(piece)
                    time.sleep(0.05)

        thread = threading.Thread(target=write)
        thread.start()
        try:
            return self.exec("/dev/stdin", stdin=reader)
        finally:
            os.close(reader)
            thread.join()

    def test_neither_file_nor_pipe(self):
        for path in ("/dev/null", harness.WORK):
            self.assert_refused(self.exec(path), "is not a regular file", 255)

    def test_no_such_file(self):
        self.assert_refused(self.exec("/nowhere/process.json"), "/nowhere/process.json", 255)

    def test_json_line_in_the_log(self):
        log = harness.WORK / "log.json"
        run = self.shim("--log", log, "--log-format", "json", "--root", self.state, "exec", "-p", "/nowhere/p", "c1")
        self.assert_refused(run, "/nowhere/p", 255)
        self.assertEqual(json.loads(log.read_text())["msg"], run.message.rstrip("\n"))


class ExecWords(RunningContainer):
    """exec without --process: the rewritten config.json counts, and options must not undo it."""

    def test_greedy_options(self):
        run = self.shim("--root", self.state, "exec", "--cap", "CAP_SYS_ADMIN", "--cap", "CAP_KILL", "c1", "/bin/true")
        self.assertIsNotNone(run.record, run.message)
        self.assertNotIn("CAP_SYS_ADMIN", run.record.argv)
        self.assertIn("CAP_KILL", run.record.argv)
        self.assertEqual(run.record.argv[-2:], ["c1", "/bin/true"])

    def test_no_new_privileges_cannot_be_cleared(self):
        run = self.shim("--root", self.state, "exec", "--no-new-privs=false", "c1", "/bin/true")
        self.assertIsNotNone(run.record, run.message)
        asked = [word for word in run.record.argv if word.startswith("--no-new-privs")]
        self.assertIn(asked[-1], ("--no-new-privs", "--no-new-privs=true"))  # the last one counts

    def test_words_after_the_container_are_the_commands(self):
        words = ("exec", "c1", "/bin/true", "--cap", "CAP_SYS_ADMIN", "-p", "x", "--root", "y")
        run = self.shim("--root", self.state, *words)
        self.assertIsNotNone(run.record, run.message)
        self.assertEqual(run.record.argv[-8:], list(words[1:])[-8:])

    def test_working_directory_in_proc(self):
        self.assert_refused(self.shim("--root", self.state, "exec", "--cwd", "/proc/self/fd/7", "c1", "/bin/true"), "/proc/self/fd/7", 255)


class ExecElsewhere(RunningContainer):
    """Containers that cannot be told."""

    def test_no_such_container(self):
        path = self.write_process()
        self.assert_refused(self.shim("--root", self.state, "exec", "--process", path, "c2"), "c2", 255)

    def test_container_names_that_are_paths(self):
        path = self.write_process()
        for name in ("../state/c1", "..", "c1/", ""):
            with self.subTest(name=name):
                self.assert_refused(self.shim("--root", self.state, "exec", "--process", path, name), code=255)

    def test_init_that_is_gone(self):
        state = json.loads((self.state / "c1" / "state.json").read_text())
        state["init_process_start"] += 1
        (self.state / "c1" / "state.json").write_text(json.dumps(state))
        self.assert_refused(self.exec(self.write_process()), "c1", 255)

    def test_state_that_others_can_write(self):
        (self.state / "c1" / "state.json").chmod(0o666)
        self.assert_refused(self.exec(self.write_process()), "state.json", 255)


class ExecRules(RunningContainer):
    """What exec rules deny needs no AppArmor, which this host does not have."""

    RULES = {"rules": [{"command": "/usr/bin/cat", "apparmor": "aa-test"}, {"command": "/usr/bin/{cat,tail}", "deny": "no looking"}]}

    def load_catalog(self, **rules):
        confinement = harness.BASE | {"exec": self.RULES | rules}
        result = self.try_to_load(harness.CATALOG | {"confinements": {"test": confinement, "kill-only": confinement}})
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def commands(self, *words):
        return {
            "--process": lambda: self.exec(self.write_process(args=words)),
            "words": lambda: self.shim("--root", self.state, "exec", "c1", *words),
        }

    def test_denied(self):
        for word in ("/usr/bin/tail", "tail", "/bin/tail", "/usr/bin/../bin/tail"):
            for name, run in self.commands(word, "/etc/passwd").items():
                with self.subTest(word=word, name=name):
                    run = run()
                    self.assertEqual((run.code, run.record), (255, None))
                    self.assertRegex(
                        run.message,
                        r"^aa-shim: exec of container 'c1' refused \(decision [0-9a-f]{16}\): permission denied: the catalog does not let "
                        rf"'{word}'( \('/usr/bin/tail'\))? run: no looking \(exec rule /etc/aa-shim/catalog.d/10-test.json:1:\d+\)\n$",
                    )

    def test_denied_with_any_number_of_arguments(self):
        for arguments in ((), ("-f",), ("-f", "/etc/passwd"), ("-n", "1", "-f", "/etc/passwd", "")):
            for name, run in self.commands("tail", *arguments).items():
                with self.subTest(arguments=arguments, name=name):
                    run = run()
                    self.assertEqual((run.code, run.record), (255, None))
                    self.assertIn("run: no looking (exec rule", run.message)

    def test_explained(self):
        def explain(*words):
            command = [harness.CTL, "explain", "--exec", "--root", self.state, "c1", "--", *words]
            return subprocess.run(command, capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)

        denied, allowed = explain("tail", "-f", "/etc/passwd"), explain("cat")
        self.assertEqual(explain("tail").stdout, denied.stdout)
        self.assertEqual((denied.returncode, allowed.returncode), (1, 0), denied.stdout + allowed.stdout + allowed.stderr)
        self.assertRegex(denied.stdout, r"\nrefused         permission denied: the catalog does not let 'tail' \('/usr/bin/tail'\) run: no looking ")
        self.assertRegex(allowed.stdout, r"\nbecause         exec rule \S+ denies '/usr/bin/cat' nothing, and without AppArmor it gets no label\n")

    def test_allowed(self):
        for word in ("/usr/bin/cat", "head"):
            for name, run in self.commands(word).items():
                with self.subTest(word=word, name=name):
                    run = run()
                    self.assertIsNotNone(run.record, run.message)

    def test_otherwise(self):
        self.load_catalog(otherwise="deny")
        for name, run in self.commands("head").items():
            with self.subTest(name):
                run = run()
                self.assertEqual((run.code, run.record), (255, None))
                self.assertIn('no exec rule allows it, and "otherwise" is "deny"', run.message)
        for run in self.commands("cat").values():
            self.assertIsNotNone(run().record)


class ExecNotStartedByAaShim(RunningContainer):
    """A container that aa-shim did not start has its own filter of system calls, and so has every exec in it."""

    def annotations(self):
        return ()

    def test_denied_system_calls_cannot_be_denied(self):
        self.assert_refused(
            self.exec(self.write_process()),
            "the container was not started by aa-shim, so system calls that confinement 'test' "
            "(/etc/aa-shim/catalog.d/10-test.json:1:19) denies would be allowed to the exec (keyctl, symlink, symlinkat): start it anew "
            "through aa-shim",
            255,
        )

    def test_without_denied_system_calls_it_is_confined(self):
        confinement = harness.BASE | {"denySyscalls": []}
        result = self.try_to_load(harness.CATALOG | {"confinements": {"test": confinement, "kill-only": confinement}})
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        run = self.exec(self.write_process())
        self.assertIsNotNone(run.record, run.message)
        self.assert_confined(json.loads(run.record.process))


class ExecUnderAnotherCatalog(RunningContainer):
    """What the catalog denies is denied by the filter that the container was started with, or the exec is refused."""

    def load_denying(self, *names):
        confinement = harness.BASE | {"denySyscalls": list(names)}
        result = self.try_to_load(harness.CATALOG | {"confinements": {"test": confinement, "kill-only": confinement}})
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_it_denies_more(self):
        self.load_denying("keyctl", "symlink", "symlinkat", "add_key", "mount")
        self.assert_refused(
            self.exec(self.write_process()),
            "the container was started before the catalog denied them, so system calls that confinement 'test' "
            "(/etc/aa-shim/catalog.d/10-test.json:1:19) denies would be allowed to the exec (add_key, mount): start it anew\n",
            255,
        )
        explain = [harness.CTL, "explain", "--root", self.state, "--exec", "c1", "--", "/bin/true"]
        result = subprocess.run(explain, capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)
        self.assertIn("(add_key, mount)", result.stdout)

    def test_it_denies_less(self):
        self.load_denying("symlink")
        self.assertIsNotNone(self.exec(self.write_process()).record)


class ExecCrun(RunningContainer):
    """The same with crun's state."""

    runtime_name = "crun"

    def make_state(self):
        return self.make_crun_state(self.init, self.bundle)

    def test_restricted_spec_is_handed_over(self):
        run = self.exec(self.write_process())
        self.assertIsNotNone(run.record, run.message)
        self.assert_confined(json.loads(run.record.process))
        self.assertEqual(os.path.basename(run.record.argv[0]), "crun")
