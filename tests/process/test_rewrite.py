# SPDX-License-Identifier: Apache-2.0
"""create, run and restore: the runtime sees a config.json that obeys the decision, and nothing else has changed."""

import copy
import json
import os
import stat
import subprocess

import bundle as bundles
import harness

OWNED_IN_PROCESS = ("apparmorProfile", "capabilities", "noNewPrivileges")


def without_owned(document):
    """DOCUMENT less the fields that aa-shim owns."""
    rest = copy.deepcopy(document)
    for key in OWNED_IN_PROCESS:
        rest["process"].pop(key, None)
    rest.get("linux", {}).pop("seccomp", None)
    rest["annotations"] = {key: value for key, value in rest.get("annotations", {}).items() if not key.startswith("aa-shim/")}
    return rest


class Rewrite(harness.ShimTest):
    def setUp(self):
        super().setUp()
        self.load_catalog()

    def created(self, document, **options):
        """The config.json that the runtime sees for DOCUMENT."""
        directory = self.make_bundle(document)
        run = self.create(directory, **options)
        self.assert_forwarded(run, "create", "--bundle", directory, "c1")
        self.assertEqual(run.record.config, (directory / "config.json").read_bytes())
        self.assertEqual([path.name for path in directory.iterdir()], ["config.json"])
        return json.loads(run.record.config)

    def test_docker_like(self):
        original = json.loads(bundles.docker_like())
        seen = self.created(bundles.docker_like())
        self.assert_confined(seen["process"])
        self.assertEqual(set(seen["process"]["capabilities"]["bounding"]), harness.CEILING_NAMES)
        self.assertEqual(without_owned(seen), without_owned(original))
        self.assertTrue(any(key.startswith("aa-shim/") for key in seen["annotations"]))
        for rule in seen["linux"]["seccomp"]["syscalls"]:
            if rule["action"] == "SCMP_ACT_ALLOW":
                self.assertNotIn("keyctl", rule["names"])

    def test_seccomp_where_there_was_none(self):
        seccomp = self.created(bundles.config())["linux"]["seccomp"]
        self.assertEqual(seccomp["defaultAction"], "SCMP_ACT_ALLOW")
        denied = [name for rule in seccomp["syscalls"] if rule["action"] == "SCMP_ACT_ERRNO" for name in rule["names"]]
        self.assertEqual(sorted(denied), harness.DENIED_SYSCALLS)

    def test_other_bytes_stay_as_they_were(self):
        document = (
            b'\n{ "ociVersion" : "1.0.2",\t"x-unknown":{"big":18446744073709551615,"exp":1.50E+2,"neg":-0, "esc":"\\u003c\\/"},\r\n'
            b'  "root":{"path":"rootfs"}, "process" : {"args":["/bin/true"] , "cwd":"/","future":[1,2 , 3]}, "x2":[ ] }\n\n'
        )
        directory = self.make_bundle(document)
        run = self.create(directory)
        self.assert_forwarded(run, "create", "--bundle", directory, "c1")
        self.assert_confined(json.loads(run.record.config)["process"])
        for piece in (
            b' "ociVersion" : "1.0.2",\t"x-unknown":{"big":18446744073709551615,"exp":1.50E+2,"neg":-0, "esc":"\\u003c\\/"},\r\n',
            b'"root":{"path":"rootfs"}, "process" : {',
            b'"args":["/bin/true"] , "cwd":"/","future":[1,2 , 3]',
            b'"x2":[ ]',
        ):
            self.assertIn(piece, run.record.config)

    def test_shapes_of_owned_fields(self):
        process = bundles.process()
        cases = {
            "all capabilities": process | {"capabilities": bundles.capabilities(bundles.ALL_CAPABILITIES, bundles.ALL_CAPABILITIES)},
            "no capabilities member": {key: value for key, value in process.items() if key != "capabilities"},
            "capabilities null": process | {"capabilities": None},
            "capabilities empty": process | {"capabilities": {}},
            "sets null": process | {"capabilities": {kind: None for kind in bundles.capabilities()}},
            "lower case names": process | {"capabilities": {"bounding": ["cap_sys_admin", "cap_kill"]}},
            "an unknown name": process | {"capabilities": {"bounding": ["CAP_FROM_THE_FUTURE", "CAP_KILL"]}},
            "no new privileges false": process | {"noNewPrivileges": False},
            "no new privileges null": process | {"noNewPrivileges": None},
            "ambient without inheritable": process | {"capabilities": bundles.capabilities() | {"ambient": ["CAP_KILL"]}},
        }
        for number, (name, value) in enumerate(cases.items()):
            with self.subTest(name):
                directory = self.make_bundle(bundles.config(process=value), f"bundle{number}")
                run = self.create(directory)
                self.assert_forwarded(run, "create", "--bundle", directory, "c1")
                seen = json.loads(run.record.config)["process"]
                if not (value.get("capabilities") or {}):
                    self.assertFalse(any((seen.get("capabilities") or {}).values()))
                    seen["capabilities"] = {}
                if name == "lower case names":
                    self.assertEqual([word.upper() for word in seen["capabilities"]["bounding"]], ["CAP_KILL"])
                    seen["capabilities"] = {}
                self.assert_confined(seen)

    def test_escaped_keys(self):
        document = bundles.encode(bundles.config(process=bundles.process(noNewPrivileges=False)))
        for old, new in ((b'"process"', b'"\\u0070rocess"'), (b'"noNew', b'"no\\u004eew'), (b'"bounding"', b'"boundin\\u0067"')):
            self.assertIn(old, document)
            document = document.replace(old, new)
        self.assert_confined(self.created(document)["process"])

    def test_twice_gives_the_same_bytes_but_for_id_and_digest(self):
        """These are new each time: what the bundle brings along is not taken over."""
        directory = self.make_bundle(bundles.docker_like())
        first = self.create(directory).record.config
        second = self.create(directory).record.config
        for key in ("decision", "digest"):
            values = [json.loads(config)["annotations"][f"aa-shim/{key}"].encode() for config in (first, second)]
            self.assertNotEqual(*values)
            first = first.replace(*values)
        self.assertEqual(first, second)

    def test_a_callers_id_is_not_taken_over(self):
        document = bundles.config(annotations={"aa-shim/decision": "0123456789abcdef"})
        self.assertNotEqual(self.created(bundles.encode(document))["annotations"]["aa-shim/decision"], "0123456789abcdef")

    def test_mode_and_owner_are_kept(self):
        directory = self.make_bundle()
        config = directory / "config.json"
        config.chmod(0o640)
        os.chown(config, 0, 1234)
        self.create(directory)
        after = config.stat()
        self.assertEqual((stat.S_IMODE(after.st_mode), after.st_uid, after.st_gid), (0o640, 0, 1234))

    def test_large(self):
        seen = self.created(bundles.docker_like(10_000_000))
        self.assert_confined(seen["process"])

    def test_descriptors_are_untouched(self):
        read_end, write_end = os.pipe()
        self.addCleanup(os.close, read_end)
        self.addCleanup(os.close, write_end)
        run = self.create(self.make_bundle(), pass_fds=(read_end, write_end))
        self.assertEqual(sorted(run.record.fds), sorted({0, 1, 2, read_end, write_end}))

    def test_environment_and_process_are_untouched(self):
        run = self.create(self.make_bundle(), env={"LISTEN_FDS": "1", "A": ""})
        self.assertEqual(run.record.environ, ["LISTEN_FDS=1", "A="])
        self.assertEqual(run.record.status["Pid"], str(run.pid))

    def test_exit_code_is_the_runtimes(self):
        (self.runtime.parent / "exit").write_text("42")
        self.assertEqual(self.create(self.make_bundle()).code, 42)

    def test_success_writes_no_log(self):
        log = harness.WORK / "log.json"
        directory = self.make_bundle()
        run = self.shim("--log", log, "--log-format", "json", "create", "--bundle", directory, "c1")
        self.assert_forwarded(run, "--log", log, "--log-format", "json", "create", "--bundle", directory, "c1")
        self.assertFalse(log.exists() and log.stat().st_size)


