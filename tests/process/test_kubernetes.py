# SPDX-License-Identifier: Apache-2.0
"""Pods: what containerd's CRI plugin hands over for each kind of container (tests/golden/bundle/cri-*), called as it calls, and what a
catalog's rules make of it."""

import json
import shutil
import subprocess
from pathlib import Path

import harness

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "bundle"
ROOT = "/run/containerd/runc/k8s.io"
TASKS = Path("/run/containerd/io.containerd.runtime.v2.task/k8s.io")
VERSIONS = ("1_7", "2_1")

# Each rule says by its annotation or confinement's name that it was the one.
CATALOG = {
    "confinements": {
        "pod": harness.BASE,
        "debugger": harness.BASE | {"capabilities": ["KILL"]},
        "pause": harness.BASE | {"capabilities": []},
        "kube-system": harness.BASE | {"capabilities": ["CHOWN"]},
    },
    "rules": [
        {"match": {"namespace": "kube-system"}, "use": "kube-system"},
        {"match": {"engine": "cri-containerd", "namespace": "prod", "pod": "shop-*", "name": "debugger-*"}, "use": "debugger"},
        {"match": {"privileged": True}, "use": "kube-system"},
    ],
    "otherwise": "pod",
    "withoutAppArmor": "capabilities-only",
}
SANDBOX_RULE = {"match": {"sandbox": True, "namespace": "prod"}, "use": "pause"}


class Pods(harness.ShimTest):
    def setUp(self):
        super().setUp()
        shutil.rmtree(TASKS, ignore_errors=True)

    def load(self, *first_rules):
        result = self.try_to_load(CATALOG | {"rules": [*first_rules, *CATALOG["rules"]]})
        self.assertEqual(result.returncode, 0, result.stderr)

    def bundle_of(self, kind, change=lambda config: None):
        """The golden bundle KIND, where containerd would have put it; the id is the last component."""
        config = json.loads((GOLDEN / kind / "config.json").read_text())
        change(config)
        directory = TASKS / kind
        directory.mkdir(parents=True, mode=0o711)
        (directory / "config.json").write_text(json.dumps(config))
        return directory

    def created(self, kind, change=lambda config: None):
        """What the runtime finds in config.json after containerd has had the container KIND created."""
        directory = self.bundle_of(kind, change)
        words = ["--root", ROOT, "--log", directory / "log.json", "--log-format", "json", "create", "--bundle", directory, "--pid-file",
                 directory / "init.pid", kind]
        run = self.shim(*words)
        self.assert_forwarded(run, *words)
        return json.loads(run.record.config)

    def assert_is(self, config, confinement):
        self.assertEqual(config["annotations"]["aa-shim/applied"], confinement)
        self.assertIn("aa-shim/rule", config["annotations"])

    def test_a_sandbox_is_left_as_it_is(self):
        self.load()
        for version in VERSIONS:
            kind = f"cri-sandbox-{version}"
            before = json.loads((GOLDEN / kind / "config.json").read_text())
            after = self.created(kind)
            self.assert_is(after, "")
            self.assertEqual(after["annotations"]["aa-shim/rule"], "the default for a pod's sandbox")
            for key in ("process", "linux", "root", "mounts"):
                self.assertEqual(after[key], before[key], key)

    def test_a_rule_may_ask_for_sandboxes(self):
        self.load(SANDBOX_RULE)
        for version in VERSIONS:
            config = self.created(f"cri-sandbox-{version}")
            self.assert_is(config, "pause")
            self.assert_confined(config["process"], ceiling=())

    def test_such_a_rule_matches_no_container(self):
        self.load(SANDBOX_RULE)
        self.assert_is(self.created("cri-restricted-2_1"), "pod")

    def test_a_restricted_pod_has_no_capability_afterwards(self):
        self.load()
        for version in VERSIONS:
            config = self.created(f"cri-restricted-{version}")
            self.assert_is(config, "pod")
            self.assert_confined(config["process"], ceiling=())
            self.assertEqual(config["process"]["capabilities"], {})

    def test_a_privileged_pod_is_cut_to_the_ceiling(self):
        """CRI says nowhere that a pod is privileged, so no rule can look at it; the ceiling holds all the same."""
        self.load()
        for version in VERSIONS:
            config = self.created(f"cri-privileged-{version}")
            self.assert_is(config, "pod")
            self.assert_confined(config["process"])

    def test_an_ephemeral_container_has_a_name_of_its_own(self):
        """kubectl debug --target: a container of the pod, to which the rules apply as to any other."""
        self.load()
        for version in VERSIONS:
            config = self.created(f"cri-ephemeral-{version}")
            self.assert_is(config, "debugger")
            self.assert_confined(config["process"], ceiling={"CAP_KILL"})

    def test_namespaces_and_pods_are_told_apart(self):
        self.load()
        system = self.created("cri-restricted-1_7", lambda c: c["annotations"].update({"io.kubernetes.cri.sandbox-namespace": "kube-system"}))
        self.assert_is(system, "kube-system")
        other = self.created("cri-ephemeral-1_7", lambda c: c["annotations"].update({"io.kubernetes.cri.sandbox-name": "other-1"}))
        self.assert_is(other, "pod")

    def test_annotations_prove_nothing_elsewhere(self):
        """The same config.json from another place is not a sandbox, and no pod of kube-system."""
        self.load(SANDBOX_RULE)
        directory = self.make_bundle(json.loads((GOLDEN / "cri-sandbox-2_1" / "config.json").read_text()))
        run = self.create(directory)
        self.assert_is(json.loads(run.record.config), "pod")

    def test_the_profile_that_a_pod_asks_for_is_stacked(self):
        catalog = {key: value for key, value in CATALOG.items() if key != "withoutAppArmor"}
        (harness.ETC / "catalog.d" / "10-test.json").write_text(json.dumps(catalog))
        (harness.ETC / "apparmor.d" / "aa-test").write_text(harness.PROFILE)
        labels = {}
        for kind in ("cri-localhost-1_7", "cri-restricted-1_7", "cri-privileged-1_7"):
            change = (lambda c: c["process"].update(apparmorProfile="pods-own")) if "localhost" in kind else (lambda c: None)
            directory = self.bundle_of(kind, change)
            result = subprocess.run([harness.CTL, "--json", "explain", "--catalog", harness.ETC / "catalog.d", "--bundle", directory, "--id", kind, "--root",
                                     ROOT], capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)
            labels[kind] = json.loads(result.stdout)["profile"]
        self.assertEqual(labels, {"cri-localhost-1_7": "pods-own//&aa-test", "cri-restricted-1_7": "aa-test", "cri-privileged-1_7": "aa-test"})
