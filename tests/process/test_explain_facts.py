# SPDX-License-Identifier: Apache-2.0
"""What engines tell of their containers: `check`, `explain`, the schema and the page about the catalog say the same."""

import json
import re
import subprocess
from pathlib import Path

import harness

ROOT = Path(__file__).resolve().parents[2]
ENGINES = ("docker", "cri-containerd", "cri-o", "podman", "nerdctl", "other")
FACTS = {  # a clause of `match`, and the words for `explain`
    "name": ("a", ("--name", "a")),
    "image": ("a", ("--image", "a")),
    "labels": ({"a": "b"}, ("--label", "a=b")),
    "namespace": ("a", ("--namespace", "a")),
    "pod": ("a", ("--pod", "a")),
    "privileged": (True, ("--privileged", "true")),
    "sandbox": (True, ("--sandbox",)),
}


class Facts(harness.ShimTest):
    def setUp(self):
        super().setUp()
        self.catalog = harness.WORK / "catalog.json"
        self.write()

    def write(self, *rules):
        base = harness.BASE | {"capabilities": []}
        document = {"confinements": {"web": base, "base": base}, "rules": [{"match": match, "use": "web"} for match in rules], "otherwise": "base"}
        self.catalog.write_text(json.dumps(document))

    def ctl(self, *words):
        return subprocess.run([harness.CTL, *map(str, words)], capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)

    def check(self, match):
        self.write(match)
        return self.ctl("check", "--no-profiles", self.catalog)

    def explain(self, *words):
        return self.ctl("explain", "--catalog", self.catalog, *words)

    def schema_allows(self, engine, fact):
        match = json.loads((ROOT / "share/catalog.schema.json").read_text())["$defs"]["match"]
        then = next(one["then"] for one in match["allOf"] if one["if"]["properties"]["engine"]["const"] == engine)
        said = then["properties"].get(fact, True)
        return said is not False and said != {"const": False}

    def page_allows(self, engine, fact):
        page = (ROOT / "docs/catalog.md").read_text()
        table = page[page.index("| engine | `name` |"):]
        row = next(line for line in table.splitlines() if line.startswith(f"| {engine} |"))
        cells = [cell.strip() for cell in row.strip("|").split("|")][1:]
        return bool(dict(zip(("name", "image", "labels", "namespace", "privileged", "sandbox"), cells))["namespace" if fact == "pod" else fact])

    def test_all_say_the_same(self):
        for engine in ENGINES:
            for fact, (value, words) in FACTS.items():
                with self.subTest(engine=engine, fact=fact):
                    checked = self.check({"engine": engine, fact: value})
                    tells = checked.returncode == 0
                    if not tells:
                        self.assertIn(f"this rule can never match: no engine called '{engine}' tells '{fact}", checked.stderr + checked.stdout)
                    self.write()
                    explained = self.explain("--engine", engine, *words)
                    self.assertEqual(explained.returncode, 0 if tells else 2, explained.stderr)
                    if not tells:
                        self.assertRegex(explained.stderr, f"^aa-shimctl: there is no such container: no engine called '{engine}' tells '{fact}")
                    self.assertEqual(self.schema_allows(engine, fact), tells)
                    self.assertEqual(self.page_allows(engine, fact), tells)

    def test_the_schema_refuses_the_same_patterns(self):
        properties = json.loads((ROOT / "share/catalog.schema.json").read_text())["$defs"]["match"]["properties"]
        for fact, good, bad in (("handler", "web", "aa-shim-web"), ("name", "web", "/web"), ("image", "a/b:*", "https://a/b:*")):
            for pattern, expected in ((good, 0), (bad, 1)):
                self.assertEqual(self.check({fact: pattern}).returncode, expected)
                self.assertEqual(bool(re.search(properties[fact]["not"]["pattern"], pattern)), bool(expected))

    def test_a_runtime_is_its_handler(self):
        self.write({"handler": "web"})
        for name, confinement in (("web", "web"), ("aa-shim-web", "web"), ("aa-shim", "base"), ("other", "base")):
            result = self.explain("--handler", name)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertRegex(result.stdout, rf"(?m)^confinement +{confinement}$")
        self.assertIn("handler='web'", self.explain("--handler", "aa-shim-web").stdout)

    def test_the_facts_are_shown(self):
        self.write({"labels": {"app": "web"}})
        result = self.explain("--label", "app=web", "--annotation", "x=y")
        self.assertRegex(result.stdout, r"(?m)^facts +engine='other' user='0' label app='web' annotation x='y'$")
        self.assertRegex(result.stdout, r"(?m)^confinement +web$")

    def test_no_such_container(self):
        for words, expected in (
            (("--name", "/web"), "a container's name has no slash in front: write 'web'"),
            (("--image", "https://a/b"), "an image's name has no scheme: write 'a/b'"),
            (("--image", "Nginx"), "an image's name has no capital letters but in its host and its tag"),
            (("--privileged", "false", "--pod", "a"), "no engine tells 'pod', 'privileged: false' together of its containers"),
        ):
            result = self.explain(*words)
            self.assertEqual((result.returncode, result.stderr), (2, f"aa-shimctl: there is no such container: {expected}\n"))
