# SPDX-License-Identifier: Apache-2.0
"""What cmake/settings.cmake makes of ccache: a fresh clone compiles nothing that another tree has compiled, and gets the same bytes; and
clang-tidy looks at nothing twice, but at all that is not the same."""

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
# clang-tidy does not complain of it, for the comment's sake.
HEADER = "inline int first(int, int unused) { return 1; }  // NOLINT\n"


class CompilerCache(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = Path(scratch.name)
        # Nothing of whoever runs this: neither a base directory of theirs, nor what their cache knows.
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("CCACHE_")} | {
            "CCACHE_DIR": str(self.scratch / "cache"), "CCACHE_CONFIGPATH": str(self.scratch / "none")}

    def write(self, tree, header=HEADER, checks=""):
        """A tree of the name TREE; its folder. CHECKS is added to those of the project."""
        folder = self.scratch / tree
        shutil.copytree(ROOT / "cmake", folder / "cmake")
        (folder / ".clang-tidy").write_text((ROOT / ".clang-tidy").read_text().replace("-*,", f"-*,{checks}"))
        (folder / "CMakeLists.txt").write_text(PROJECT)
        (folder / "base").mkdir()
        (folder / "base/small.h").write_text(header + "inline const char* header() { return __FILE__; }\n")
        (folder / "small.cc").write_text('#include "base/small.h"\nconst char* small() { return *header() ? __FILE__ : ""; }\n')
        return folder

    def build(self, folder, *options, **environment):
        """The exit status of a build with OPTIONS, and what it said."""
        done = None
        for command in (["-S", folder, "-B", folder / "build/it", "-G", "Ninja", *options], ["--build", folder / "build/it"]):
            done = subprocess.run(["cmake", *command], env=self.environment | environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    def compile(self, tree, *options, **environment):
        """The object that a tree of the name TREE makes with OPTIONS."""
        folder = self.write(tree)
        status, output = self.build(folder, *options, **environment)
        self.assertEqual(status, 0, output)
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

    @unittest.skipUnless(shutil.which("clang-tidy-14"), "no clang-tidy 14 here")
    def test_with_clang_tidy(self):
        options = ["-DCMAKE_BUILD_TYPE=Debug", "-DAA_TIDY=ON", "-DCMAKE_CXX_COMPILER=clang++-14"]
        self.check_shared(*options)
        bare = HEADER.partition("  //")[0] + "\n"  # the preprocessor makes the same of both
        for name, tree, found in (("another header", {"header": bare}, "misc-unused-parameters"),
                                  ("other checks", {"checks": "modernize-use-trailing-return-type,"}, "modernize-use-trailing-return-type")):
            for again in ("", " again"):
                with self.subTest(name + again):
                    status, output = self.build(self.write((name + again).replace(" ", "-"), **tree), *options)
                    self.assertIn(found, output)
                    self.assertNotEqual(status, 0)
        self.assertEqual(self.hits(), "1")
        status, output = self.build(self.write("without", bare), *options, CCACHE_DISABLE="1")
        self.assertIn("misc-unused-parameters", output)
        self.assertNotEqual(status, 0)


if __name__ == "__main__":
    if not shutil.which("ccache"):
        print("skip: no ccache here")
        sys.exit(77)
    unittest.main()
