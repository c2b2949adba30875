# SPDX-License-Identifier: Apache-2.0
"""Annotations that a runtime interprets: refused unless the catalog lists them, and no annotation that is only data."""

import json
import shutil
import subprocess

import bundle as bundles
import harness

LISTED = harness.BASE | {"runtimeAnnotations": ["run.oci.keep_original_groups=1", "vendor.listed.*"]}

CATALOG = harness.CATALOG | {
    "confinements": {"test": LISTED, "kill-only": LISTED | {"capabilities": ["KILL"]}},
    "rules": [
        {"match": {"handler": "passed"}, "pass": True},
        {"match": {"handler": "all"}, "use": "kill-only"},
        *harness.CATALOG["rules"],
    ],
}

REFUSED = {
    "run.oci.seccomp.plugins": "/tmp/evil.so",
    "run.oci.seccomp_bpf_data": "AAAA",
    "run.oci.hooks.stdout": "/etc/cron.d/evil",
    "run.oci.handler": "krun",
    "run.oci.keep_original_groups": "0",
    "krun.ram_mib": "1",
    "module.wasm.image/variant": "compat",
    "org.criu.config": "/tmp/evil",
    "org.criu.config=/tmp/evil": "",
    "org.systemd.property.ExecStopPost": "'/bin/sh'",
    "org.systemd.property.TimeoutStopUSec": "uint64 1",
    "io.kubernetes.cri.container-type": "x",
    # The runtime's own word, beyond what is documented.
    "vendor.key": "x",
    "vendor.prefix.x": "",
}

PASSED = {
    "run.oci.keep_original_groups": "1",
    "vendor.listed.x": "anything",
    "vendor.key2": "x",
    "Run.oci.handler": "krun",
    "io.kubernetes.cri.container-type": "container",
    "io.kubernetes.cri-o.Image": "x",
    "io.container.manager": "libpod",
    "org.opencontainers.image.stopSignal": "15",
    "example.test/run.oci.handler": "krun",
}


class Annotations(harness.ShimTest):
    """A host whose runtime lists annotations of its own."""

    def setUp(self):
        super().setUp()
        self.features = {"ociVersionMin": "1.0.0", "potentiallyUnsafeConfigAnnotations": ["vendor.key", "vendor.prefix.", "vendor.listed.x"]}
        self.load(self.features)

    def load(self, features, catalog=None):
        said = self.runtime.parent / "stdout"
        said.write_text(features if isinstance(features, str) else json.dumps(features))
        result = self.try_to_load(catalog or CATALOG)
        said.unlink()
        shutil.rmtree(self.runtime.parent / "record", ignore_errors=True)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return result.stderr

    def bundle_with(self, annotations):
        shutil.rmtree(harness.WORK / "bundle", ignore_errors=True)
        return self.make_bundle(bundles.config(annotations=annotations))

    def test_refused(self):
        for key, value in REFUSED.items():
            with self.subTest(key):
                directory = self.bundle_with({"team": "a", key: value})
                original = (directory / "config.json").read_bytes()
                run = self.create(directory)
                self.assert_refused(run, f"the annotation '{key}' with the value '{value.replace(chr(39), chr(92) + 'x27')}' would steer the "
                                         "runtime itself: remove it, or let the operator list it under \"runtimeAnnotations\" of confinement 'test'")
                self.assert_untouched(directory, original)

    def test_escaped(self):
        document = bundles.encode(bundles.config(annotations={"run.oci.handler": "krun"})).replace(b"run.oci", b"r\\u0075n.oci")
        self.assert_refused(self.create(self.make_bundle(document)), "'run.oci.handler'")

    def test_every_command(self):
        directory = self.bundle_with({"run.oci.hooks.stderr": "/x"})
        for words in (("run",), ("restore", "--image-path", "/nowhere")):
            self.assert_refused(self.shim(*words, "--bundle", directory, "c1"), "'run.oci.hooks.stderr'")

    def test_passed(self):
        for key, value in PASSED.items():
            with self.subTest(key):
                directory = self.bundle_with({key: value})
                run = self.create(directory)
                self.assert_forwarded(run, "create", "--bundle", directory, "c1")
                self.assertEqual(json.loads(run.record.config)["annotations"][key], value)

    def test_a_rule_that_passes_leaves_them(self):
        directory = self.bundle_with({"run.oci.handler": "krun"})
        handler = harness.WORK / "aa-shim-passed"
        handler.symlink_to(harness.SHIM)
        self.assert_forwarded(self.create(directory, program=handler), "create", "--bundle", directory, "c1")

    def test_exec_in_a_container_from_elsewhere(self):
        """What counts is what the runtime keeps, whatever config.json says by now."""
        directory = self.bundle_with({})
        process = harness.WORK / "process.json"
        process.write_bytes(bundles.encode(bundles.process()))
        catalog = CATALOG | {"confinements": {name: one | {"denySyscalls": []} for name, one in CATALOG["confinements"].items()}}
        self.load(self.features, catalog)
        init = self.start_container_process()
        cases = {"plain": ({"a": "b"}, None), "steered": ({"run.oci.handler": "krun"}, "'run.oci.handler'"),
                 "for runc": ({"org.criu.config=/x": "y"}, "'org.criu.config'"), "listed": ({"vendor.listed.x": "y"}, None)}
        for name, (annotations, refused) in cases.items():
            with self.subTest(name):
                root = self.make_runc_state(init, directory, root=harness.WORK / name.replace(" ", "-"), annotations=annotations.items())
                run = self.shim("--root", root, "exec", "--process", process, "c1")
                if refused:
                    self.assert_refused(run, refused, 255)
                else:
                    self.assertIsNotNone(run.record, run.message)

    def explain(self, *arguments):
        return subprocess.run([harness.CTL, "explain", *map(str, arguments)], capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)

    def test_explained(self):
        said = self.explain("--bundle", self.bundle_with({"run.oci.keep_original_groups": "1"}))
        self.assertEqual(said.returncode, 0, said.stderr)
        for line in ("restore +allow", r"runtimeAnnotations +run\.oci\.keep_original_groups=1, vendor\.listed\.\*.*",
                     r"because +the annotation 'run\.oci\.keep_original_groups' steers the runtime, and the confinement lists it"):
            self.assertRegex(said.stdout, f"(?m)^{line}$")
        said = self.explain("--json", "--engine", "podman", "--annotation", "org.systemd.property.KillSignal=15")
        self.assertEqual(json.loads(said.stdout)["runtimeAnnotations"], LISTED["runtimeAnnotations"])
        said = self.explain("--engine", "docker", "--annotation", "org.systemd.property.KillSignal=15")
        self.assertEqual(said.returncode, 1)
        self.assertIn("the annotation 'org.systemd.property.KillSignal' with the value '15' would steer the runtime itself", said.stderr)

    def test_a_runtime_that_cannot_be_understood_is_said(self):
        for answer in ("[]", '{"potentiallyUnsafeConfigAnnotations": {}}', '{"potentiallyUnsafeConfigAnnotations": [1]}', "nonsense"):
            said = self.load(answer)
            self.assertIn("note: the runtime's word on the annotations that it interprets cannot be understood", said)
        for answer in ("", "{}", '{"potentiallyUnsafeConfigAnnotations": null}'):
            self.assertNotIn("cannot be understood", self.load(answer))
        directory = self.bundle_with({"vendor.key": "x"})
        self.assert_forwarded(self.create(directory), "create", "--bundle", directory, "c1")
