# SPDX-License-Identifier: Apache-2.0
"""Installing, upgrading, removing and purging on three Debian releases, each in a folder with nothing but dpkg and AppArmor's tools.

There is no kernel with AppArmor and no systemd, as in a container or an image that is being made; the catalog says what then
counts ("capabilities-only"). tests/vm/package does the same with engines and a real kernel.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import packages

MAKE_ROOT = packages.ROOT / "tests/package/release-root"
OPERATOR = '{ "withoutAppArmor": "capabilities-only" }\n'
BROKEN = '{ "withoutAppArmor": "capabilities-only", "nonsense": 1 }\n'
MAGIC = b"\x89AASHIM\n"
# What dpkg and the system's own tools write down about any package, and the caches of others.
NOT_OURS = re.compile(r"^/(var/lib/dpkg/|var/log/|var/cache/|var/lib/apt/|etc/ld\.so\.cache|tmp/)")


class Host:
    """A folder that is the root of a Debian release."""

    def __init__(self, archive):
        self.directory = tempfile.TemporaryDirectory(prefix="aa-root.")
        self.root = Path(self.directory.name)
        packages.run("tar", "-C", self.root, "--exclude=./dev/*", "-xf", archive)
        (self.root / "packages").mkdir()
        for name, directory in (("this.deb", None), ("next.deb", packages.NEXT)):
            shutil.copy(packages.deb(directory), self.root / "packages" / name)

    def run(self, command):
        """Runs the shell's COMMAND there: its status, and all that it printed."""
        inside = f'mount --bind "{self.root}" "{self.root}" && mount -t proc proc "{self.root}/proc" && mount -t tmpfs -o mode=755 dev "{self.root}/dev" && ' \
            f'mknod -m 666 "{self.root}/dev/null" c 1 3 && exec chroot "{self.root}" /bin/sh -c "$1"'
        environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
        done = subprocess.run(["unshare", "--mount", "--pid", "--fork", "--propagation", "private", "sh", "-c", inside, "sh", command],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, stdin=subprocess.DEVNULL, check=False)
        return done.returncode, done.stdout

    def must(self, command):
        status, output = self.run(command)
        if status != 0:
            raise AssertionError(f"{command}: status {status}\n{output}")
        return output

    def all_files(self):
        found = packages.run("find", self.root, "-xdev", "-printf", "/%P\n").splitlines()
        return {name for name in found if not NOT_OURS.match(name)}

    def write(self, path, text):
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def version(self):
        return self.must("aa-shimctl version").split()[1]

    def format(self):
        """The format of the compiled catalog."""
        head = (self.root / "run/aa-shim/catalog").read_bytes()[:12]
        assert head.startswith(MAGIC), head
        return int.from_bytes(head[8:12], "little")


