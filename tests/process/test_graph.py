# SPDX-License-Identifier: Apache-2.0
"""aa-shimctl graph, of profile files: the tree, the languages, and policies that want to keep it busy."""

import json
import re
import stat
import subprocess
from pathlib import Path

import harness

OK, WRONG, USAGE, SYSTEM = range(4)
GRAPHVIZ = Path("/usr/bin/dot")
PROFILES = harness.WORK / "profiles"
WEB = """profile web {
  /bin/{a,b} ix,
  /bin/kid Cx -> kid,
  /bin/out ux,
  /bin/db Px -> db,
  capability chown,
  change_profile -> db,
  profile kid { /bin/db Px -> db, /bin/kid Px -> web, capability kill, }
  ^hat { capability fowner, }
}
"""
DB = 'profile db { /bin/web px -> "web//&site", }\nprofile site { }\n'
TREE = """web (enforce) [CHOWN]
├─ ix: /bin/a, /bin/b => stays
├─ Cx -> kid: /bin/kid => web//kid (enforce) [KILL]
│  ├─ Px -> db: /bin/db => db (enforce) [no capabilities]
│  │  └─ px -> web//&site: /bin/web => web//&site (enforce) [no capabilities]
│  │     ├─ component => web (see there)
│  │     └─ component => site (enforce) [no capabilities]
│  └─ Px -> web: /bin/kid => web (see there)
├─ Px -> db: /bin/db => db (see there)
├─ ux: /bin/out => unconfined (UNCONFINED) [all capabilities]
├─ hat => web//hat (enforce, a hat) [FOWNER]
└─ change_profile => db (see there)
"""


