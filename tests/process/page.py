# SPDX-License-Identifier: Apache-2.0
"""Pages of docs/ that are done as they stand: files to write, commands, and what they print."""
import re

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
