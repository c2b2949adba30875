# SPDX-License-Identifier: Apache-2.0
"""nvidia-container-runtime before aa-shim: it becomes aa-shim, which judges the container with the GPU in it."""

import json
from pathlib import Path

import harness

STAND_IN = Path(__file__).with_name("nvidia_stand_in.py")
CONFIG = Path("/etc/nvidia-container-runtime/config.toml")


class Nvidia(harness.ShimTest):
    def setUp(self):
        super().setUp()
        self.load_catalog()

    def lead_to(self, program):
        CONFIG.parent.mkdir(exist_ok=True)
        self.addCleanup(CONFIG.unlink)
        CONFIG.write_text(f'[nvidia-container-runtime]\nruntimes = ["{program}", "runc"]\n')

    def create_through(self, name, *more):
        shim = harness.WORK / name
        if not shim.exists():
            shim.symlink_to(harness.SHIM)
        self.lead_to(shim)
        directory = self.make_bundle(name=f"bundle-{name}")
        return self.shim("create", "--bundle", directory, *more, "c1", program=STAND_IN)

    def test_the_chain(self):
        run = self.create_through("aa-shim", "--pid-file", "/run/pid")
        self.assertEqual((run.code, run.stderr), (0, b""))
        self.assertEqual(run.record.argv[1:], ["create", "--bundle", str(harness.WORK / "bundle-aa-shim"), "--pid-file", "/run/pid", "c1"])
        config = json.loads(run.record.config)
        self.assert_confined(config["process"])
        self.assertEqual(config["hooks"]["prestart"][0]["path"], "/usr/bin/nvidia-container-runtime-hook")

    def test_a_handler(self):
        """The name that nvidia-container-runtime calls aa-shim by is a handler as any other."""
        run = self.create_through("aa-shim-killer")
        self.assertEqual(run.code, 0, run.message)
        self.assert_confined(json.loads(run.record.config)["process"], {"CAP_KILL"})

    def test_refused(self):
        harness.COMPILED.unlink()
        self.assert_refused(self.create_through("aa-shim"), "aa-shimctl load")
