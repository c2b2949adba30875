#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""whole_release.py WORK: a release of this tree as it lies here, in a repository of its own, with the real scripts/package, which builds
in WORK (where that has built the like before, a cache of the compiler knows most of it)."""

import json
import re
import sys
import tarfile
import unittest
from pathlib import Path

import release_tree

WORK = Path()


class WholeRelease(unittest.TestCase):
    def setUp(self):
        self.tree = release_tree.Tree(release_tree.all_files())
        self.addCleanup(self.tree.close)
        version = re.search(r"project\(aa-shim VERSION ([\d.]+)", self.tree.read("CMakeLists.txt"))[1]
        major, minor, patch = version.split(".")
        self.version = f"{major}.{minor}.{int(patch) + 1}"  # as of tests/package/next, whose objects the compiler's cache has
        changelog = self.tree.read("CHANGELOG.md")
        self.tree.write("CHANGELOG.md", changelog.replace("## [Unreleased]\n", "## [Unreleased]\n\n- A line, should there be none.\n", 1))
        self.tree.commit()

    def test_packages_sums_and_versions(self):
        done = self.tree.release(self.version, "deb", "tarball", "sbom", "--work", WORK)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        output = self.tree.root / "build/release" / self.version
        architecture = self.tree.checked("dpkg", "--print-architecture").strip()
        stem = f"aa-shim-{self.version}-linux-{architecture}"
        deb = output / f"aa-shim_{self.version}_{architecture}.deb"
        names = {path.name for path in output.iterdir()}
        self.assertLessEqual({deb.name, f"{stem}.tar.xz", f"{stem}.spdx.json", "SHA256SUMS"}, names)
        self.assertEqual({line.split("  ")[1] for line in (output / "SHA256SUMS").read_text().splitlines()}, names - {"SHA256SUMS"})
        self.tree.checked("sh", "-c", f"cd '{output}' && sha256sum --check --strict SHA256SUMS")
        self.assertEqual(self.tree.checked("dpkg-deb", "--field", deb, "Version").strip(), self.version)
        self.assertEqual(json.loads((output / f"{stem}.spdx.json").read_text())["packages"][0]["versionInfo"], self.version)
        time = int(self.tree.git("log", "-1", "--format=%ct"))
        with tarfile.open(output / f"{stem}.tar.xz") as tar:
            self.assertEqual({member.mtime for member in tar}, {time})
            (program,) = [member for member in tar if member.name.endswith("/aa-shimctl") and member.mode & 0o111]
            path = self.tree.home / "aa-shimctl"
            path.write_bytes(tar.extractfile(program).read())
        path.chmod(0o755)
        self.assertIn(self.version, self.tree.run(path, "version").stdout.splitlines()[0])


def main():
    global WORK  # pylint: disable=global-statement
    WORK = Path(sys.argv.pop()).resolve()
    unittest.main()


if __name__ == "__main__":
    main()
