# SPDX-License-Identifier: Apache-2.0
"""The aa-shim executable as it was linked."""

import subprocess
import unittest

import harness


def readelf(*options):
    return subprocess.run(["readelf", "--wide", *options, harness.SHIM], capture_output=True, text=True, check=True).stdout


class Binary(unittest.TestCase):
    def test_static_and_position_independent(self):
        self.assertRegex(readelf("--file-header"), r"Type: +DYN")
        self.assertNotIn("INTERP", readelf("--program-headers"))
        self.assertNotIn("(NEEDED)", readelf("--dynamic"))

    def test_no_search_path(self):
        self.assertNotRegex(readelf("--dynamic"), r"\((RPATH|RUNPATH)\)")

    def test_relocations_become_read_only(self):
        self.assertIn("GNU_RELRO", readelf("--program-headers"))
        self.assertRegex(readelf("--dynamic"), r"\(FLAGS\).*BIND_NOW|\(FLAGS_1\).*NOW")

    def test_nothing_is_writable_and_executable(self):
        for line in readelf("--program-headers").splitlines():
            self.assertNotRegex(line, r"^ +(LOAD|GNU_STACK) .* RWE ")
        self.assertIn("GNU_STACK", readelf("--program-headers"))