class FindingTheBundle(harness.ShimTest):
    """Every way to name the bundle leads to the same rewrite."""

    def setUp(self):
        super().setUp()
        self.load_catalog()

    def assert_rewritten(self, directory):
        self.assert_confined(json.loads((directory / "config.json").read_bytes())["process"])

    def test_spellings(self):
        cases = {
            "long": ("create", "--bundle", "{}", "c1"),
            "long, equals": ("create", "--bundle={}", "c1"),
            "one dash": ("create", "-bundle", "{}", "c1"),
            "short": ("create", "-b", "{}", "c1"),
            "short, equals": ("create", "-b={}", "c1"),
            "after the container": ("create", "c1", "--bundle", "{}"),
            "after two dashes": ("create", "--bundle", "{}", "--", "c1"),
            "the last one counts": ("create", "--bundle", "/nowhere", "--bundle", "{}", "c1"),
            "a container called create": ("create", "--bundle", "{}", "create"),
            "a value that looks like an option": ("create", "--bundle", "{}", "--pid-file", "--bundle", "c1"),
            "run": ("run", "--detach", "--bundle", "{}", "c1"),
            "restore": ("restore", "--detach", "-no-subreaper", "--bundle", "{}", "c1"),
        }
        for number, (name, words) in enumerate(cases.items()):
            with self.subTest(name):
                directory = self.make_bundle(name=f"bundle{number}")
                words = [word.format(directory) for word in words]
                self.assert_forwarded(self.shim(*words), *words)
                self.assert_rewritten(directory)

    def test_odd_directory_names(self):
        for name in ("create", "exec", "a=b", "a b", "--bundle", "-b", "ü"):
            with self.subTest(name):
                directory = self.make_bundle(name=name)
                run = self.shim("create", "--bundle", name, "c1", cwd=harness.WORK)
                self.assert_forwarded(run, "create", "--bundle", name, "c1")
                self.assert_rewritten(directory)

    def test_equals_in_the_value(self):
        directory = self.make_bundle(name="a=b")
        self.assert_forwarded(self.shim("create", "--bundle=a=b", "c1", cwd=harness.WORK), "create", "--bundle=a=b", "c1")
        self.assert_rewritten(directory)

    def test_working_directory(self):
        directory = self.make_bundle()
        run = self.shim("create", "c1", cwd=directory)
        self.assert_forwarded(run, "create", "c1")
        self.assertEqual(run.record.cwd, str(directory))
        self.assert_rewritten(directory)

    def test_absolute_bundle_and_no_working_directory(self):
        directory = self.make_bundle()
        gone = harness.WORK / "gone"
        gone.mkdir()
        os.chdir(gone)
        gone.rmdir()
        self.assert_forwarded(self.create(directory), "create", "--bundle", directory, "c1")
        self.assert_rewritten(directory)

    def test_crun_config_option(self):
        """Only config.json is rewritten, so crun must not read another file."""
        self.runtime = self.install_runtime("crun")
        directory = self.make_bundle()
        original = (directory / "config.json").read_bytes()
        self.assert_refused(self.shim("create", "--bundle", directory, "--config", "other.json", "c1"), "--config 'other.json'")
        self.assert_untouched(directory, original)
        words = ("create", "--bundle", directory, "--config", "config.json", "c1")
        self.assert_forwarded(self.shim(*words), *words)
        self.assert_rewritten(directory)


