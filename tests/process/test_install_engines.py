# SPDX-License-Identifier: Apache-2.0
"""What aa-shimctl install writes, read by the programs of the engines."""

import shutil
import subprocess
import tomllib
from pathlib import Path

import install_tree
from install_tree import CONFIGS, CONTAINERD_CONFIG, REAL_FILES, TREE


class RealEngines(install_tree.InstallTest):
    """The engines' own programs, where this host has them, read what was written; they run in the tree as their root."""

    def bring(self, name):
        """The program NAME with its libraries in the tree; what it says of its version."""
        program = shutil.which(name)
        if not program:
            self.skipTest(f"{name} is not installed")
        libraries = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout.split()
        for file in {word for word in libraries if word.startswith("/")}:
            self.put(file, Path(file).read_bytes(), 0o755)
        self.put(f"/usr/bin/{name}", Path(program).read_bytes(), 0o755)
        return subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout

    def test_containerd(self):
        newest = 3 if " 2." in self.bring("containerd") or " v2." in self.bring("containerd") else 2
        for name in REAL_FILES:
            content = (CONFIGS / name).read_bytes()
            if tomllib.loads(content.decode())["version"] > newest:
                continue
            for options in ((), ("--default", "--handlers", "web", "--mandatory")):
                with self.subTest(name, options=options):
                    self.put(CONTAINERD_CONFIG, content)
                    result = self.ctl("install", "containerd", *options)
                    self.assertIn("validated by containerd config dump", result.stdout)
                    self.assertNotIn("not validated", result.stdout)
                    self.ctl("uninstall", "containerd")
                    self.assertEqual(self.at(CONTAINERD_CONFIG).read_bytes(), content)
        self.put(CONTAINERD_CONFIG, 'version = 2\noom_score = "much"\n')
        self.assertIn(f"containerd refuses '{TREE}{CONTAINERD_CONFIG}' as it is: ", self.refused("containerd"))

    def test_containerd_without_a_file(self):
        self.bring("containerd")
        before = self.tree()
        self.assertIn("validated by containerd config dump", self.ctl("install", "containerd", "--default", "--mandatory").stdout)
        self.ctl("uninstall", "containerd")
        self.assertEqual(self.tree(), before)

    def test_containerd_merges_our_own_file(self):
        if " 1." in self.bring("containerd"):
            self.skipTest("this containerd is older than 2")
        self.put(CONTAINERD_CONFIG, (CONFIGS / "containerd-2.1-default.toml").read_text().replace("imports = []", "imports = ['/etc/containerd/conf.d/*.toml']"))
        for options in ((), ("--default", "--mandatory")):
            self.assertIn("validated by containerd config dump", self.ctl("install", "containerd", *options).stdout)
            self.assertTrue(self.at("/etc/containerd/conf.d/50-aa-shim.toml").exists())

    def test_dockerd(self):
        self.bring("dockerd")
        self.program("/usr/bin/docker-proxy")  # without which it calls no configuration valid
        self.put("/etc/docker/daemon.json", '{"debug": true}')
        result = self.ctl("install", "docker", "--default", "--handlers", "web")
        if "has no --validate" in result.stdout:
            self.skipTest("this dockerd is older than 23")
        self.assertIn("validated by dockerd --validate", result.stdout)
        self.ctl("uninstall", "docker")
        self.put("/etc/docker/daemon.json", '{"nonsense": true}')
        self.assertIn("dockerd refuses", self.refused("docker"))
