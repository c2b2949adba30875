# SPDX-License-Identifier: Apache-2.0
"""What cannot be confined is refused: the runtime is not started, the person is told, nothing is left behind."""

import json
import os
import shutil
import subprocess

import bundle as bundles
import harness

NOW = r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ"


class WithoutCatalog(harness.ShimTest):
    """The four commands that start something, on a host where no catalog is in force."""

    COMMANDS = {
        "create": (1, ("create", "--bundle", "{bundle}", "c1")),
        "run": (1, ("run", "--bundle", "{bundle}", "c1")),
        "restore": (1, ("restore", "--image-path", "/nowhere", "--bundle", "{bundle}", "c1")),
        "exec": (255, ("exec", "--process", "{bundle}/config.json", "c1")),
        "exec with words": (255, ("exec", "c1", "/bin/true")),
    }

    def test_refused(self):
        directory = self.make_bundle()
        original = (directory / "config.json").read_bytes()
        for name, (code, words) in self.COMMANDS.items():
            with self.subTest(name):
                run = self.shim(*(word.format(bundle=directory) for word in words))
                self.assert_refused(run, "aa-shimctl load", code)
                self.assert_untouched(directory, original)

    def test_json_line_in_the_log(self):
        directory, log = self.make_bundle(), harness.WORK / "log.json"
        run = self.shim("--log", log, "--log-format", "json", "create", "--bundle", directory, "c1")
        self.assert_refused(run, str(harness.COMPILED))
        lines = log.read_text().splitlines()
        self.assertEqual(len(lines), 1)
        entry = json.loads(lines[0])
        self.assertEqual(sorted(entry), ["level", "msg", "time"])
        self.assertEqual(entry["level"], "error")
        self.assertEqual(entry["msg"], run.message.rstrip("\n"))
        self.assertRegex(entry["time"], f"^{NOW}$")

    def test_line_is_appended(self):
        log = harness.WORK / "log.json"
        log.write_text('{"level":"info","msg":"before","time":"2026-01-01T00:00:00Z"}\n')
        self.shim("--log", log, "--log-format=json", "create", "--bundle", self.make_bundle(), "c1")
        self.assertEqual([json.loads(line)["level"] for line in log.read_text().splitlines()], ["info", "error"])

    def test_text_line_in_the_log(self):
        log = harness.WORK / "log"
        run = self.shim("--log", log, "create", "--bundle", self.make_bundle(), "c1")
        self.assert_refused(run)
        self.assertRegex(log.read_text(), f'^time="{NOW}" level=error msg=".*aa-shimctl load.*"\n$')

    def test_a_log_that_cannot_be_written(self):
        run = self.shim("--log", "/nowhere/log", "create", "--bundle", self.make_bundle(), "c1")
        self.assert_refused(run, "aa-shimctl load")

    def test_output_that_nobody_reads(self):
        """Error paths survive closed descriptors: the exit code still tells."""

        def before():
            for fd in (0, 1, 2):
                os.close(fd)

        run = self.create(self.make_bundle(), preexec_fn=before)
        self.assertEqual((run.code, run.record), (1, None))

    def test_recursion_of_create_is_refused(self):
        self.point_runtime_at(harness.SHIM)
        self.assert_refused(self.create(self.make_bundle()))


