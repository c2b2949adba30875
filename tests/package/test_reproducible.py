# SPDX-License-Identifier: Apache-2.0
"""The same bytes again: a second build, from nothing, in another directory, later, by a caller who sets other things."""

import os
import subprocess
import tarfile
import tempfile
import unittest
from pathlib import Path

import packages

OTHERS = {"TZ": "Pacific/Kiritimati", "LC_ALL": "C", "LANGUAGE": "fr", "CCACHE_DISABLE": "1", "USER": "somebody"}


class Reproducible(unittest.TestCase):
    def test_two_builds_give_the_same_bytes(self):
        with tempfile.TemporaryDirectory(prefix="aa-shim-rebuilt.") as work:
            output = Path(work, "output")
            command = f"umask 077; exec {packages.ROOT}/scripts/package --output {output} --work {work}/a/deeper/folder"
            with tarfile.open(packages.OUTPUT / f"{packages.stem()}.tar.xz") as tar:
                epoch = {"SOURCE_DATE_EPOCH": str(tar.next().mtime)}  # there may have been a commit since
            done = subprocess.run(["bash", "-c", command], env=os.environ | OTHERS | epoch, capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            names = [file.name for file in sorted(packages.OUTPUT.iterdir()) if file.suffix in (".deb", ".xz", ".json") and file.name in os.listdir(output)]
            self.assertEqual(len(names), 4, names)
            for name in names:
                with self.subTest(name):
                    self.assertEqual(packages.digest(packages.OUTPUT / name), packages.digest(output / name))
