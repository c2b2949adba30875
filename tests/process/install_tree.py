# SPDX-License-Identifier: Apache-2.0
"""A tree that looks like a host, for aa-shimctl install and uninstall to work on."""

import os
import shutil
import subprocess
import unittest
from pathlib import Path

import harness

CONFIGS = Path(__file__).resolve().parents[1] / "golden" / "install"
REAL_FILES = sorted(path.name for path in CONFIGS.glob("*.toml"))
CONTAINERD_CONFIG = "/etc/containerd/config.toml"
TREE = harness.WORK / "host"
OK, WRONG, USAGE, SYSTEM = range(4)


class InstallTest(unittest.TestCase):
    maxDiff = None
    PROGRAMS = ("/usr/sbin/runc",)  # of the host, besides aa-shim

    def setUp(self):
        shutil.rmtree(TREE, ignore_errors=True)
        for program in ("/usr/bin/aa-shim", *self.PROGRAMS):
            self.program(program)

    def at(self, path):
        return TREE / path.lstrip("/")

    def put(self, path, content, mode=0o644):
        file = self.at(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        file.chmod(mode)
        return file

    def program(self, path):
        self.put(path, "#!/bin/sh\n", 0o755)

    def tree(self):
        """Everything below the root: kind, mode and contents."""
        found = {}
        for path in sorted(TREE.rglob("*")):
            status = path.lstat()
            content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
            found[str(path.relative_to(TREE))] = (oct(status.st_mode), status.st_uid, content)
        return found

    def ctl(self, *arguments, code=OK, prefix=()):
        result = subprocess.run(
            [*prefix, harness.CTL, *arguments, "--root", TREE], capture_output=True, text=True, timeout=harness.TIMEOUT, check=False
        )
        if code is not None:
            self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result

    def refused(self, *arguments, code=WRONG):
        """The message of an install that is refused and changes nothing."""
        before = self.tree()
        result = self.ctl("install", *arguments, code=code)
        self.assertEqual(self.tree(), before)
        self.assertEqual(result.stdout, "")
        return result.stderr

    def there_and_back(self, engine, *options):
        """Installs, installs again, and uninstalls; returns the tree between."""
        before = self.tree()
        dry = self.ctl("install", engine, *options, "--dry-run")
        self.assertIn("nothing was written", dry.stdout)
        self.assertEqual(self.tree(), before)
        self.ctl("install", engine, *options)
        installed = self.tree()
        self.assertNotEqual(installed, before)
        again = self.ctl("install", engine, *options)
        self.assertIn("Nothing to change", again.stdout)
        self.assertEqual(self.tree(), installed)
        self.ctl("uninstall", engine)
        self.assertEqual(self.tree(), before)
        self.assertIn("Nothing to change", self.ctl("uninstall", engine).stdout)
        self.assertEqual(self.tree(), before)
        return installed