class BadCatalog(harness.ShimTest):
    """A compiled catalog that is damaged, or that others could have written."""

    def setUp(self):
        super().setUp()
        self.load_catalog()
        self.good = harness.COMPILED.read_bytes()
        self.bundle = self.make_bundle()

    def assert_create_refused(self, text=str(harness.COMPILED)):
        self.assert_refused(self.create(self.bundle), text)

    def test_the_good_one_is_taken(self):
        self.assertEqual(self.create(self.bundle).code, 0)

    def test_damaged(self):
        middle = len(self.good) // 2
        cases = {
            "empty": b"",
            "one byte": self.good[:1],
            "half": self.good[:middle],
            "one byte short": self.good[:-1],
            "one byte more": self.good + b"\0",
            "another file": b"{}\n",
        }
        for name, content in cases.items():
            with self.subTest(name):
                harness.COMPILED.write_bytes(content)
                self.assert_create_refused()

    def test_every_truncation(self):
        for size in range(0, len(self.good), max(1, len(self.good) // 40)):
            with self.subTest(size=size):
                harness.COMPILED.write_bytes(self.good[:size])
                self.assert_create_refused()

    def test_flipped_bits(self):
        """A flipped bit is found, or lies where this decision does not look."""
        original = (self.bundle / "config.json").read_bytes()
        self.create(self.bundle)
        right = self.decision()
        found = 0
        for place in range(0, len(self.good), 7):
            with self.subTest(place=place):
                harness.COMPILED.write_bytes(self.good[:place] + bytes([self.good[place] ^ 1 << place % 8]) + self.good[place + 1 :])
                (self.bundle / "config.json").write_bytes(original)
                run = self.create(self.bundle)
                if run.record is None:
                    found += 1
                    self.assert_refused(run, str(harness.COMPILED))
                else:
                    self.assertEqual(self.decision(), right)
        self.assertGreater(found, len(self.good) // 7 // 4)

    def decision(self):
        """The bundle's config.json less the id of the decision and the digest."""
        document = json.loads((self.bundle / "config.json").read_bytes())
        for key in ("decision", "digest"):
            del document["annotations"][f"aa-shim/{key}"]
        return document

    def test_group_can_write_it(self):
        harness.COMPILED.chmod(0o664)
        self.assert_create_refused()

    def test_others_can_write_it(self):
        harness.COMPILED.chmod(0o646)
        self.assert_create_refused()

    def test_another_owner(self):
        os.chown(harness.COMPILED, 65534, 0)
        self.assert_create_refused()

    def test_others_can_write_its_directory(self):
        harness.RUN.chmod(0o777)
        self.assert_create_refused(str(harness.RUN))

    def test_symlink(self):
        target = harness.WORK / "catalog"
        shutil.move(harness.COMPILED, target)
        harness.COMPILED.symlink_to(target)
        self.assert_create_refused()

    def test_fifo(self):
        harness.COMPILED.unlink()
        os.mkfifo(harness.COMPILED, 0o600)
        self.assert_create_refused()


def with_process(**members):
    return bundles.encode(bundles.config(process=bundles.process(**members)))


def replaced(old, new):
    """The usual config.json with the text OLD replaced by NEW."""
    text = bundles.encode(bundles.config(annotations={"a": "b"}))
    assert text.count(old) >= 1, old
    return text.replace(old, new, 1)


BAD_DOCUMENTS = {
    "empty": b"",
    "white space": b" \n",
    "truncated": bundles.encode(bundles.config())[:-20],
    "an array": b"[]",
    "null": b"null",
    "no process": b'{"ociVersion":"1.0.2"}',
    "process is null": replaced(b'"process":{', b'"process":null,"x":{'),
    "process is a string": replaced(b'"process":{', b'"process":"x","y":{'),
    "byte order mark": b"\xef\xbb\xbf" + bundles.encode(bundles.config()),
    "not UTF-8": replaced(b"/bin/true", b"/bin/\xff"),
    "lone surrogate": replaced(b"/bin/true", b"\\ud800"),
    "overlong UTF-8": replaced(b"/bin/true", b"\xc0\xaf"),
    "trailing bytes": bundles.encode(bundles.config()) + b"{}",
    "a NUL after it": bundles.encode(bundles.config()) + b"\0",
    "comment": replaced(b'{"oci', b'/* */{"oci'),
    "trailing comma": replaced(b"}\n", b",}\n"),
    "single quotes": replaced(b'"ociVersion"', b"'ociVersion'"),
    "NaN": replaced(b'"oomScoreAdj":0', b'"oomScoreAdj":NaN'),
    "deeply nested": replaced(b'{"oci', b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b',"oci'),
    "deeply nested, open": b'{"x":' * 200_000,
    "too long": replaced(b'{"oci', b" " * (64 << 20) + b'{"oci'),
    "process twice": replaced(b'{"oci', b'{"process":{"cwd":"/"},"oci'),
    "process, escaped, twice": replaced(b'{"oci', b'{"\\u0070rocess":{"cwd":"/"},"oci'),
    "process in capitals": replaced(b'{"oci', b'{"PROCESS":{"apparmorProfile":"unconfined"},"oci'),
    "profile in another case": replaced(b'"cwd":', b'"ApparmorProfile":"unconfined","cwd":'),
    "profile twice": replaced(b'"cwd":', b'"apparmorProfile":"a","apparmorProfile":"unconfined","cwd":'),
    "profile of the wrong type": replaced(b'"cwd":', b'"apparmorProfile":{},"cwd":'),
    "noNewPrivileges in another case": replaced(b'"cwd":', b'"nonewprivileges":false,"cwd":'),
    "capabilities in another case": replaced(b'"cwd":', b'"Capabilities":{},"cwd":'),
    "args by a Unicode fold": replaced(b'"cwd":', '"arg\u017f":["/bin/sh"],"cwd":'.encode()),
    "a set in another case": replaced(b'"bounding":', b'"Bounding":["CAP_SYS_ADMIN"],"bounding":'),
    "a set of the wrong type": replaced(b'"ambient":[]', b'"ambient":"CAP_SYS_ADMIN"'),
    "linux twice": replaced(b'"linux":', b'"linux":{},"linux":'),
    "annotations twice": replaced(b'"annotations":', b'"annotations":{},"annotations":'),
    "an annotation twice": replaced(b'"a":"b"', b'"a":"b","a":"c"'),
    "the annotation bundle": replaced(b'"a":"b"', b'"bundle":"/elsewhere"'),
    "a reserved annotation": replaced(b'"a":"b"', b'"aa-shim/decision":"all is well"'),
    "a reserved annotation, escaped": replaced(b'"a":"b"', b'"aa\\u002dshim/decision":"all is well"'),
}


class BadConfig(harness.ShimTest):
    """A config.json that cannot be understood beyond doubt."""

    def setUp(self):
        super().setUp()
        self.load_catalog()

    def test_documents(self):
        for number, (name, document) in enumerate(BAD_DOCUMENTS.items()):
            with self.subTest(name):
                directory = self.make_bundle(document, f"bundle{number}")
                self.assert_refused(self.create(directory), "the annotation 'aa-shim/decision'" if "reserved" in name else "config.json")
                self.assert_untouched(directory, document)

    def test_the_request_annotation_must_be_allowed(self):
        directory = self.make_bundle(bundles.config(annotations={"aa-shim/confinement": "kill-only"}))
        self.assert_refused(self.create(directory), "kill-only")

    def test_a_seccomp_agent(self):
        """A socket of the host that whoever writes the seccomp profile may choose: refused, unless a rule passes the container."""
        seccomp = {"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/run/docker.sock", "listenerMetadata": "x"}
        config = bundles.config(linux={"seccomp": seccomp}, annotations={"a": "b"})
        original = bundles.encode(config)
        directory = self.make_bundle(original)
        for command in ("create", "run", "restore"):
            run = self.shim(command, "--bundle", directory, "c1")
            self.assert_refused(run, "\"linux.seccomp.listenerPath\" is '/run/docker.sock'")
            self.assertIn("take it out of the seccomp profile", run.message)
            self.assert_untouched(directory, original)
        explain = [harness.CTL, "explain", "--bundle", directory]
        result = subprocess.run(explain, capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("listenerPath", result.stdout + result.stderr)
        for key, value in {"listenerpath": "/run/docker.sock", "listenerPath": 7}.items():
            name = f"{key}-{value}".replace("/", "")
            document = bundles.encode(bundles.config(linux={"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", key: value}}))
            self.assert_refused(self.create(self.make_bundle(document, name)), "config.json")
        config["linux"]["seccomp"]["listenerPath"] = ""
        self.assertIsNotNone(self.create(self.make_bundle(config, "none")).record)
        result = self.try_to_load(harness.CATALOG | {"rules": [{"match": {"annotations": {"a": "b"}}, "pass": True, "weaker": True}]})
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIsNotNone(self.create(directory).record)

    def test_rejected_by_a_rule(self):
        directory = self.make_bundle(bundles.config(annotations={"example.test/forbidden": "x"}))
        self.assert_refused(self.create(directory), "not on this host")

    def test_no_bundle(self):
        self.assert_refused(self.create("/nowhere"), "/nowhere")

    def test_no_config(self):
        directory = self.make_bundle()
        (directory / "config.json").unlink()
        self.assert_refused(self.create(directory), "config.json")

    def test_symlink(self):
        directory = self.make_bundle()
        (directory / "config.json").rename(directory / "real.json")
        (directory / "config.json").symlink_to("real.json")
        self.assert_refused(self.create(directory), "config.json")

    def test_directory(self):
        directory = self.make_bundle()
        (directory / "config.json").unlink()
        (directory / "config.json").mkdir()
        self.assert_refused(self.create(directory), "config.json")

    def test_fifo(self):
        directory = self.make_bundle()
        (directory / "config.json").unlink()
        os.mkfifo(directory / "config.json", 0o600)
        self.assert_refused(self.create(directory), "config.json")

    def test_others_can_write_the_bundle(self):
        directory = self.make_bundle()
        directory.chmod(0o777)
        self.assert_refused(self.create(directory), str(directory))

    def test_others_can_write_config(self):
        directory = self.make_bundle()
        (directory / "config.json").chmod(0o666)
        self.assert_refused(self.create(directory), "config.json")


class FileSystems(harness.ShimTest):
    """File systems on which the bundle cannot be rewritten."""

    def setUp(self):
        super().setUp()
        self.load_catalog()
        self.bundle = harness.WORK / "bundle"
        self.bundle.mkdir(mode=0o700)

    def mount(self, options):
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", self.bundle], check=True)
        self.addCleanup(subprocess.run, ["umount", self.bundle], check=True)

    def write_config(self):
        original = bundles.docker_like()
        (self.bundle / "config.json").write_bytes(original)
        return original

    def test_read_only(self):
        self.mount("size=64k,mode=700")
        original = self.write_config()
        subprocess.run(["mount", "-o", "remount,ro", self.bundle], check=True)
        self.assert_refused(self.create(self.bundle), "config.json")
        self.assert_untouched(self.bundle, original)

    def test_full(self):
        self.mount("size=20k,mode=700")
        original = self.write_config()
        self.assert_refused(self.create(self.bundle), "config.json")
        self.assert_untouched(self.bundle, original)

    def test_no_inode_left(self):
        self.mount("size=64k,mode=700,nr_inodes=2")
        original = self.write_config()
        self.assert_refused(self.create(self.bundle), "config.json")
        self.assert_untouched(self.bundle, original)


class CommandLines(harness.ShimTest):
    """Lines that parser generations of the runtimes read differently."""

    def setUp(self):
        super().setUp()
        self.load_catalog()
        self.bundle = str(self.make_bundle())

    def test_refused(self):
        cases = {
            "a global option after the command": (1, ("create", "--root", "/r", "--bundle", self.bundle, "c1")),
            "two spellings of one option": (1, ("create", "-b", "/elsewhere", "--bundle", self.bundle, "c1")),
            "white space around an option": (1, ("create", " --bundle", self.bundle, "c1")),
            "a lone dash": (1, ("create", "--bundle", self.bundle, "c1", "-")),
            "a positional after a switch": (1, ("create", "--no-pivot", "c1", "--bundle", self.bundle)),
            "an unknown option": (1, ("run", "--no-such", "--bundle", self.bundle, "c1")),
            "two containers": (1, ("create", "--bundle", self.bundle, "c1", "c2")),
            "no container": (1, ("create", "--bundle", self.bundle)),
            "two dashes after the container": (255, ("exec", "c1", "--", "/bin/true")),
        }
        for name, (code, words) in cases.items():
            with self.subTest(name):
                self.assert_refused(self.shim(*words), code=code)
