# SPDX-License-Identifier: Apache-2.0
"""aa-shimctl status on a Kubernetes node: pods of other RuntimeClasses, and the agent's own."""

import json
import shutil
import subprocess
import time
from pathlib import Path

import harness
import observing
import test_status
from observing import CRI_ROOT

OK, WRONG = range(2)
CONTAINERD = Path("/etc/containerd/config.toml")
DEFAULTS = (
    'version = 2\n[plugins."io.containerd.grpc.v1.cri".containerd]\n  default_runtime_name = "aa-shim"\n',
    'version = 3\n[plugins.\'io.containerd.cri.v1.runtime\'.containerd]\n  default_runtime_name = \'aa-shim-web\'\n',
)
OTHERS = ("version = 2\n", 'version = 2\n# default_runtime_name = "aa-shim"\n[plugins."io.containerd.grpc.v1.cri".containerd]\n  default_runtime_name = "runc"\n')


class Kubernetes(observing.ObservingTest):
    start, await_program = test_status.Status.start, test_status.Status.await_program

    def setUp(self):
        super().setUp()
        self.load_catalog()
        shutil.rmtree(CONTAINERD.parent, ignore_errors=True)
        shutil.rmtree("/etc/crio", ignore_errors=True)
        CONTAINERD.parent.mkdir()
        CONTAINERD.write_text(OTHERS[0])

    def container(self, name, pid, shim, pod):
        directory = self.cri_bundle(name, annotations={"io.kubernetes.cri.sandbox-name": pod})
        if shim:
            self.assertEqual(self.cri("create", "--bundle", directory, container=name).code, 0)
        annotations = json.loads((directory / "config.json").read_bytes())["annotations"]
        self.make_runc_state(pid, directory, name, CRI_ROOT, annotations.items())

    def standings(self, *options, code=OK):
        command = [harness.CTL, "status", "--json", "--root", CRI_ROOT, *options]
        result = subprocess.run(command, capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        document = json.loads(result.stdout)
        self.assertEqual(document["ok"], code == OK)
        return {report["id"]: report["standing"] for report in document["containers"]}

    def test_another_class_is_a_fault_only_where_aa_shim_is_the_default(self):
        self.container("ours", self.start(), True, "web")
        self.container("other", self.start(), False, "else")
        free, bound = {"ours": "as-decided", "other": "elsewhere"}, {"ours": "as-decided", "other": "bypassed"}
        for text in OTHERS:
            CONTAINERD.write_text(text)
            self.assertEqual(self.standings(), free)
            self.assertEqual(self.standings("--require-all", code=WRONG), free)
        for text in DEFAULTS:
            CONTAINERD.write_text(text)
            self.assertEqual(self.standings(code=WRONG), bound)
        CONTAINERD.unlink()
        self.assertEqual(self.standings(), free)
        crio = Path("/etc/crio/crio.conf.d/50-aa-shim.conf")
        crio.parent.mkdir(parents=True)
        crio.write_text('[crio.runtime]\ndefault_runtime = "aa-shim"\n')
        self.assertEqual(self.standings(code=WRONG), bound)
        crio.unlink()
        for path, say in ((harness.WORK / "data/agent/etc/containerd/config.toml", ("rancher/k3s/config.yaml", f"data-dir: {harness.WORK}/data\n")),
                          (Path("/etc/k0s/containerd.d/50-aa-shim.toml"), ("k0s/containerd.toml", "# k0s_managed=true\nversion = 3\n"))):
            with self.subTest(path):
                file = Path("/etc") / say[0]
                for one, text in ((file, say[1]), (path, DEFAULTS[0])):
                    one.parent.mkdir(parents=True, exist_ok=True)
                    one.write_text(text)
                self.assertEqual(self.standings(code=WRONG), bound)
                path.unlink()
                self.assertEqual(self.standings(), free)

    def test_the_agents_pod_is_no_bypass(self):
        """It is there before aa-shim is."""
        CONTAINERD.write_text(DEFAULTS[0])
        lock = harness.RUN / "node-lock"
        lock.touch(0o600)
        command = ["unshare", "--pid", "--fork", "--kill-child", "flock", "--no-fork", lock, "sleep", "1000"]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        agent = self.await_program(process.pid, "sleep")
        self.container("agent", agent, False, "aa-shim-x7k2p")
        self.container("pause", self.start(), False, "aa-shim-x7k2p")
        self.container("other", self.start(), False, "else")
        self.assertEqual(self.standings(code=WRONG), {"agent": "agent", "pause": "agent", "other": "bypassed"})
        shutil.rmtree(CRI_ROOT / "other")
        self.assertEqual(self.standings("--require-all"), {"agent": "agent", "pause": "agent"})
        # A lock that nobody holds tells of nobody.
        process.kill()
        process.wait()
        while Path(f"/proc/{agent}").exists():
            time.sleep(0.02)
        self.assertEqual(self.standings(code=WRONG), {"pause": "bypassed"})
