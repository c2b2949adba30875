# SPDX-License-Identifier: Apache-2.0
"""What aa-shimctl install writes, read by the programs of the engines."""

import subprocess
import tomllib

import harness
import install_tree
from install_tree import CONFIGS, CONTAINERD_CONFIG, REAL_FILES, TREE

OLD, NEW = "trixie", "sid"  # containerd 1 and 2


class RealEngines(install_tree.InstallTest):
    """The engines' own programs, of two Debian releases, read what was written; they run in the tree as their root."""

    @classmethod
    def setUpClass(cls):
        cls.engines = harness.policy_tools("engines")

    def setUp(self):
        if self.engines is None:
            self.skipTest("Debian's engines cannot be had")
        super().setUp()

    def bring(self, name, release):
        """The program NAME of RELEASE with its libraries in the tree; what it says of its version."""
        self.setUp()
        for file in (self.engines / release / "lib").iterdir():
            self.put(f"/usr/lib/x86_64-linux-gnu/{file.name}", file.read_bytes(), 0o755)
        self.put("/lib64/ld-linux-x86-64.so.2", (self.engines / release / "lib/ld-linux-x86-64.so.2").read_bytes(), 0o755)
        self.put(f"/usr/bin/{name}", (self.engines / release / "bin" / name).read_bytes(), 0o755)
        return subprocess.run(["chroot", TREE, f"/usr/bin/{name}", "--version"], capture_output=True, text=True, check=True).stdout

    def test_containerd(self):
        for release in (OLD, NEW):
            newest = 3 if " 2." in self.bring("containerd", release) else 2
            self.assertEqual(newest, {OLD: 2, NEW: 3}[release])
            for name in REAL_FILES:
                content = (CONFIGS / name).read_bytes()
                if tomllib.loads(content.decode())["version"] > newest:
                    continue
                for options in ((), ("--default", "--handlers", "web", "--mandatory")):
                    with self.subTest(name, release=release, options=options):
                        self.put(CONTAINERD_CONFIG, content)
                        result = self.ctl("install", "containerd", *options)
                        self.assertIn("validated by containerd config dump", result.stdout)
                        self.assertNotIn("not validated", result.stdout)
                        self.ctl("uninstall", "containerd")
                        self.assertEqual(self.at(CONTAINERD_CONFIG).read_bytes(), content)
            self.put(CONTAINERD_CONFIG, 'version = 2\noom_score = "much"\n')
            self.assertIn(f"containerd refuses '{TREE}{CONTAINERD_CONFIG}' as it is: ", self.refused("containerd"))

    def test_containerd_without_a_file(self):
        for release in (OLD, NEW):
            with self.subTest(release=release):
                self.bring("containerd", release)
                before = self.tree()
                self.assertIn("validated by containerd config dump", self.ctl("install", "containerd", "--default", "--mandatory").stdout)
                self.ctl("uninstall", "containerd")
                self.assertEqual(self.tree(), before)

    def test_containerd_merges_our_own_file(self):
        self.assertIn(" 2.", self.bring("containerd", NEW))
        self.put(CONTAINERD_CONFIG, (CONFIGS / "containerd-2.1-default.toml").read_text().replace("imports = []", "imports = ['/etc/containerd/conf.d/*.toml']"))
        for options in ((), ("--default", "--mandatory")):
            self.assertIn("validated by containerd config dump", self.ctl("install", "containerd", *options).stdout)
            self.assertTrue(self.at("/etc/containerd/conf.d/50-aa-shim.toml").exists())

    def test_dockerd(self):
        for release in (OLD, NEW):
            with self.subTest(release=release):
                self.bring("dockerd", release)
                self.program("/usr/bin/docker-proxy")  # without which it calls no configuration valid
                self.put("/etc/docker/daemon.json", '{"debug": true}')
                result = self.ctl("install", "docker", "--default", "--handlers", "web")
                self.assertIn("validated by dockerd --validate", result.stdout)
                self.ctl("uninstall", "docker")
                self.put("/etc/docker/daemon.json", '{"nonsense": true}')
                self.assertIn("dockerd refuses", self.refused("docker"))
