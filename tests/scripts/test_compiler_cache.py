# SPDX-License-Identifier: Apache-2.0
"""What cmake/settings.cmake makes of ccache: a fresh clone compiles nothing that another tree has compiled, and gets the same bytes."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROJECT = """
cmake_minimum_required(VERSION 3.25)
project(small CXX)
include(${PROJECT_SOURCE_DIR}/cmake/settings.cmake)
add_library(small OBJECT small.cc)
target_link_libraries(small PRIVATE aa_settings)
"""


class CompilerCache(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = Path(scratch.name)
        # Nothing of whoever runs this: neither a base directory of theirs, nor what their cache knows.
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("CCACHE_")} | {
            "CCACHE_DIR": str(self.scratch / "cache"), "CCACHE_CONFIGPATH": str(self.scratch / "none")}

    def compile(self, tree, *options, **environment):
        """The object that a tree of the name TREE makes with OPTIONS."""
        folder = self.scratch / tree
        shutil.copytree(ROOT / "cmake", folder / "cmake")
        (folder / "CMakeLists.txt").write_text(PROJECT)
        (folder / "small.h").write_text("inline const char* header() { return __FILE__; }\n")
        (folder / "small.cc").write_text('#include "small.h"\nconst char* small() { return *header() ? __FILE__ : ""; }\n')
        for command in (["-S", folder, "-B", folder / "build/it", "-G", "Ninja", *options], ["--build", folder / "build/it"]):
            done = subprocess.run(["cmake", *command], env=self.environment | environment, capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return next(folder.rglob("small.cc.o")).read_bytes()

    def hits(self):
        counts = subprocess.run(["ccache", "--print-stats"], env=self.environment, capture_output=True, text=True, check=True).stdout
        return dict(line.split() for line in counts.splitlines())["direct_cache_hit"]

    def check_shared(self, *options):
        first = self.compile("one", *options)
        self.assertEqual(self.hits(), "0")
        self.assertEqual(self.compile("two/and/deeper", *options), first)
        self.assertEqual(self.hits(), "1")
        return first

    def test_a_release_with_what_a_debugger_needs(self):
        """As packages are built: debian/rules has the second name of the sources mapped away, which only ccache uses."""
        options = ["-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_CXX_FLAGS=-g -ffile-prefix-map=../../="]
        first = self.check_shared(*options)
        self.assertEqual(self.compile("without", *options, CCACHE_DISABLE="1"), first)

    def test_with_sanitizers(self):
        self.check_shared("-DCMAKE_BUILD_TYPE=Debug", "-DAA_SANITIZE=address,undefined")


if __name__ == "__main__":
    if not shutil.which("ccache"):
        print("skip: no ccache here")
        sys.exit(77)
    unittest.main()
