# SPDX-License-Identifier: Apache-2.0
"""The record of a decision is only believed if aa-shim made it, on this host and for this container."""

import json
import os
import shutil
import stat
import subprocess

import bundle as bundles
import harness
from test_exec import RunningContainer

KEY = harness.RUN / "key"
NOT_OURS = "the container was not started by aa-shim"
# As short as a record can be: the container is passed.
PASSED = {"aa-shim/decision": "0123456789abcdef", "aa-shim/applied": "", "aa-shim/rule": "rule /etc/aa-shim/catalog.d/10-test.json:1:1"}


class Forged(RunningContainer):
    def rewrite_state(self, annotations, container="c1", directory=None):
        """Gives the container that the runtime knows these annotations."""
        shutil.rmtree(self.state / container, ignore_errors=True)
        shutil.rmtree(self.state, ignore_errors=True)
        self.make_runc_state(self.init, directory or self.bundle, container, annotations=annotations.items())

    def exec_in(self, container):
        return self.shim("--root", self.state, "exec", "--process", self.write_process(), container)

    def assert_not_believed(self, annotations, container="c1", directory=None):
        self.rewrite_state(annotations, container, directory)
        self.assert_refused(self.exec_in(container), NOT_OURS, 255)
        result = subprocess.run([harness.CTL, "status", "--json", "--root", self.state], capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)
        self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
        (report,) = json.loads(result.stdout)["containers"]
        self.assertEqual((report["standing"], report["decision"]), ("forged", None))
        self.assertIn("is no record that aa-shim made of this container", report["problem"])
        explain = [harness.CTL, "explain", "--root", self.state, "--exec", container, "--", "/bin/true"]
        result = subprocess.run(explain, capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)
        self.assertIn("not started by aa-shim: judged now", result.stdout + result.stderr)

    def test_a_true_one_is_believed(self):
        self.rewrite_state(dict(self.annotations()))
        run = self.exec_in("c1")
        self.assertIsNotNone(run.record, run.message)
        self.assert_confined(json.loads(run.record.process))

    def test_one_that_another_runtime_was_given(self):
        true = dict(self.annotations())
        for name, digest in {"none": {}, "empty": {"aa-shim/digest": ""}, "guessed": {"aa-shim/digest": "0" * 32}, "another's": {"aa-shim/digest": true["aa-shim/digest"]}}.items():
            with self.subTest(name):
                self.assert_not_believed(PASSED | digest)

    def test_one_of_another_container(self):
        true = dict(self.annotations())
        other = self.make_bundle(name="other")
        self.assert_not_believed(true, "c2")
        self.assert_not_believed(true, "c1", other)
        self.assert_not_believed(true, "c2", other)

    def test_one_that_was_changed(self):
        true = dict(self.annotations())
        for key, value in true.items():
            for changed in (true | {key: value + "x"}, {name: text for name, text in true.items() if name != key}):
                with self.subTest(key, changed=changed.get(key)):
                    self.assert_not_believed(changed)
        self.assert_not_believed(true | {"aa-shim/start": "unconfined"})

    def test_what_others_annotate_does_not_matter(self):
        self.rewrite_state(dict(self.annotations()) | {"example.test/other": "x", "aa-shim/confinement": "test"})
        self.assertIsNotNone(self.exec_in("c1").record)

    def test_its_facts_are_not_the_forgers(self):
        """What a rule rejects is rejected, whatever was decided elsewhere."""
        self.rewrite_state(dict(self.annotations()) | {"example.test/forbidden": "x", "aa-shim/digest": "0" * 32})
        self.assert_refused(self.exec_in("c1"), "not on this host", 255)

    def test_in_a_bundle_that_is_reached_by_a_link(self):
        """runc may name the bundle as its caller's $PWD does."""
        link = harness.WORK / "link"
        link.symlink_to(self.bundle)
        self.rewrite_state(dict(self.annotations()), directory=link)
        run = self.exec_in("c1")
        self.assertIsNotNone(run.record, run.message)


