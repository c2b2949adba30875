# SPDX-License-Identifier: Apache-2.0
"""docs/walk.md: its files are written, its commands run, and they print what the page says."""

import os
import subprocess
from pathlib import Path

import harness
from page import pattern, steps

PAGE = Path(__file__).resolve().parents[2] / "docs" / "walk.md"


class Walk(harness.ShimTest):
    def test_it_goes_as_the_page_says(self):
        tools = harness.WORK / "bin"
        tools.mkdir()
        (tools / "aa-shimctl").symlink_to(harness.CTL)
        found = steps(PAGE.read_text())
        self.assertGreater(len(found), 9)
        for kind, what, text in found:
            if kind == "file":
                Path(what).write_text(text)
                continue
            result = subprocess.run(["bash", "-ec", f"exec 2>&1; {what}"], capture_output=True, text=True, timeout=harness.TIMEOUT, check=False,
                                    env={"PATH": f"{tools}:{os.environ['PATH']}"})
            self.assertEqual(result.returncode, 0, result.stdout)
            if "AA_SHOW_WALK" in os.environ:
                print("\x1eSTEP\n", result.stdout, sep="", end="", file=open(os.environ["AA_SHOW_WALK"], "a"))
                continue
            self.assertRegex(result.stdout, rf"\A{pattern(text)}\Z", what)

    def test_every_command_is_there(self):
        """Those that the page is for."""
        commands = "".join(what for kind, what, _ in steps(PAGE.read_text()) if kind == "run")
        for command in ("check", "query", "graph", "test", "explain", "load --dry-run", "load", "diff", "load --history", "load --rollback"):
            self.assertIn(f"aa-shimctl {command}", commands)


if __name__ == "__main__":
    harness.main()
