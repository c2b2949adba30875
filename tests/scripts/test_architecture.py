# SPDX-License-Identifier: Apache-2.0
"""scripts/draw-architecture, on small trees with layers of their own."""

import re
import shutil
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree as ET
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MAY_INCLUDE = """MAY_INCLUDE = {
    "ground": set(),
    "left": {"ground"},
    "right": {"ground", "right/in"},
    "right/in": {"ground", "right"},
    "roof": {"ground", "left", "right"},
    "empty": {"ground"},
}
"""
TREE = {
    "ground/g.h": [],
    "left/l.h": ["ground/g.h"],
    "right/r.h": ["ground/g.h"],
    "right/r.cc": ["right/in/i.h"],
    "right/in/i.h": ["right/r.h"],
    "roof/a.cc": ["left/l.h", "right/r.h"],
    "roof/b.cc": ["ground/g.h", "left/l.h"],
}
SVG = "{http://www.w3.org/2000/svg}"


class Architecture(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="aa-architecture.")
        self.addCleanup(self.temporary.cleanup)
        self.root = Path(self.temporary.name)
        (self.root / "docs").mkdir()
        (self.root / "scripts").mkdir()
        for name in ("draw-architecture", "layered_layout.py"):
            shutil.copy(ROOT / "scripts" / name, self.root / "scripts" / name)
        layers, count = re.subn(r"^MAY_INCLUDE = \{\n.*?^\}\n", MAY_INCLUDE, (ROOT / "scripts/check-layers").read_text(), flags=re.M | re.S)
        self.assertEqual(count, 1)
        (self.root / "scripts/check-layers").write_text(layers)
        for name, headers in TREE.items():
            self.write(name, headers)

    def write(self, name, headers, lines=10):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f'#include "{header}"\n' for header in headers) + "//\n" * lines)

    def run_it(self, *arguments):
        return subprocess.run([self.root / "scripts/draw-architecture", *arguments], capture_output=True, text=True, check=False)

    def draw(self):
        done = self.run_it()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return ET.parse(self.root / "docs/architecture.svg").getroot()

    def assert_stale(self, told):
        done = self.run_it("--check")
        self.assertEqual((done.returncode, done.stdout), (1, f"docs/architecture.svg: {told}\n"))

    @staticmethod
    def titles(svg):
        return [title.text for title in svg.iterfind(f".//{SVG}g/{SVG}g/{SVG}title")] + [title.text for title in svg.iterfind(f"{SVG}g/{SVG}title")]

    @staticmethod
    def places(svg):
        """Folder → height of its name in the picture."""
        return {"".join(text.itertext()): float(text.get("y")) for text in svg.iter(f"{SVG}text") if text.get("class") == "name"}

    def test_boxes_and_arrows(self):
        svg = self.draw()
        self.assertEqual(sorted(self.titles(svg)), ["left includes ground: 1 include", "right and right/in include each other: 2 includes",
                                                    "right includes ground: 1 include", "roof includes left: 2 includes",
                                                    "roof includes right: 1 include"])
        places = self.places(svg)
        self.assertEqual(set(places), {"ground", "left", "right", "right/in", "roof"})
        self.assertLess(places["roof"], places["left"])
        self.assertLess(places["left"], places["ground"])
        self.assertLess(max(places["right"], places["right/in"]), places["ground"])
        self.assertIn("roof includes ground, left, right.", svg.find(f"{SVG}desc").text)
        self.assertEqual(svg.get("aria-labelledby"), "title desc")

    def test_the_same_tree_gives_the_same_bytes(self):
        self.draw()
        first = (self.root / "docs/architecture.svg").read_bytes()
        self.draw()
        self.assertEqual((self.root / "docs/architecture.svg").read_bytes(), first)
        self.assertEqual(self.run_it("--check").returncode, 0)
        self.assertFalse((self.root / "scripts/__pycache__").exists())

    def test_what_is_forbidden_is_red(self):
        self.assertNotIn("Red:", "".join(self.draw().itertext()))
        self.write("ground/g.h", ["roof/a.h"])
        svg = self.draw()
        (path,) = [path for path in svg.iter(f"{SVG}path") if path.get("class") == "no"]
        self.assertIn("Red: forbidden.", "".join(svg.itertext()))
        self.assertIsNotNone(path)

    def test_a_picture_that_is_not_there_or_not_current(self):
        changed = "the folders, or what they include, or how it is drawn, have changed"
        self.assert_stale(changed)
        self.draw()
        self.write("left/m.cc", ["left/l.h"], lines=1)  # a file more, a line more here and there: nobody has to draw for that
        self.assertEqual(self.run_it("--check").returncode, 0)
        self.write("left/m.cc", ["left/l.h"], lines=30)
        self.assert_stale("it says 11 lines where there are 42")
        self.draw()
        self.write("left/m.cc", ["right/r.h"], lines=30)
        self.assert_stale(changed)


if __name__ == "__main__":
    unittest.main()