class Key(RunningContainer):
    """The key by which records are known."""

    def refusals(self, text):
        """Nothing is started while the key is as it is."""
        original = bundles.encode(bundles.config())
        for command in ("create", "run", "restore"):
            directory = harness.WORK / "fresh"
            shutil.rmtree(directory, ignore_errors=True)
            self.make_bundle(original, "fresh")
            self.assert_refused(self.shim(command, "--bundle", directory, "c2"), text)
            self.assert_untouched(directory, original)
        self.assert_refused(self.exec(self.write_process()), text, 255)
        load = subprocess.run([harness.CTL, "load"], capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)
        self.assertNotEqual(load.returncode, 0)
        self.assertIn(f"'{KEY}'", load.stderr)

    def test_missing(self):
        """It is made when it is needed; what was recorded with the old one counts no more."""
        old = KEY.read_bytes()
        KEY.unlink()
        self.assert_refused(self.exec(self.write_process()), NOT_OURS, 255)
        KEY.unlink()
        self.assertIsNotNone(self.create(self.make_bundle(name="fresh"), container="c2").record)
        self.assertEqual((stat.S_IMODE(KEY.stat().st_mode), KEY.stat().st_size, KEY.stat().st_uid), (0o600, 16, 0))
        self.assertNotEqual(KEY.read_bytes(), old)
        self.assertEqual(sorted(path.name for path in harness.RUN.iterdir()), [".load.lock", "catalog", "counters", "key"])

    def test_it_stays(self):
        old = KEY.read_bytes()
        self.load_catalog()
        self.create(self.make_bundle(name="fresh"), container="c2")
        self.assertEqual(KEY.read_bytes(), old)

    def test_truncated(self):
        for size in (0, 8, 15):
            with self.subTest(size=size):
                KEY.write_bytes(b"x" * size)
                self.refusals(f"'{KEY}' is no key: remove it, and run 'aa-shimctl load'")

    def test_others_can_read_or_write_it(self):
        for mode in (0o640, 0o604, 0o620, 0o602):
            with self.subTest(mode=oct(mode)):
                KEY.chmod(mode)
                self.refusals("others: remove it, and run 'aa-shimctl load'")

    def test_somebody_elses(self):
        os.chown(KEY, 65534, 0)
        self.refusals("belongs to somebody else")

    def test_no_file(self):
        KEY.unlink()
        KEY.mkdir()
        self.refusals("can be read by others")
        KEY.rmdir()
        KEY.symlink_to("/dev/zero")
        self.refusals("it is, or leads through, a symbolic link")

    def test_it_cannot_be_made(self):
        KEY.unlink()
        subprocess.run(["mount", "--bind", "-o", "ro", harness.RUN, harness.RUN], check=True)
        self.addCleanup(subprocess.run, ["umount", harness.RUN], check=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", harness.RUN], check=True)
        original = bundles.encode(bundles.config())
        directory = self.make_bundle(original, "fresh")
        self.assert_refused(self.create(directory, container="c2"), "the key of the records of decisions")
        self.assert_untouched(directory, original)
        self.assert_refused(self.exec(self.write_process()), "the key of the records of decisions", 255)

    def test_two_that_make_it_at_once(self):
        for round_ in range(5):
            KEY.unlink()
            names = [f"at-once-{round_}-{i}" for i in range(4)]
            for name in names:
                self.make_bundle(name=name)
            processes = [
                subprocess.Popen([harness.SHIM, "create", "--bundle", harness.WORK / name, name], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
                for name in names
            ]
            self.assertEqual([process.wait(harness.TIMEOUT) for process in processes], [0] * len(names))
            for name in names:
                annotations = json.loads((harness.WORK / name / "config.json").read_bytes())["annotations"]
                self.make_runc_state(self.init, harness.WORK / name, name, annotations=annotations.items())
                run = self.shim("--root", self.state, "exec", "--process", self.write_process(), name)
                self.assertIsNotNone(run.record, run.message)
