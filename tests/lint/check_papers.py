# SPDX-License-Identifier: Apache-2.0
"""scripts/check-papers finds each kind of name that is wrong: in a copy of the papers and the tests, one at a time."""

import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHECK = ROOT / "scripts/check-papers"
THREATS, LEDGER, HOSTS = "docs/threat-model.md", "docs/cve-ledger.md", "tests/vm/CMakeLists.txt"
HEAD = "| what | where we stand | shown by |\n|---|---|---|\n| a threat |"

# (file, what is put at its end, the complaint)
WRONG = [
    (THREATS, "`process:nothing`", "there is no test 'process:nothing'"),
    (THREATS, "`process:exec test_nothing`", "the test 'process:exec' has no 'test_nothing'"),
    (THREATS, "`json/json_test:Json.Nothing`", "there is no test 'json/json_test:Json.Nothing'"),
    (THREATS, "`engine:nothing`", "there is no test 'engine:nothing'"),
    (THREATS, "`engine:scenarios rootless`", "the test 'engine:scenarios' has no 'rootless'"),
    (LEDGER, "`micro:nothing`", "there is no test 'micro:nothing'"),
    (LEDGER, f"{HEAD} Stands | — |", "it says 'Stands', and no test shows it"),
    (LEDGER, f"{HEAD} Stands: so it is | of course |", "the column 'shown by' names no test"),
    (HOSTS, "aa_vm_test(engine:more 1 engine nothing)", "engine:more runs 'nothing', of which there is no tests/vm/engine/nothing.py"),
]
RIGHT = [
    (THREATS, "`process:exec test_pipe`, `json/json_test:Json.DecodesStrings`, `engine:scenarios denials`, `engine:sid-transitions-remapped remapped`, `lint:layers`, `micro:races`"),
    (LEDGER, f"{HEAD} Theirs | — |"),
]


class CheckPapers(unittest.TestCase):
    def setUp(self):
        self.tree = Path(tempfile.mkdtemp(prefix="aa-papers."))
        self.addCleanup(shutil.rmtree, self.tree)
        for folder in ("docs", "tests"):
            shutil.copytree(ROOT / folder, self.tree / folder, ignore=shutil.ignore_patterns("golden", "records", "fuzz"))
        for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md"):
            shutil.copy(ROOT / name, self.tree)

    def check(self, name, more):
        """What is said if MORE stands at the end of the file NAME."""
        file = self.tree / name
        text = file.read_text()
        file.write_text(f"{text}\n{more}\n")
        result = subprocess.run([CHECK, self.tree], capture_output=True, text=True, check=False)
        file.write_text(text)
        return result.returncode, result.stdout + result.stderr

    def test_what_is_right(self):
        for name, more in RIGHT:
            with self.subTest(more):
                self.assertEqual(self.check(name, more), (0, ""))

    def test_what_is_wrong(self):
        for name, more, complaint in WRONG:
            with self.subTest(more):
                status, said = self.check(name, more)
                self.assertEqual(status, 1, said)
                self.assertIn(complaint, said)

    def test_a_paper_that_nobody_finds(self):
        (self.tree / "docs/hidden.md").write_text("# Hidden\n\n[itself](hidden.md)\n")
        self.assertEqual(self.check(THREATS, ""), (1, "docs/hidden.md: nothing links to it\n"))
        self.assertEqual(self.check(THREATS, "[not hidden](hidden.md#any)"), (0, ""))

    def test_a_test_that_goes(self):
        """What the papers name may not be renamed without them."""
        for name, old in (("tests/process/test_forged.py", None), ("tests/oci/json/json_test.cc", "TEST(Json, FoldsKeysAsGoDoes)"),
                          ("tests/vm/CMakeLists.txt", "aa_vm_test(micro:races")):
            with self.subTest(name):
                file = self.tree / name
                text = file.read_text()
                if old:
                    file.write_text(text.replace(old, old.replace("Folds", "Bends").replace("races", "places")))
                else:
                    lists = self.tree / "tests/process/CMakeLists.txt"
                    lists.write_text(lists.read_text().replace("aa_process_test(process forged)\n", ""))
                status, said = self.check(THREATS, "")
                file.write_text(text)
                self.assertEqual(status, 1)
                self.assertIn("there is no test", said)


if __name__ == "__main__":
    unittest.main()
