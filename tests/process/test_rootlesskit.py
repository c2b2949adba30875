# SPDX-License-Identifier: Apache-2.0
"""aa-shim below the real rootlesskit, as Docker and containerd without root start it: /run and /etc are copied up, so that what is the
operator's lies behind links."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import harness

USER, SUBORDINATE = 1000, 100000
HOME, RUNTIME_DIR = harness.WORK / "home", Path(f"/run/user/{USER}")


def as_user(*command):
    environment = {"HOME": str(HOME), "USER": "tester", "PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "XDG_RUNTIME_DIR": str(RUNTIME_DIR)}
    return subprocess.run(
        [*map(str, command)], user=USER, group=USER, extra_groups=[], env=environment, cwd=HOME, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=harness.TIMEOUT, check=False,
    )


class Rootlesskit(harness.ShimTest):
    def setUp(self):
        super().setUp()
        if any(shutil.which(name) is None for name in ("rootlesskit", "newuidmap")):
            self.skipTest("no rootlesskit or newuidmap here")
        self.load_catalog()
        harness.add_tester(USER, HOME, SUBORDINATE)
        shutil.rmtree(self.runtime.parent / "record")  # of what `load` asked it
        os.chown(self.runtime.parent, USER, USER)  # it records beside itself
        for directory in (HOME, RUNTIME_DIR):
            directory.mkdir(parents=True, exist_ok=True)
            os.chown(directory, USER, USER)
            directory.chmod(0o700)
        if self.kit("true").returncode != 0:
            self.skipTest(f"no rootlesskit here: {self.kit('true').stderr}")

    def kit(self, *command):
        """Runs COMMAND in rootlesskit's namespaces, with the host's network, for which it needs no other program."""
        return as_user("rootlesskit", "--net=host", "--copy-up=/etc", "--copy-up=/run", "--state-dir", RUNTIME_DIR / "kit", *command)

    def own_bundle(self, name="bundle"):
        directory = self.make_bundle(name=name)
        for path in (directory, directory / "config.json"):
            os.chown(path, USER, USER)
        return directory

    def test_it_copies_up_by_links(self):
        """What this file is about: should another rootlesskit do it otherwise, it will be seen here."""
        for directory in ("/run/aa-shim", "/etc/aa-shim"):
            shown = self.kit("readlink", directory)
            self.assertRegex(shown.stdout, r"^(/run/|/etc/)?\.ro[0-9]+/aa-shim\n$", shown.stderr)
        self.assertEqual(self.kit("stat", "--format", "%U %u", "-L", "/run/aa-shim").stdout.split()[1], "65534")

    def test_the_operators_catalog_counts(self):
        directory = self.own_bundle()
        run = self.kit(harness.SHIM, "create", "--bundle", directory, "c1")
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        document = json.loads((directory / "config.json").read_bytes())
        self.assert_confined(document["process"])
        self.assertEqual(document["annotations"]["aa-shim/applied"], "test")
        self.assertIsNotNone(harness.read_record(self.runtime.parent / "record"))

    def test_without_a_catalog_nothing_starts(self):
        directory = self.own_bundle()
        for take_away in (harness.COMPILED.unlink, lambda: shutil.rmtree(harness.RUN)):
            take_away()
            run = self.kit(harness.SHIM, "create", "--bundle", directory, "c1")
            self.assertNotEqual(run.returncode, 0)
            self.assertIn("there is no compiled catalog '/run/aa-shim/catalog': run 'aa-shimctl load'\n", run.stderr)
            self.assertIsNone(harness.read_record(self.runtime.parent / "record"))
            self.load_catalog()

    def test_another_link_in_its_place_is_not_followed(self):
        own = HOME / "own"
        shutil.copytree(harness.RUN, own)
        directory = self.own_bundle()
        change = f'rm /run/aa-shim && ln -s {own} /run/aa-shim && exec "$@"'
        run = self.kit("sh", "-c", change, "sh", harness.SHIM, "create", "--bundle", directory, "c1")
        self.assertNotEqual(run.returncode, 0, run.stderr)
        self.assertIn("'/run/aa-shim' is a symbolic link, which is not followed", run.stderr)
        self.assertNotIn("aa-shim/applied", (directory / "config.json").read_text())
