# SPDX-License-Identifier: Apache-2.0
"""What a run of the tests ends with: what ctest itself wrote about tests that pass, fail, pass when run again, and are skipped."""

import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = """
cmake_minimum_required(VERSION 3.20)
project(report NONE)
enable_testing()
add_test(NAME good COMMAND true)
add_test(NAME part COMMAND echo "skip: no runtime here")
add_test(NAME bad COMMAND false)
add_test(NAME gone COMMAND sh -c "echo skip: no kernel here; exit 77")
add_test(NAME tossed COMMAND sh -c "mkdir marker 2> /dev/null && exit 1; true")
set_tests_properties(gone PROPERTIES SKIP_RETURN_CODE 77)
"""


class Report(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = Path(scratch.name)
        (self.scratch / "CMakeLists.txt").write_text(TESTS)
        subprocess.run(["cmake", "-S", self.scratch, "-B", self.scratch / "build"], check=True, capture_output=True)

    def run_tests(self, *options):
        with open(self.scratch / "run.log", "w") as log:
            subprocess.run(["ctest", "--test-dir", "build", "--repeat", "until-pass:2", "--output-junit", self.scratch / "run.xml", *options],
                           cwd=self.scratch, stdout=log, stderr=subprocess.STDOUT)
        return subprocess.run([ROOT / "scripts/test-report", self.scratch / "run.xml"], capture_output=True, text=True)

    def test_tells_what_failed_what_was_left_out_and_what_is_unsteady(self):
        report = self.run_tests()
        self.assertEqual(report.stdout, "failed: bad: fail\n"
                                        "unsteady: tossed: failed, and passed when run again\n"
                                        "skipped: part: no runtime here\n"
                                        "skipped: gone: no kernel here\n"
                                        "3 passed, 1 failed, 2 skipped\n")
        self.assertEqual(report.returncode, 1)

    def test_nothing_failed(self):
        report = self.run_tests("--tests-regex", "good|tossed")
        self.assertEqual(report.stdout, "unsteady: tossed: failed, and passed when run again\n2 passed, 0 failed, 0 skipped\n")
        self.assertEqual(report.returncode, 0)

    def test_nothing_run_is_a_failure(self):
        self.assertEqual(self.run_tests("--tests-regex", "no such test").returncode, 1)


if __name__ == "__main__":
    unittest.main()
