# SPDX-License-Identifier: Apache-2.0
"""Who watches a start where it may trace nobody: it waits for the container's own program, judges that one and all that descends from it, and
ends as soon as there is nothing to watch. test_exec_stop has what happens where it may."""

import json
import os
import signal
import time
from pathlib import Path

import harness
from watching import BOUNDED, PATIENCE, SLEEPS, TIMELY, UNTRACED, WatchTest, await_end_of_watch, watchers


class Watch(WatchTest):
    def test_one_that_obeys(self):
        process = self.created(("pause", 300, *BOUNDED, *SLEEPS))
        self.assertEqual(self.start().code, 0)
        self.assertTrue(await_end_of_watch(TIMELY))
        self.assertIsNone(process.poll())

    def test_a_hook_that_takes_long(self):
        """Before the program the runtime's init runs hooks in the container, with more than the program will have."""
        process = self.created(("pause", (PATIENCE + 3) * 1000, *BOUNDED, *SLEEPS))
        self.start()
        time.sleep(PATIENCE + 1.5)
        self.assertIsNone(process.poll(), "the hook was killed")
        self.assertEqual(len(watchers()), 1)
        self.assertTrue(await_end_of_watch(1.5 + TIMELY))
        self.assertIsNone(process.poll())

    def test_a_program_that_does_not_obey_after_a_hook(self):
        """It is left no time: whatever confines it was to be there when it began."""
        process = self.created("sleep 2; exec sleep 1000")
        begun = time.monotonic()
        self.start()
        self.assertEqual(process.wait(2 + TIMELY), -signal.SIGKILL)
        self.assertGreater(time.monotonic() - begun, 1.5)

    def test_a_program_that_looks_as_the_runtime_does(self):
        """The same file once more is another program."""
        process = self.created("sleep 0.5; exec sh -c 'sleep 1000; true'")
        self.start()
        self.assertEqual(process.wait(harness.TIMEOUT), -signal.SIGKILL)

    def test_a_program_in_a_user_namespace_of_its_own(self):
        process = self.created(("pause", 300, *BOUNDED, "exec", "/usr/bin/unshare", "--user", "sleep", "1000"))
        self.start()
        self.assertTrue(await_end_of_watch(TIMELY))
        time.sleep(0.3)
        own, here = os.readlink(f"/proc/{process.pid}/ns/user"), os.readlink("/proc/self/ns/user")
        self.assertNotEqual(own, here)
        self.assertIn("CapBnd:\t000001ffffffffff", Path(f"/proc/{process.pid}/status").read_text())
        self.assertIsNone(process.poll())

    def test_one_that_does_not_obey_in_a_user_namespace_of_its_own(self):
        """Its sets tell nothing there; everything else does."""
        process = self.created("sleep 0.3; exec unshare --user sleep 1000")
        self.start()
        self.assertEqual(process.wait(harness.TIMEOUT), -signal.SIGKILL)

    def test_a_descendant_that_does_not_obey(self):
        """All processes count, not only the first."""
        process = self.created(("pause", 300, "fork", *BOUNDED, *SLEEPS))
        self.start()
        self.assertEqual(process.wait(harness.TIMEOUT), -signal.SIGKILL)

    def test_nothing_goes_on_while_all_are_killed(self):
        """The first one waits for a child, which is killed long before the last."""
        mark = harness.WORK / "went-on"
        children = "sleep 1000 & first=$!; for i in $(seq 300); do sleep 1000 & done"
        script = f"while read -r line < /proc/$1/stat && [ \"${{line#*) S}}\" != \"$line\" ]; do :; done; touch {mark}"
        process = self.created(f"{children}; echo > {harness.WORK}/is-there; sleep 0.5; exec sh -c '{script}' sh $first")
        self.await_file(harness.WORK / "is-there")
        self.start()
        self.assertEqual(process.wait(harness.TIMEOUT), -signal.SIGKILL)
        self.assertFalse(mark.exists())

    def test_a_container_in_a_user_namespace(self):
        """There its sets count."""
        outside = "exec unshare --user --map-root-user"
        process = self.created(f"{outside} sh -c 'sleep 1.5; exec setpriv --no-new-privs sleep 1000'")
        time.sleep(0.5)
        state = self.state / "c1" / "state.json"
        document = json.loads(state.read_text())
        document["config"]["namespaces"] = [{"type": "NEWUSER", "path": ""}]
        harness.write_private(state, json.dumps(document))
        self.start()
        self.assertEqual(process.wait(harness.TIMEOUT), -signal.SIGKILL)

    def test_a_container_that_ends_at_once(self):
        """Its control group is to be removed: nobody is left in it."""
        process = self.created("sleep 0.5")
        self.start()
        time.sleep(0.5)
        self.assertTrue(await_end_of_watch(TIMELY))
        self.assertEqual(process.wait(harness.TIMEOUT), 0)

    def test_a_program_that_ends_before_it_was_seen_to_obey(self):
        process = self.created("sleep 0.3; exec true")
        self.start()
        self.assertTrue(await_end_of_watch(TIMELY))
        self.assertIn(process.wait(TIMELY), (0, -signal.SIGKILL))

    def test_a_start_that_fails(self):
        process = self.created("sleep 1000")
        self.runtime_that("#!/bin/sh\nexit 7\n")
        self.assertEqual(self.start().code, 7)
        self.assertTrue(await_end_of_watch(TIMELY))
        self.assertIsNone(process.poll())

    def test_nothing_to_start(self):
        self.runtime_that("#!/bin/sh\nexit 1\n")
        (harness.WORK / "state").mkdir(mode=0o711)
        self.assertEqual(self.shim("--root", harness.WORK / "state", "start", "c1").code, 1)
        self.assertEqual(watchers(), [])

    def test_a_run_of_which_nothing_comes(self):
        self.runtime_that("#!/bin/sh\nexit 1\n")
        directory = self.make_bundle(name="run")
        self.assertEqual(self.shim("run", "--bundle", directory, "c2").code, 1)
        self.assertTrue(await_end_of_watch(TIMELY))

    def run_of(self, *steps):
        """`run` by a runtime whose first process does STEPS once it was let go on."""
        process = self.first_process(("wait", harness.WORK / "go", *steps))
        root = harness.WORK / "root"
        self.make_runc_state(process.pid, self.bundle, "c2", root)
        os.mkfifo(root / "c2/exec.fifo")
        (root / "c2").rename(root / "hidden")
        self.runtime_that(f"#!/bin/sh\nmv {root}/hidden {root}/c2; sleep 0.5; rm {root}/c2/exec.fifo; touch {harness.WORK}/go\n")
        directory = self.make_bundle(name="run")
        self.assertEqual(self.shim("--root", root, "run", "--bundle", directory, "c2", **UNTRACED).code, 0)
        return process

    def test_a_run_with_a_hook_that_takes_long(self):
        process = self.run_of("pause", (PATIENCE + 2) * 1000, *BOUNDED, *SLEEPS)
        time.sleep(PATIENCE + 1)
        self.assertEqual(len(watchers()), 1)
        self.assertTrue(await_end_of_watch(2 + TIMELY))
        self.assertIsNone(process.poll())

    def test_a_run_that_does_not_obey(self):
        self.assertEqual(self.run_of(*SLEEPS).wait(TIMELY), -signal.SIGKILL)

    def test_a_forged_record(self):
        process = self.created("sleep 1000", changes={"aa-shim/applied": ""})
        before = (self.state / "c1/exec.fifo").exists()
        self.assert_refused(self.start(), "start of container 'c1' refused: the record of a decision that it has is none that aa-shim made")
        self.assertEqual(((self.state / "c1/exec.fifo").exists(), before), (True, True))
        self.assertEqual(watchers(), [])
        self.assertIsNone(process.poll())

    def test_state_that_cannot_be_read(self):
        """By aa-shim; the runtime could, and would start what nobody watches."""
        process = self.created("sleep 1000")
        state = self.state / "c1/state.json"
        good = state.read_text()
        for name, text, mode in (("cut off", good[:-2], 0o600), ("of no known form", "[]", 0o600), ("written by anybody", good, 0o666)):
            with self.subTest(name):
                state.write_text(text)
                state.chmod(mode)
                run = self.start()
                self.assert_refused(run, "start of container 'c1' refused: ")
                self.assertIn("state.json", run.message)
                self.assertTrue((self.state / "c1/exec.fifo").exists())
        self.assertIsNone(process.poll())

    def test_without_the_key(self):
        self.created("sleep 1000")
        (harness.RUN / "key").unlink()
        self.assert_refused(self.start(), "start of container 'c1' refused: the key of the records of decisions")
        self.assertTrue((self.state / "c1/exec.fifo").exists())

    def test_a_container_without_a_record(self):
        self.created("sleep 1000")
        state = self.state / "c1/state.json"
        document = json.loads(state.read_text())
        document["config"]["labels"] = [f"bundle={self.bundle}"]
        harness.write_private(state, json.dumps(document))
        self.assertEqual(self.start().code, 0)
        self.assertEqual(watchers(), [])
        self.assertFalse((self.state / "c1/exec.fifo").exists())
