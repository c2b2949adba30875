# SPDX-License-Identifier: Apache-2.0
"""docs/walk.md: its files are written, its commands run, and they print what the page says."""

import os
import re
import subprocess
from pathlib import Path

import harness

PAGE = Path(__file__).resolve().parents[2] / "docs" / "walk.md"
BLOCK = re.compile(r"^```(sh)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"`(/[^`]+)`:\n\n$")


def steps(text):
    """("file", PATH, TEXT) and ("run", COMMANDS, OUTPUT) in the order of the page."""
    blocks = list(BLOCK.finditer(text))
    found = []
    for at, block in enumerate(blocks):
        if block[1]:
            found.append(("run", block[2], blocks[at + 1][2]))
        elif named := FILE.search(text[:block.start()]):
            found.append(("file", named[1], block[2]))
    return found


def pattern(output):
    """What OUTPUT stands for: "…" is any text on a line."""
    return ".*".join(map(re.escape, output.split("…")))


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
