# SPDX-License-Identifier: Apache-2.0
"""scripts/check-layers finds each kind of wrong include: in a copy of the sources, one at a time."""

import importlib.machinery
import importlib.util
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHECK = ROOT / "scripts/check-layers"

# (file, what it is made to include, the complaint)
WRONG = [
    ("base/text.cc", '"oci/json/json.h"', "base must not include oci/json"),
    ("oci/json/json.cc", '"oci/bundle/bundle.h"', "oci/json must not include oci/bundle"),
    ("oci/path/walk.cc", '"apparmor/kernel/kernel.h"', "oci/path must not include apparmor/kernel"),
    ("apparmor/kernel/kernel.cc", '"apparmor/policy/policy.h"', "apparmor/kernel must not include apparmor/policy"),
    ("apparmor/policy/walk.cc", '"oci/json/json.h"', "apparmor/policy must not include oci/json"),
    ("shim/decision.cc", '"ctl/host/host.h"', "shim must not include ctl/host"),
    ("shim/log/trace.cc", '"shim/decision.h"', "shim/log must not include shim"),
    ("ctl/status/survey.cc", '"shim/verify.h"', "shim/verify.h is of aa-shim alone"),
    ("ctl/install/toml/toml.cc", '"ctl/install/plan/plan.h"', "ctl/install/toml must not include ctl/install/plan"),
    ("ctl/host/host.cc", "<CLI/CLI.hpp>", "<CLI/CLI.hpp> belongs to"),
    ("apparmor/kernel/kernel.cc", "<sys/apparmor.h>", "<sys/apparmor.h> would be linked into aa-shim"),
    ("apparmor/load.cc", "<sys/apparmor.h>", "<sys/apparmor.h> belongs to apparmor/kernel alone"),
    ("ctl/status/survey.cc", "<sys/capability.h>", "<sys/capability.h> belongs to ctl/cli alone"),
    ("shim/facts.cc", "<nlohmann/json.hpp>", "<nlohmann/json.hpp> would be linked into aa-shim"),
    ("oci/state/state.cc", '"state.h"', '"state.h" is not a path from the project\'s root'),
    ("oci/bundle/bundle.cc", "<seccomp.h>", "<seccomp.h> belongs to apparmor/catalog, ctl/cli alone"),
]


class CheckLayers(unittest.TestCase):
    def setUp(self):
        self.tree = Path(tempfile.mkdtemp(prefix="aa-layers."))
        self.addCleanup(shutil.rmtree, self.tree)
        for layer in ("base", "oci", "apparmor", "shim", "ctl"):
            shutil.copytree(ROOT / layer, self.tree / layer)

    def check(self):
        return subprocess.run([CHECK, self.tree], capture_output=True, text=True, check=False)

    def test_the_sources_are_in_order(self):
        result = self.check()
        self.assertEqual((result.returncode, result.stdout), (0, ""))

    def test_wrong_includes(self):
        for name, header, complaint in WRONG:
            with self.subTest(name, header=header):
                file = self.tree / name
                text = file.read_text()
                file.write_text(f"{text}#include {header}\n")
                result = self.check()
                file.write_text(text)
                self.assertEqual(result.returncode, 1, result.stdout)
                self.assertIn(complaint, result.stdout)
                self.assertEqual(len(result.stdout.splitlines()), 1, result.stdout)

    def test_rooms_that_go_round(self):
        loader = importlib.machinery.SourceFileLoader("check_layers_script", str(CHECK))
        module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
        sys.dont_write_bytecode = True
        loader.exec_module(module)
        self.assertEqual(module.circles(), [])
        module.MAY_INCLUDE["oci/json"].add("oci/engine")
        self.assertIn("oci/json", module.circles())
        self.assertNotIn("base", module.circles())


if __name__ == "__main__":
    unittest.main()
