# SPDX-License-Identifier: Apache-2.0
"""The real runc and crun before the first instruction of a container's program; test_exec_stop has a stand-in for what they do until then."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import bundle as bundles
import harness
import real_runtime
import watching


class FirstInstruction(real_runtime.RealRuntime):
    """The tests, once per runtime."""

    # What a runtime makes of the config.json that it is given, in place of what that says.
    SKIPPED = {
        "nothing": "",
        "capabilities": 's/"CAP_CHOWN"/"CAP_SYS_ADMIN"/g',
        "no-new-privileges": 's/"noNewPrivileges": *true/"noNewPrivileges":false/',
        "the filter": 's/"seccomp":/"skipped":/',
    }

    def bundle_that_marks(self, name):
        """Its program writes first of all who traces it; returns the bundle and the file."""
        directory = self.bundle_for("read -r line < /proc/self/status; while [ \"${line#TracerPid}\" = \"$line\" ]; do read -r line; done < /proc/self/status;"
                                    "echo \"$line\" > /mark; sleep 1000", name)
        self.addCleanup(self.runtime_call, "delete", "--force", name)
        return directory, directory / "rootfs/mark"

    def test_before_the_first_instruction(self):
        """A container that differs from its decision is ended before its program has done anything; the others see no tracer."""
        for number, (skipped, edit) in enumerate(self.SKIPPED.items()):
            with self.subTest(skipped):
                name = f"first{number}"
                directory, mark = self.bundle_that_marks(name)
                self.runtime_that_first(f"sed -i '{edit}' {directory}/config.json")
                for words in (("create", "--bundle", directory, name), ("start", name)):
                    run = self.runtime_call(*words, stdout_to_null=True)
                    self.assertEqual(run.code, 0, run.message)
                self.assertTrue(watching.await_end_of_watch(watching.TIMELY))
                time.sleep(0.3)
                self.assertEqual(mark.exists() and mark.read_text(), False if edit else "TracerPid:\t0\n")
                status = json.loads(self.runtime_call("state", name).stdout)["status"]
                self.assertEqual(status, "stopped" if edit else "running")

    def test_deleted_while_it_is_watched(self):
        """A hook lets the wait last; a user's delete ends all of it."""
        directory = self.bundle_for("sleep 1000")
        document = json.loads((directory / "config.json").read_bytes())
        document["hooks"] = {"startContainer": [{"path": "/bin/sleep", "args": ["sleep", "60"]}]}
        (directory / "config.json").write_bytes(bundles.encode(document))
        self.assertEqual(self.runtime_call("create", "--bundle", directory, "c1", stdout_to_null=True).code, 0)
        # runc returns when the hook has.
        start = subprocess.Popen([harness.SHIM, "--root", self.root, "start", "c1"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(start.wait)
        self.addCleanup(start.kill)
        while (self.root / "c1/exec.fifo").exists() and not watching.watchers() and start.poll() is None:
            time.sleep(0.01)
        time.sleep(0.3)
        self.assertEqual(len(watching.watchers()), 1)
        self.assertEqual(self.runtime_call("delete", "--force", "c1").code, 0)
        self.assertTrue(watching.await_end_of_watch(watching.TIMELY))

    def test_a_program_that_is_not_there(self):
        directory = self.bundle_for("true")
        document = json.loads((directory / "config.json").read_bytes())
        document["process"]["args"] = ["/bin/gone"]
        (directory / "config.json").write_bytes(bundles.encode(document))
        shutil.copy(directory / "rootfs/bin/busybox", directory / "rootfs/bin/gone")
        created = self.runtime_call("create", "--bundle", directory, "c1", stdout_to_null=True)
        self.addCleanup(self.runtime_call, "delete", "--force", "c1")
        self.assertEqual(created.code, 0, created.message)
        (directory / "rootfs/bin/gone").unlink()
        self.runtime_call("start", "c1", stdout_to_null=True)
        self.assertTrue(watching.await_end_of_watch(watching.TIMELY))

    def test_a_run(self):
        """Before its program has done anything, too."""
        for number, (skipped, edit) in enumerate(self.SKIPPED.items()):
            with self.subTest(skipped):
                name = f"run{number}"
                directory, mark = self.bundle_that_marks(name)
                self.runtime_that_first(f"sed -i '{edit}' {directory}/config.json", "run")
                self.runtime_call("run", "--detach", "--bundle", directory, name, stdout_to_null=True)
                self.assertTrue(watching.await_end_of_watch(watching.TIMELY))
                time.sleep(0.3)
                self.assertEqual(mark.exists() and mark.read_text(), False if edit else "TracerPid:\t0\n")

    def test_a_run_with_hooks(self):
        """It is ended; whether before its program began depends on when the runtime tells of it."""
        directory, _ = self.bundle_that_marks("run")
        document = json.loads((directory / "config.json").read_bytes())
        document["hooks"] = {"prestart": [{"path": "/bin/true"}]}
        (directory / "config.json").write_bytes(bundles.encode(document))
        self.runtime_that_first(f"sed -i '{self.SKIPPED['capabilities']}' {directory}/config.json", "run")
        self.assertEqual(self.runtime_call("run", "--detach", "--bundle", directory, "run", stdout_to_null=True).code, 0)
        self.assertTrue(watching.await_end_of_watch(watching.PATIENCE + 4 * watching.TIMELY))
        self.assertEqual(json.loads(self.runtime_call("state", "run").stdout)["status"], "stopped")

    # What a runtime makes of the process spec of an exec.
    SKIPPED_IN_EXEC = {
        "nothing": "",
        "capabilities": SKIPPED["capabilities"],
        "no-new-privileges": SKIPPED["no-new-privileges"],
    }

    def edit_spec(self, edit):
        """The runtime, behind somebody who edits what aa-shim hands over as the process spec of an exec."""
        spec = harness.WORK / "edited.json"
        self.runtime_that_first(f"for word; do shift; case $word in */fd/*) sed '{edit}' $word > {spec}; word={spec} ;; esac; set -- \"$@\" $word; done", "exec")

    def exec_that_marks(self, mark, options, pause="0.2"):
        script = "while read -r line; do case $line in TracerPid*) echo \"$line\" > /mark; esac; done < /proc/self/status; exec sleep " + pause
        spec = harness.WORK / "process.json"
        spec.write_bytes(bundles.encode(bundles.process(("/bin/sh", "-c", script))))
        mark.unlink(missing_ok=True)
        return self.runtime_call("exec", *options, "--process", spec, "c1", stdout_to_null=True)

    def test_an_exec(self):
        """One that differs has done nothing; the container goes on."""
        mark = self.start() / "rootfs/mark"
        for skipped, edit in self.SKIPPED_IN_EXEC.items():
            for options in (("--detach",), ()):
                with self.subTest(skipped=skipped, options=options):
                    self.edit_spec(edit)
                    run = self.exec_that_marks(mark, options)
                    self.assertEqual(run.code == 0, not edit or bool(options), run.message)
                    self.assertTrue(watching.await_end_of_watch(watching.TIMELY))
                    time.sleep(0.3)
                    self.assertEqual(mark.exists() and mark.read_text(), False if edit else "TracerPid:\t0\n")
                    self.assertEqual(json.loads(self.runtime_call("state", "c1").stdout)["status"], "running")

    def test_an_exec_that_is_compared_after(self):
        """As the catalog says: it has begun, and is ended then."""
        mark, file = self.start() / "rootfs/mark", harness.WORK / "exec.pid"
        result = self.try_to_load(harness.CATALOG | {"compareExecs": "after"})
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        for edit, obeys in (("", True), (self.SKIPPED["capabilities"], False)):
            with self.subTest(obeys=obeys):
                self.edit_spec(edit)
                file.unlink(missing_ok=True)
                self.assertEqual(self.exec_that_marks(mark, ("--detach", "--pid-file", file), pause="1000").code, 0)
                self.assertTrue(watching.await_end_of_watch(watching.PATIENCE + 4 * watching.TIMELY))
                self.assertEqual(mark.read_text(), "TracerPid:\t0\n")
                self.assertEqual(Path(f"/proc/{file.read_text()}/root").exists(), obeys)

    def wrap(self, script):
        """The runtime behind SCRIPT, in which RUNTIME is what calls it; a deviating one is given a capability more."""
        self.runtime_that_first("true")
        wrapper = Path(os.readlink(harness.ETC / "runtime"))
        wrapper.write_text("#!/bin/sh\n" + script.replace("RUNTIME", f'{self.runtime_file} "$@"') + "\n")
        return wrapper

    MORE = 'for word; do shift; set -- "$@" "$word"; [ "$word" != exec ] || set -- "$@" --cap CAP_SYS_ADMIN; done; '

    def test_runtimes_behind_others(self):
        """That make it a process of theirs, or take it into another mount namespace, or enter the container before."""
        self.start()
        init = json.loads(self.runtime_call("state", "c1").stdout)["pid"]
        ways = ("RUNTIME; exit $?", "exec unshare --mount RUNTIME", f"nsenter --target {init} --mount /bin/true; exec RUNTIME")
        for script in ways:
            for more, code in (("", 0), (self.MORE, 137)):
                with self.subTest(script, more=more):
                    self.wrap(more + script)
                    run = self.runtime_call("exec", "c1", "/bin/cat", "/proc/self/status")
                    self.assertEqual((run.code, run.stdout == b""), (code, code != 0), run.message)
                    if code == 0:
                        status = real_runtime.status_of(run.stdout.decode())
                        self.assertEqual((int(status["CapBnd"], 16), status["TracerPid"]), (real_runtime.CEILING_MASK, "0"))
                    self.assertTrue(watching.await_end_of_watch(watching.TIMELY))

    def test_runtimes_that_fail(self):
        """They end at once, as by themselves."""
        directory = self.start()
        (directory / "rootfs/bin/none").mkdir()
        file = harness.WORK / "exec.pid"
        document = json.loads((directory / "config.json").read_bytes()) | {"root": {"path": str(directory / "rootfs")}}
        document["process"]["args"] = ["/bin/none/program"]
        failing = self.make_bundle(document, "failing")
        calls = [("exec", *more, "--pid-file", file, "--cwd", "/nowhere", "c1", "/bin/true") for more in ((), ("--detach",))]
        calls += [("run", *more, "--bundle", failing, "c2") for more in ((), ("--detach",))]
        for words in calls:
            with self.subTest(words=words):
                began = time.monotonic()
                self.assertNotEqual(self.runtime_call(*words, stdout_to_null=True).code, 0)
                self.assertLess(time.monotonic() - began, 2 * watching.TIMELY)
                self.assertTrue(watching.await_end_of_watch(watching.TIMELY))

    def test_nobody_goes_on_unwatched(self):
        """Who ends the watcher ends the runtime."""
        self.start()
        self.wrap("sleep 5; exec RUNTIME")
        call = subprocess.Popen([harness.SHIM, "--root", self.root, "exec", "c1", "/bin/true"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(call.wait)
        self.addCleanup(call.kill)
        children, end = Path(f"/proc/{call.pid}/task/{call.pid}/children"), time.monotonic() + watching.TIMELY
        while not (Path(os.readlink(f"/proc/{call.pid}/exe")) != harness.SHIM and children.read_text()) and time.monotonic() < end:
            time.sleep(0.01)
        (watcher,) = [pid for pid in watching.watchers() if pid != call.pid]
        os.kill(watcher, signal.SIGKILL)
        self.assertEqual(call.wait(watching.TIMELY), -signal.SIGKILL)


class Runc(real_runtime.Runc, FirstInstruction, harness.ShimTest):
    """Its many threads are traced, too."""


class Crun(real_runtime.Crun, FirstInstruction, harness.ShimTest):
    """It enters the container by forks."""
