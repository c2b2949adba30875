# SPDX-License-Identifier: Apache-2.0
"""What the runtime mounts is what was judged: a source that is swapped between the two is noticed before the container's program runs."""

import json
import os
import shutil
import signal
import subprocess
import time

import bundle as bundles
import harness
from host_test import bind
from watching import BOUNDED, INIT, SLEEPS, TIMELY, UNTRACED, WatchTest, await_end_of_watch

SOURCE = "/srv/ours/data"
INSIDE = harness.WORK / "in"
SWAPS = {
    "a link": "mv /srv/ours/data /srv/ours/old && ln -s /srv/secret /srv/ours/data",
    "a rename": "mv /srv/ours/data /srv/ours/old && mv /srv/secret /srv/ours/data",
    "a link on the way": "mv /srv/ours /srv/old && mkdir -p /srv/theirs && mv /srv/secret /srv/theirs/data && ln -s theirs /srv/ours",
    "another mount": "mount --bind /srv/secret /srv/ours/data",
}


def await_namespace(pid):
    """Waits until the process PID has a network of its own."""
    while os.readlink(f"/proc/{pid}/ns/net") == os.readlink("/proc/self/ns/net"):
        time.sleep(0.01)


class Mounts(WatchTest):
    def setUp(self):
        super().setUp()
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/srv"], check=True)
        self.addCleanup(subprocess.run, ["umount", "--recursive", "/srv"], check=True)

    def fill(self):
        subprocess.run(["umount", "--recursive", "/srv"], check=True)
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/srv"], check=True)
        for name in (SOURCE, "/srv/secret", "/srv/more"):
            os.makedirs(name)

    def made(self, swap, *mounts, and_then="true", script=("pause", 300, *BOUNDED, *SLEEPS)):
        """A container that was created with MOUNTS by a runtime that mounts them after SWAP; and does AND_THEN."""
        self.fill()
        shutil.rmtree(harness.WORK / "state", ignore_errors=True)
        for directory in harness.WORK.glob("made*"):
            shutil.rmtree(directory)
        self.bundle = self.make_bundle(bundles.config(mounts=list(mounts)), "made")
        commands = [swap]
        for mount in mounts:
            destination = mount["destination"]
            os.makedirs(destination, exist_ok=True)
            self.addCleanup(subprocess.run, ["umount", destination], check=False, stderr=subprocess.DEVNULL)
            commands.append(f"mount --bind {mount['source']} {destination}")
        self.runtime_that("#!/bin/sh\nset -e\n" + "\n".join([*commands, and_then]) + "\n")
        run = self.create(self.bundle)
        self.assertEqual(run.code, 0, run.message)
        return self.created(script)

    def unmount(self, *destinations):
        for destination in destinations:
            while subprocess.run(["umount", destination], check=False, stderr=subprocess.DEVNULL).returncode == 0:
                pass

    def test_nothing_was_swapped(self):
        process = self.made("true", bind(SOURCE, str(INSIDE)), bind("/srv/more", str(harness.WORK / "more")))
        self.assertEqual(self.start().code, 0)
        self.assertTrue(await_end_of_watch(TIMELY))
        self.assertIsNone(process.poll())

    def test_swapped(self):
        for name, swap in SWAPS.items():
            with self.subTest(name):
                process = self.made(swap, bind(SOURCE, str(INSIDE)))
                self.assert_refused(self.start(), f"start of container 'c1' refused: what is mounted at '{INSIDE}' is not the place of the host that was judged")
                self.assertTrue((self.state / "c1/exec.fifo").exists())
                self.assertIsNone(process.poll())
                self.unmount(INSIDE)

    def test_not_mounted_at_all(self):
        self.made("true", bind(SOURCE, str(INSIDE)), and_then=f"umount {INSIDE}")
        self.assert_refused(self.start(), "is not the place of the host that was judged")

    def test_the_place_by_another_mount(self):
        """Where the destination leads to what was judged, but by a mount of what holds it, or by that of another destination."""
        for name in ("from above", "twice the same"):
            with self.subTest(name):
                first, second = str(harness.WORK / "first"), str(harness.WORK / "second")
                self.made("true", bind(SOURCE, first), bind(SOURCE, second))
                self.unmount(second)
                os.rmdir(second)
                if name == "from above":
                    os.makedirs(INSIDE, exist_ok=True)
                    subprocess.run(["mount", "--bind", "/srv/ours", INSIDE], check=True)
                    os.symlink(f"{INSIDE}/data", second)
                else:
                    os.symlink(first, second)
                self.assert_refused(self.start(), f"what is mounted at '{second}' is not the place")
                os.unlink(second)
                self.unmount(first, INSIDE)

    def test_a_link_in_the_container(self):
        """A destination that leads over one is where the runtime finds it, too."""
        real, by_link = harness.WORK / "real", harness.WORK / "by-link"
        self.made("true", bind(SOURCE, str(real / "in")))
        os.symlink("real", by_link)
        process = self.made("true", bind(SOURCE, str(by_link / "in")))
        self.assertEqual(self.start().code, 0)
        self.assertIsNone(process.poll())

    def test_one_that_a_later_mount_covers(self):
        self.made("true", bind(SOURCE, str(INSIDE)), bind("/srv/more", str(INSIDE)))
        self.assertEqual(self.start().code, 0)

    def test_namespaces(self):
        """A namespace that is joined by a path is no more the host's than it was when it was judged."""
        other = subprocess.Popen(["unshare", "--net", "sleep", "1000"])
        self.addCleanup(other.wait)
        self.addCleanup(other.kill)
        await_namespace(other.pid)
        spaces = [{"type": "mount"}, {"type": "network", "path": f"/proc/{other.pid}/ns/net"}]
        for name, unshare, refused in (("the host's", "", True), ("another", "unshare --net", False)):
            with self.subTest(name):
                shutil.rmtree(harness.WORK / "state", ignore_errors=True)
                self.runtime_that("#!/bin/sh\n")
                self.bundle = self.make_bundle(bundles.config(linux={"namespaces": spaces}), name.replace("'", ""))
                self.assertEqual(self.create(self.bundle).code, 0)
                steps = " ".join(("mark", f"{harness.WORK}/is-there", "pause", "500", *BOUNDED, *SLEEPS))
                process = self.created(f"exec unshare --mount {unshare} {INIT} {steps}")
                self.await_file(harness.WORK / "is-there")
                os.unlink(harness.WORK / "is-there")
                if refused:
                    self.assert_refused(self.start(), "it shares namespaces with the host that it did not when it was judged (network)")
                else:
                    self.assertEqual(self.start().code, 0)
                    self.assertTrue(await_end_of_watch(TIMELY))
                self.assertIsNone(process.poll())

    def test_a_run(self):
        """Nobody calls start: the first process is ended."""
        self.fill()
        self.addCleanup(self.unmount, INSIDE)
        os.makedirs(INSIDE)
        process = self.first_process(("wait", harness.WORK / "go", *BOUNDED, *SLEEPS))
        root = harness.WORK / "root"
        directory = self.make_bundle(bundles.config(mounts=[bind(SOURCE, str(INSIDE))]), "run")
        self.make_runc_state(process.pid, directory, "c2", root)
        os.mkfifo(root / "c2/exec.fifo")
        (root / "c2").rename(root / "hidden")
        self.runtime_that(f"#!/bin/sh\n{SWAPS['a link']}\nmount --bind {SOURCE} {INSIDE}\nmv {root}/hidden {root}/c2\nsleep 2\n"
                          f"rm {root}/c2/exec.fifo; touch {harness.WORK}/go\n")
        self.assertEqual(self.shim("--root", root, "run", "--bundle", directory, "c2", **UNTRACED).code, 0)
        self.assertEqual(process.wait(harness.TIMEOUT), -signal.SIGKILL)

    def test_a_bundle_that_is_used_again(self):
        """By then another file may lie there."""
        self.made("true", bind(SOURCE, str(INSIDE)))
        self.unmount(INSIDE)
        before = json.loads((self.bundle / "config.json").read_bytes())["annotations"]["aa-shim/mounts"]
        shutil.rmtree(SOURCE)
        os.mkdir("/srv/ours/other")
        os.mkdir(SOURCE)
        self.runtime_that("#!/bin/sh\n")
        run = self.create(self.bundle)
        self.assertEqual(run.code, 0, run.message)
        self.assertNotEqual(json.loads((self.bundle / "config.json").read_bytes())["annotations"]["aa-shim/mounts"], before)

    def test_nothing_is_recorded_of_what_nobody_asked_for(self):
        self.runtime_that("#!/bin/sh\n")
        directory = self.make_bundle(bundles.config(mounts=[{"destination": "/proc", "type": "proc", "source": "proc"}]), "plain")
        self.assertEqual(self.create(directory).code, 0)
        self.assertNotIn("aa-shim/mounts", json.loads((directory / "config.json").read_bytes())["annotations"])