class Selecting(harness.ShimTest):
    """The facts that a call itself carries."""

    def setUp(self):
        super().setUp()
        self.load_catalog()

    def bounding(self, document=None, **options):
        directory = self.make_bundle(document)
        run = self.create(directory, **options)
        self.assertIsNotNone(run.record, run.message)
        return set(json.loads(run.record.config)["process"]["capabilities"]["bounding"])

    def test_otherwise(self):
        self.assertEqual(self.bounding(), harness.CEILING_NAMES & set(bundles.DOCKER_CAPABILITIES))

    def test_handler(self):
        link = harness.WORK / "aa-shim-killer"
        link.symlink_to(harness.SHIM)
        self.assertEqual(self.bounding(program=link, argv0=str(link)), {"CAP_KILL"})

    def test_request(self):
        annotations = {"example.test/asks": "1", "aa-shim/confinement": "kill-only"}
        self.assertEqual(self.bounding(bundles.config(annotations=annotations)), {"CAP_KILL"})


class WithoutAppArmor(harness.ShimTest):
    """A host without AppArmor takes only a catalog that accepts it, and then says so."""

    def test_refused_by_default(self):
        catalog = {key: value for key, value in harness.CATALOG.items() if key != "withoutAppArmor"}
        result = self.try_to_load(catalog)
        self.assertEqual(result.returncode, 3)
        self.assertIn('"withoutAppArmor": "capabilities-only"', result.stderr)
        self.assertFalse(harness.COMPILED.exists())

    def test_said_when_accepted(self):
        result = self.try_to_load(harness.CATALOG)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("no profile is enforced", result.stderr)
        self.assertNotIn("from-profile", result.stderr)

    def test_what_then_does_nothing_is_said(self):
        starting = harness.BASE | {"start": "from-profile"}
        result = self.try_to_load(harness.CATALOG | {"confinements": harness.CATALOG["confinements"] | {"test": starting}})
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn('confinement \'test\' (/etc/aa-shim/catalog.d/10-test.json:1:19) says "start": "from-profile", which does nothing', result.stderr)
        explain = [harness.CTL, "explain", "--bundle", self.make_bundle()]
        result = subprocess.run(explain, capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)
        self.assertIn('"start": "from-profile" gives the first program no label', result.stdout)