class Graph(harness.ShimTest):
    def setUp(self):
        super().setUp()
        PROFILES.mkdir()
        self.write("web", WEB)
        self.write("db", DB)

    @staticmethod
    def write(name, text):
        (PROFILES / name).write_text("abi <abi/3.0>,\n" + text)

    def ctl(self, *arguments, code=OK):
        result = subprocess.run([harness.CTL, *map(str, arguments)], capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result

    def moves(self, text):
        """The lines of a tree without its branches, as compilers find the ways in different orders."""
        return sorted(re.sub("^[│├└─ ]*", "", line) for line in text.splitlines())

    def test_the_tree(self):
        found = self.ctl("graph", "--profiles", PROFILES, "web").stdout
        self.assertEqual(found.splitlines()[0], TREE.splitlines()[0])
        for line in ("ix: /bin/a, /bin/b => stays", "ux: /bin/out => unconfined (UNCONFINED) [all capabilities]",
                     "hat => web//hat (enforce, a hat) [FOWNER]", "component => web (see there)"):
            self.assertIn(line, self.moves(found))
        self.assertEqual(len(found.splitlines()), len(TREE.splitlines()))
        # Whatever leads to it, a label is drawn with what follows once.
        for label in ("web", "web//kid", "db", "site", "web//&site"):
            self.assertEqual(len(re.findall(rf"(?:^|=> ){label} \((?!see)", found, re.MULTILINE)), 1, label)

    def test_files_and_folders(self):
        everything = json.loads(self.ctl("graph", "--json", "--profiles", PROFILES).stdout)
        self.assertEqual({node["label"] for node in everything["nodes"]}, {"web", "web//kid", "web//hat", "db", "site", "web//&site", "unconfined"})
        self.assertEqual((everything["ok"], everything["complete"]), (True, True))
        single = json.loads(self.ctl("graph", "--json", "--profiles", PROFILES / "web", "--profiles", PROFILES / "db").stdout)
        self.assertEqual(len(single["nodes"]), len(everything["nodes"]))
        alone = json.loads(self.ctl("graph", "--json", "--profiles", PROFILES / "web", "web//kid").stdout)
        self.assertEqual(alone["roots"], ["web//kid"])
        self.assertNotIn("db", {node["label"] for node in alone["nodes"]})  # not there, so nothing leads to it

    def test_json(self):
        document = json.loads(self.ctl("graph", "--json", "--profiles", PROFILES, "web").stdout)
        self.assertIn({"label": "unconfined", "mode": "unconfined", "hat": False, "confines": False,
                       "capabilities": document["nodes"][[node["label"] for node in document["nodes"]].index("unconfined")]["capabilities"]}, document["nodes"])
        self.assertIn({"from": "web", "to": "web//kid", "kind": "exec", "rule": "Cx -> kid", "paths": ["/bin/kid"], "allPaths": True, "doubt": None},
                      document["moves"])
        self.assertIn({"from": "web", "to": "db", "kind": "change_profile", "rule": None, "paths": [], "allPaths": False, "doubt": None}, document["moves"])

    def test_dot(self):
        text = self.ctl("graph", "--dot", "--profiles", PROFILES, "web").stdout
        self.assertTrue(text.startswith("digraph policy {\n") and text.endswith("}\n"), text)
        self.assertRegex(text, r'n\d+ \[label="unconfined\\nUNCONFINED\\nall capabilities", color=red')
        self.assertRegex(text, r'n0 -> n\d+ \[label="Cx -> kid: /bin/kid"\];')
        self.assertRegex(text, r'n\d+ -> n\d+ \[label="component", style=dashed\];')

    def test_names_that_mean_something_to_graphviz_or_a_terminal(self):
        self.write("odd", 'profile "a\\"; evil x=\\"" { /bin/x px -> web, }\n')
        document = json.loads(self.ctl("graph", "--json", "--profiles", PROFILES).stdout)
        name = next(node["label"] for node in document["nodes"] if "evil" in node["label"])
        text = self.ctl("graph", "--dot", "--profiles", PROFILES, name).stdout
        for line in text.splitlines():
            self.assertEqual(len(re.findall(r'(?<!\\)(?:\\\\)*"', line)) % 2, 0, line)
        self.assertNotIn("\x1b", text)

    def test_svg(self):
        result = self.ctl("graph", "--svg", "--profiles", PROFILES, "web", code=OK if GRAPHVIZ.exists() else SYSTEM)
        if GRAPHVIZ.exists():
            self.assertIn("</svg>", result.stdout)
        else:
            self.assertIn("an SVG is drawn by Graphviz, which is not installed", result.stderr)
            self.assertIn("install the package 'graphviz', or take --dot", result.stderr)
            GRAPHVIZ.touch()
            self.addCleanup(GRAPHVIZ.unlink)
        self.stand_in("cat; echo; echo \"$@\"\n")
        text = self.ctl("graph", "--svg", "--profiles", PROFILES, "web").stdout
        self.assertTrue(text.startswith("digraph policy {") and text.endswith("-Tsvg\n"), text)
        subprocess.run(["umount", GRAPHVIZ], check=True)
        self.stand_in("echo no memory >&2; exit 1\n")
        self.assertIn("/usr/bin/dot drew nothing: no memory", self.ctl("graph", "--svg", "--profiles", PROFILES, "web", code=SYSTEM).stderr)
        subprocess.run(["umount", GRAPHVIZ], check=True)

    def stand_in(self, script):
        path = harness.WORK / "dot"
        path.write_text("#!/bin/sh\n" + script)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        subprocess.run(["mount", "--bind", path, GRAPHVIZ], check=True)

    def test_errors(self):
        self.assertIn("or give profile files, or a directory of them, with --profiles", self.ctl("graph", code=SYSTEM).stderr)
        self.assertIn("profile 'nobody' is not loaded", self.ctl("graph", "--profiles", PROFILES, "nobody", code=SYSTEM).stderr)
        self.assertIn("there is no profile file", self.ctl("graph", "--profiles", harness.WORK / "none", code=SYSTEM).stderr)
        self.ctl("graph", "--dot", "--svg", "--profiles", PROFILES, code=USAGE)
        self.write("again", "profile web { }\n")
        self.assertIn("profile 'web' is defined twice", self.ctl("graph", "--profiles", PROFILES, code=WRONG).stderr)
        self.write("again", "profile broken {\n")
        self.ctl("graph", "--profiles", PROFILES / "again", code=WRONG)
        (harness.WORK / "empty").mkdir()
        self.assertIn("holds no profile file", self.ctl("graph", "--profiles", harness.WORK / "empty", code=WRONG).stderr)

    def test_a_policy_that_is_too_large_to_draw(self):
        self.write("many", "".join(f"profile p{number} {{ change_profile -> p*, }}\n" for number in range(150)))
        document = json.loads(self.ctl("graph", "--json", "--profiles", PROFILES / "many").stdout)
        self.assertEqual((document["complete"], len(document["moves"])), (False, 4096))
        self.assertIn("There is more than is drawn", self.ctl("graph", "--profiles", PROFILES / "many").stdout)
        deep = "".join(f"profile q{number} {{ /bin/x px -> q{number + 1}, }}\n" for number in range(400)) + "profile q400 { }\n"
        self.write("many", deep)
        self.assertEqual(len(self.ctl("graph", "--profiles", PROFILES / "many", "q0").stdout.splitlines()), 401)

    # ---- a file among many that is broken

    def test_the_others_are_shown(self):
        self.write("broken", "profile broken {\n  /a \x1b[31mred r,\n")
        done = self.ctl("graph", "--profiles", PROFILES, "site", "web", code=WRONG)
        self.assertIn("web//kid (enforce) [KILL]", done.stdout)
        self.assertRegex(done.stderr, f"^aa-shimctl: left out: '{PROFILES}/broken' does not compile: .*\n$")
        self.assertNotIn("\x1b", done.stderr)
        document = json.loads(self.ctl("graph", "--json", "--profiles", PROFILES, code=WRONG).stdout)
        self.assertEqual((document["ok"], len(document["broken"])), (False, 1))
        self.assertEqual(json.loads(self.ctl("graph", "--json", "--profiles", PROFILES / "web", "--profiles", PROFILES / "db").stdout)["broken"], [])

    def test_where_all_are_broken_it_is_an_error(self):
        for name in ("web", "db"):
            self.write(name, "profile broken {\n  /a \x1b[31mred r,\n")
        for path in (PROFILES, PROFILES / "web"):
            done = self.ctl("graph", "--profiles", path, code=WRONG)
            self.assertEqual(done.stdout, "")
            self.assertIn("does not compile", done.stderr)
            self.assertNotIn("\x1b", done.stderr)
