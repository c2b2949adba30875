# SPDX-License-Identifier: Apache-2.0
"""What the README says is true: its commands, its catalog, its links. The commands that need Docker are run on the engine
host."""

import json
import os
import re
import shlex
import shutil
import subprocess
import unittest
from pathlib import Path

import harness

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
STAGE = harness.WORK / "stage"


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def commands():
    return blocks("sh")[0].splitlines()


class Installation(harness.ShimTest):
    """The commands of "On a Docker host" up to the restart of Docker, on a host below a folder of the test, whose Docker is only
    a name. The package itself is tested by tests/package and tests/vm/package."""

    def setUp(self):
        super().setUp()
        result = subprocess.run(["cmake", "--install", harness.SHIM.parents[1], "--prefix", STAGE / "usr"],
                                capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        for program in ("usr/sbin/dockerd", "usr/sbin/runc"):
            (STAGE / program).write_text("")
            (STAGE / program).chmod(0o755)

    def install_docker(self, command):
        """What the README calls COMMAND, on the host below STAGE."""
        words = shlex.split(command.partition(" && ")[0].removeprefix("sudo "))
        self.assertEqual(words[:3], ["aa-shimctl", "install", "docker"])
        result = subprocess.run([f"{STAGE}/usr/sbin/aa-shimctl", *words[1:], "--root", STAGE], capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def test_the_installed_catalog_is_good(self):
        for name in ("catalog.d", "apparmor.d"):
            shutil.copytree(STAGE / "usr/share/aa-shim" / name, harness.ETC / name, dirs_exist_ok=True)
        result = subprocess.run([f"{STAGE}/usr/sbin/aa-shimctl", "check"], capture_output=True, text=True, check=False)
        self.assertIn("The catalog is good", result.stdout, result.stderr)

    def test_docker_gets_the_runtimes(self):
        package, dry_run, install, show = commands()
        self.assertRegex(package, r"^scripts/package deb && sudo apt install \./build/package/output/aa-shim_\*\.deb$")
        self.assertTrue(show.startswith("docker run "))
        daemon_json = STAGE / "etc/docker/daemon.json"
        self.assertIn("+", self.install_docker(dry_run))
        self.assertFalse(daemon_json.exists())
        self.install_docker(install)
        settings = json.loads(daemon_json.read_text())
        self.assertEqual(settings["default-runtime"], "aa-shim")
        self.assertEqual(set(settings["runtimes"]), {"aa-shim", "aa-shim-web"})
        for runtime in settings["runtimes"].values():
            self.assertTrue(os.access(f"{STAGE}{runtime['path']}", os.X_OK), runtime)
        self.assertTrue(install.endswith(" && sudo systemctl restart docker"))

    def test_the_example_says_the_same(self):
        """daemon.json.example, for who prefers to do it by hand."""
        self.install_docker(commands()[2])
        self.assertEqual(json.loads((ROOT / "daemon.json.example").read_text()), json.loads((STAGE / "etc/docker/daemon.json").read_text()))

    def test_the_example_catalog_is_good(self):
        example = harness.WORK / "10-example.json"
        example.write_text(blocks("jsonc")[0])
        result = subprocess.run([harness.CTL, "check", "--no-profiles", example], capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertIn("The catalog is good", result.stdout)


class Documents(unittest.TestCase):
    def test_scripts_exist(self):
        scripts = set(re.findall(r"^    (scripts/[\w-]+)", README, re.MULTILINE))
        self.assertEqual(scripts, {"scripts/quickstart", "scripts/test"})
        for script in scripts:
            self.assertTrue(os.access(ROOT / script, os.X_OK), script)

    def test_ci_runs_the_test_command(self):
        self.assertIn("scripts/test", (ROOT / ".ci" / "run").read_text())

    def test_links_lead_somewhere(self):
        documents = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
        self.assertGreater(len(documents), 5)
        for document in documents:
            for target in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text()):
                if not target.startswith("https://"):
                    self.assertTrue((document.parent / target).exists(), f"{document.name}: {target}")
