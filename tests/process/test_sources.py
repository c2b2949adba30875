# SPDX-License-Identifier: Apache-2.0
"""The sources of profiles, found as apparmor_parser finds them when the host starts: files that are only included, links by which a
profile is disabled or complains, variables in names, profiles that attach by themselves.
"""

import json
import subprocess
from pathlib import Path

import harness

APPARMOR = Path("/etc/apparmor.d")
FLAGS = "flags=(attach_disconnected,mediate_deleted)"


class Sources(harness.ShimTest):
    def setUp(self):
        super().setUp()
        self.catalog = harness.WORK / "catalog.json"
        self.made = []
        self.addCleanup(lambda: [path.unlink(missing_ok=True) for path in self.made])

    def put(self, path, text=None, link=None):
        file = APPARMOR / path
        file.parent.mkdir(exist_ok=True)
        self.made.append(file)
        file.unlink(missing_ok=True)
        if link:
            file.symlink_to(link)
        else:
            file.write_text(text)

    def write(self, profile):
        self.catalog.write_text(json.dumps({"confinements": {"a": {"apparmor": profile, "capabilities": ["CHOWN"],
            "hostPaths": [], "devices": [], "hostNamespaces": ["user"], "keepMasked": True}}, "otherwise": "a"}))

    def ctl(self, *words):
        return subprocess.run([harness.CTL, *map(str, words)], capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)

    def check(self, profile, code=0):
        self.write(profile)
        result = self.ctl("--json", "check", self.catalog)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return json.loads(result.stdout)

    def problems(self, found, kind="errors"):
        return [f"{one['file']}: {one['problem']}" for one in found[kind]]

    def test_a_file_that_is_only_included(self):
        piece = f"profile piece {FLAGS} {{\n  @{{PROC}}/** r,\n  file,\n  signal,\n}}\n"
        self.put("pieces/one", piece)
        self.put("all-pieces", "abi <abi/3.0>,\ninclude <tunables/global>\ninclude <pieces>\n")
        self.assertEqual(self.check("piece")["profiles"], [{"name": "piece", "file": "/etc/apparmor.d/all-pieces"}])
        # By its own name, through another that is included itself.
        self.put("all-pieces", "include <tunables/global>\ninclude <steps/step>\n")
        self.put("steps/step", "include <pieces/one>\n")
        self.assertEqual(self.check("piece")["profiles"], [{"name": "piece", "file": "/etc/apparmor.d/all-pieces"}])
        # One that nothing includes is a source of its own, in a folder, too.
        self.put("all-pieces", "include <tunables/global>\n")
        self.put("pieces/one", piece.replace("@{PROC}", "/proc"))
        self.put("steps/step", "")
        self.assertEqual(self.check("piece")["profiles"], [{"name": "piece", "file": "/etc/apparmor.d/pieces/one"}])

    def test_disabled(self):
        self.put("web1", f"profile web1 {FLAGS} {{ file, signal, }}\n")
        self.put("disable/web1", link="../web1")
        self.assertEqual(
            self.problems(self.check("web1", code=1)),
            ["/etc/apparmor.d/web1: profile 'web1' is disabled: '/etc/apparmor.d/disable/web1' makes apparmor_parser pass over this file; "
             "remove it (aa-enforce /etc/apparmor.d/web1) or name another one"],
        )

    def test_forced_to_complain(self):
        self.put("web1", f"abi <abi/3.0>,\nprofile web1 {FLAGS} {{ file, signal, ptrace, capability chown, }}\n")
        self.assertEqual(self.check("web1")["notes"], [])
        self.put("force-complain/web1", link="../web1")
        self.assertEqual([one["code"] for one in self.check("web1")["notes"]], ["AA504"])
        self.assertEqual(
            self.problems(self.check("web1"), "notes"),
            [f"{self.catalog}: profile 'web1' is loaded in complain mode, which denies nothing: '/etc/apparmor.d/force-complain/web1' says so"],
        )

    def test_a_variable_in_a_name(self):
        self.put("shop", f"include <tunables/global>\n@{{NAME}}=shop\nprofile @{{NAME}}-var {FLAGS} {{ file, signal, }}\n")
        self.assertEqual(self.check("shop-var")["profiles"], [{"name": "shop-var", "file": "/etc/apparmor.d/shop"}])
        self.assertEqual(
            self.problems(self.check("@{NAME}-var", code=1)),
            [f"{self.catalog}: no profile can be called '@{{NAME}}-var': apparmor_parser puts the values of variables in their place; write the "
             "name that the kernel gets"],
        )

    def test_a_name_that_nothing_defines(self):
        self.write("webb")
        result = self.ctl("check", self.catalog)
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stderr, f"{self.catalog}:1:19: error AA505: profile 'webb': no file in /etc/aa-shim/apparmor.d, /etc/apparmor.d "
                         "defines it, and there is no AppArmor here to ask: a host where no other tool loads it will refuse this catalog; list "
                         "it under \"externalProfiles\" if one does\n")
        self.assertEqual(result.stdout, "")
        # Others load it, and its children.
        catalog = json.loads(self.catalog.read_text())
        for profile in ("webb", "webb//kid"):
            catalog["confinements"]["a"]["apparmor"] = profile
            self.catalog.write_text(json.dumps(catalog | {"externalProfiles": ["webb"]}))
            self.assertEqual(self.ctl("check", self.catalog).stdout, "The catalog is good: 1 file, 1 confinement, 0 rules, 0 profiles.\n")
        self.catalog.write_text(json.dumps(catalog | {"externalProfiles": ["web", "we", "webb-"]}))
        self.assertEqual(self.ctl("check", self.catalog).returncode, 1)

    def test_a_profile_that_attaches(self):
        self.put("hm", f"include <tunables/global>\nprofile hm {FLAGS} {{\n  /** r,\n  /usr/bin/mang px,\n  /usr/bin/other px,\n  signal,\n}}\n")
        self.put("mang-page", "profile mang-page /usr/bin/mang { file, }\n")
        self.put("broken-page", "profile broken-page /usr/bin/other { nonsense }\n")
        self.write("hm")
        for path, expected in (("/usr/bin/mang", "mang-page"), ("/usr/bin/other", None)):
            result = self.ctl("--json", "explain", "--exec", "--catalog", self.catalog, "--confinement", "a", path)
            document = json.loads(result.stdout)
            self.assertEqual(document.get("label"), expected, result.stdout)
        self.put("disable/mang-page", link="../mang-page")
        result = self.ctl("--json", "explain", "--exec", "--catalog", self.catalog, "--confinement", "a", "/usr/bin/mang")
        self.assertIsNone(json.loads(result.stdout).get("label"), result.stdout)