class Release:
    """The tests, for one release; the classes below name it."""

    suite = ""
    maxDiff = None

    def setUp(self):
        done = subprocess.run([MAKE_ROOT, self.suite], stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode == 77:
            self.skipTest(f"no root of {self.suite} can be made here")
        self.assertEqual(done.returncode, 0)
        self.host = Host(done.stdout.strip())
        self.addCleanup(self.host.directory.cleanup)

    def installed(self):
        self.host.must("dpkg --install /packages/this.deb")

    def in_force(self):
        """Installed, with a catalog of the operator's own that is in force."""
        self.installed()
        self.host.write("/etc/aa-shim/catalog.d/90-here.json", OPERATOR)
        self.host.must("aa-shimctl load")

    def test_install_and_purge_leave_nothing(self):
        before = self.host.all_files()
        output = self.host.must("dpkg --install /packages/this.deb")
        self.assertIn("no catalog was loaded", output)
        self.assertEqual([unit.name for unit in (self.host.root / "etc/systemd/system").glob("*.wants/aa-shim*")], ["aa-shim.service"])
        self.assertEqual(os.readlink(self.host.root / "etc/systemd/system/multi-user.target.wants/aa-shim.service"), "/lib/systemd/system/aa-shim.service")
        self.host.must("aa-shimctl check --no-profiles")
        # What an operator and the programs add.
        self.host.must("ln -s aa-shim /usr/bin/aa-shim-web; ln -s /usr/sbin/runc /etc/aa-shim/runtime; mkdir -p /run/aa-shim /var/lib/aa-shim/install /var/log/aa-shim; touch /var/lib/aa-shim/x /var/log/aa-shim/x")
        self.host.must("dpkg --purge aa-shim")
        self.assertEqual(self.host.all_files() - before, set())
        self.assertEqual(before - self.host.all_files(), set())

    def test_removing_keeps_the_configuration(self):
        self.in_force()
        self.host.must("dpkg --remove aa-shim")
        self.assertTrue((self.host.root / "etc/aa-shim/catalog.d/00-baseline.json").exists())
        self.host.must("dpkg --install /packages/this.deb")
        self.assertEqual(self.host.must("aa-shimctl version").splitlines()[3], "catalog in force")

    def test_purging_keeps_what_the_operator_wrote(self):
        self.in_force()
        output = self.host.must("dpkg --purge aa-shim")
        self.assertIn("/etc/aa-shim", output)
        left = [name for name in self.host.all_files() if "aa-shim" in name]
        self.assertEqual(sorted(left), ["/etc/aa-shim", "/etc/aa-shim/catalog.d", "/etc/aa-shim/catalog.d/90-here.json"])

    def test_an_upgrade_compiles_the_catalog_again_at_once(self):
        self.in_force()
        old = self.host.format(), self.host.version()
        self.host.must("dpkg --unpack /packages/next.deb")  # the files are in place, nothing is configured yet
        self.assertEqual(self.host.format(), old[0] + 1)
        self.assertNotEqual(self.host.version(), old[1])
        self.assertIn("catalog in force", self.host.must("aa-shimctl version"))
        self.assertIn("In force", self.host.must("dpkg --configure aa-shim"))
        self.host.must("dpkg --install /packages/this.deb")
        self.assertEqual((self.host.format(), self.host.version()), old)

    def test_an_upgrade_that_would_leave_no_catalog_is_called_off(self):
        self.in_force()
        old = self.host.format(), self.host.version(), self.host.must("aa-shimctl explain --engine other --json")
        self.host.write("/etc/aa-shim/catalog.d/90-here.json", BROKEN)
        status, output = self.host.run("dpkg --install /packages/next.deb")
        self.assertEqual(status, 1)
        self.assertIn("/etc/aa-shim/catalog.d/90-here.json:1:43", output)
        self.assertIn("not upgraded", output)
        self.assertEqual((self.host.format(), self.host.version(), self.host.must("aa-shimctl explain --engine other --json")), old)
        self.assertEqual(self.host.must("dpkg-query -W -f '${db:Status-Abbrev} ${Version}' aa-shim"), f"ii  {packages.version()}")
        # Corrected, it goes through.
        self.host.write("/etc/aa-shim/catalog.d/90-here.json", OPERATOR)
        self.host.must("dpkg --install /packages/next.deb")
        self.assertEqual(self.host.format(), old[0] + 1)

    def test_a_broken_catalog_does_not_stop_an_upgrade_that_needs_none(self):
        """The new version reads the catalog in force: it stays, and the mistake is told."""
        self.in_force()
        self.host.write("/etc/aa-shim/catalog.d/90-here.json", BROKEN)
        output = self.host.must("dpkg --install /packages/this.deb")
        self.assertIn("/etc/aa-shim/catalog.d/90-here.json:1:43", output)
        self.assertIn("catalog in force", self.host.must("aa-shimctl version"))

    def test_removing_warns_of_an_engine_that_is_configured(self):
        self.in_force()
        self.host.write("/etc/docker/daemon.json", json.dumps({"default-runtime": "aa-shim"}))
        self.host.write("/etc/containerd/config.toml", '# BinaryName = "/usr/bin/aa-shim"\n')
        self.host.write("/var/lib/aa-shim/install/podman/record.json", "{}")  # what `aa-shimctl install podman` leaves
        before = (self.host.root / "etc/docker/daemon.json").read_bytes()
        output = self.host.must("dpkg --remove aa-shim")
        self.assertIn("docker is configured to start containers through aa-shim (/etc/docker/daemon.json)", output)
        self.assertIn("aa-shimctl uninstall docker", output)
        self.assertNotIn("containerd is configured", output)
        self.assertIn("podman is configured to start containers through aa-shim.", output)
        self.assertEqual((self.host.root / "etc/docker/daemon.json").read_bytes(), before)
        self.assertIn("/var/lib/aa-shim/install stays", self.host.must("dpkg --purge aa-shim"))
        self.assertTrue((self.host.root / "var/lib/aa-shim/install/podman/record.json").exists())

    def test_not_removed_while_containers_need_it(self):
        self.in_force()
        record = '{"id":"c1","init_process_pid":%d,"config":{"labels":["bundle=/b","aa-shim/id=1"]}}'
        state = "/run/docker/runtime-runc/moby/c1/state.json"
        self.host.write(state, record % 1)
        status, output = self.host.run("dpkg --purge aa-shim")
        self.assertEqual(status, 1, output)
        self.assertIn("containers run that only aa-shim can stop for their engine: c1", output)
        self.host.must("aa-shimctl explain --engine other; dpkg --audit")
        self.host.write(state, record % 4194304)  # no such process
        self.host.must("dpkg --purge aa-shim")


class Bookworm(Release, unittest.TestCase):
    suite = "bookworm"


class Trixie(Release, unittest.TestCase):
    suite = "trixie"


class Sid(Release, unittest.TestCase):
    suite = "sid"
