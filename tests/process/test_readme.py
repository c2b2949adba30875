# SPDX-License-Identifier: Apache-2.0
"""What the README says is true: its commands, its catalog, its links. The commands that need Docker are run on the engine
host."""

import json
import os
import re
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
    """The commands of "On a Docker host" up to the restart of Docker, with /usr moved to a folder of the test."""

    def run_in_stage(self, command):
        command = command.replace("sudo ", "").replace("/usr/", f"{STAGE}/usr/")
        result = subprocess.run(["sh", "-ec", command], cwd=ROOT, capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 0, f"{command}\n{result.stderr}")
        return result.stdout

    def install(self):
        build, link, copy, load, daemon, show = commands()
        self.assertRegex(build, r"^cmake --preset release && .* --install build/release --prefix /usr$")
        self.assertEqual(load, "sudo aa-shimctl load")
        self.assertTrue(daemon.startswith("sudo cp daemon.json.example /etc/docker/daemon.json && "))
        self.assertTrue(show.startswith("docker run "))
        build_directory = harness.SHIM.parents[1]
        self.run_in_stage(f"cmake --install {build_directory} --prefix /usr/")
        for directory in harness.ETC.iterdir():
            if directory.is_dir():
                directory.rmdir()
        self.run_in_stage(link)
        self.run_in_stage(copy)

    def test_the_installed_catalog_is_good(self):
        self.install()
        self.assertIn("The catalog is good", self.run_in_stage("/usr/sbin/aa-shimctl check"))

    def test_daemon_json_names_what_is_installed(self):
        self.install()
        runtimes = json.loads((ROOT / "daemon.json.example").read_text())["runtimes"]
        self.assertIn("aa-shim", runtimes)
        for runtime in runtimes.values():
            self.assertTrue(os.access(f"{STAGE}{runtime['path']}", os.X_OK), runtime)

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
