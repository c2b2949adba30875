# SPDX-License-Identifier: Apache-2.0
"""What the tests of records and counters share: containers of a pod, and the file of the counters."""

import json
import shutil
import struct
import subprocess
from pathlib import Path

import bundle as bundles
import harness

COUNTERS = harness.RUN / "counters"
HEAD = struct.Struct("=8sII")
MAGIC = b"\x89AACNTS\n"
# The order of docs/logging.md.
NAMES = (
    "create allowed", "create refused", "run allowed", "run refused", "restore allowed", "restore refused", "exec allowed", "exec refused",
    "policy", "catalog", "profile", "config", "system", "mismatches", "sandboxes", "containers",
    "found processes", "found containers", "found profiles", "found host", "killed",
)
# Where containerd's shim has the runtime work for Kubernetes.
CRI_ROOT = Path("/run/containerd/runc/k8s.io")
CRI_BUNDLES = Path("/run/containerd/io.containerd.runtime.v2.task/k8s.io")
CRI = {
    "io.kubernetes.cri.container-type": "container",
    "io.kubernetes.cri.sandbox-namespace": "shop",
    "io.kubernetes.cri.sandbox-name": "web",
    "io.kubernetes.cri.container-name": "nginx",
    "io.kubernetes.cri.image-name": "registry.example/nginx:1",
}


class ObservingTest(harness.ShimTest):
    def setUp(self):
        super().setUp()
        shutil.rmtree("/run/containerd", ignore_errors=True)

    def counters(self):
        data = COUNTERS.read_bytes()
        magic, version, count = HEAD.unpack_from(data)
        self.assertEqual((magic, version, count, len(data)), (MAGIC, 1, len(NAMES), HEAD.size + 8 * len(NAMES)))
        return dict(zip(NAMES, struct.unpack_from(f"={count}Q", data, HEAD.size)))

    def assert_counted(self, before, *names):
        after = self.counters()
        self.assertEqual({name for name in NAMES if after[name] != before[name]}, set(names))
        self.assertEqual([after[name] - before[name] for name in names], [1] * len(names))

    def cri_bundle(self, container, **more):
        directory = CRI_BUNDLES / container
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True, mode=0o700)
        document = bundles.config(annotations=CRI | more.pop("annotations", {}), **more)
        (directory / "config.json").write_bytes(bundles.encode(document))
        return directory

    def cri(self, command, *more, container="c1", **options):
        return self.shim("--root", CRI_ROOT, command, *more, container, **options)

    def cri_exec(self, directory, *more, container="c1", words=("true",), process=None, **options):
        """An exec in the running container that DIRECTORY is the bundle of, as a CRI exec or a probe comes."""
        annotations = json.loads((directory / "config.json").read_bytes())["annotations"]
        shutil.rmtree(CRI_ROOT / container, ignore_errors=True)
        self.make_runc_state(self.start_container_process(), directory, container, CRI_ROOT, annotations.items())
        path = harness.WORK / "process.json"
        path.write_bytes(bundles.encode(process or bundles.process(args=words)))
        return self.cri("exec", "--process", path, *more, container=container, **options)

    def ctl(self, *arguments, code=0):
        result = subprocess.run(
            [harness.CTL, *map(str, arguments)], capture_output=True, text=True, timeout=harness.TIMEOUT, check=False
        )
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result
