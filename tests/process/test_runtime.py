# SPDX-License-Identifier: Apache-2.0
"""The real runc and crun behind aa-shim: what the kernel says of the processes that they start.

Without AppArmor (it is hidden here); the test hosts do the same with it.
"""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import bundle as bundles
import harness
import real_runtime
import watching
from host_test import bind
from real_runtime import KERNEL_SETS, PROBE, make_rootfs, status_of

# Each prints its name if it works: CAP_CHOWN is within the ceiling, CAP_MKNOD is not, symlink(2) is denied.
ACTIONS = """
cd /tmp; rm -f file node link; true > file
chown 1:1 file && echo chown
mknod node c 1 3 && echo mknod
ln -s file link && echo symlink
true
"""


class RealRuntime(real_runtime.RealRuntime):
    """The tests, once per runtime."""

    def test_run(self):
        directory = self.bundle_for(PROBE, names=bundles.ALL_CAPABILITIES)
        run = self.runtime_call("run", "--bundle", directory, "c1")
        self.assertEqual((run.code, run.stderr), (0, b""))
        self.assert_kernel_agrees(status_of(run.stdout.decode()))

    def test_allowed_and_denied(self):
        """What the decision takes away fails, what it leaves works; without aa-shim all of it works."""
        directory = self.bundle_for(ACTIONS)
        bare = subprocess.run(
            [self.runtime_file, "--root", self.root, "run", "--bundle", directory, "bare"],
            capture_output=True, stdin=subprocess.DEVNULL, timeout=harness.TIMEOUT, check=False,
        )
        self.assertEqual(bare.stdout.split(), [b"chown", b"mknod", b"symlink"], bare.stderr)
        run = self.runtime_call("run", "--bundle", directory, "c1")
        self.assertEqual(run.stdout.split(), [b"chown"], run.message)

    def test_exit_code(self):
        directory = self.bundle_for("exit 42")
        self.assertEqual(self.runtime_call("run", "--bundle", directory, "c1").code, 42)

    def test_exec_with_a_greedy_process(self):
        self.start()
        path = harness.WORK / "process.json"
        greedy = bundles.process(("/bin/sh", "-c", PROBE), bundles.ALL_CAPABILITIES, noNewPrivileges=False)
        path.write_bytes(bundles.encode(greedy))
        run = self.runtime_call("exec", "--process", path, "c1")
        self.assertEqual((run.code, run.stderr), (0, b""))
        self.assert_kernel_agrees(status_of(run.stdout.decode()))

    def test_exec_with_a_process_from_a_pipe(self):
        """As the runtimes read it, who could not read it again."""
        self.start()
        text = bundles.encode(bundles.process(("/bin/sh", "-c", PROBE), bundles.ALL_CAPABILITIES, noNewPrivileges=False))
        (harness.WORK / "process.json").write_bytes(text)
        call = f"exec {harness.SHIM} --root {self.root} exec --process"
        commands = {
            "/dev/stdin": f"cat {harness.WORK}/process.json | {call} /dev/stdin c1",
            "/dev/fd/0": f"cat {harness.WORK}/process.json | {call} /dev/fd/0 c1",
            "<(…)": f"{call} <(cat {harness.WORK}/process.json) c1",
            "a file on /dev/stdin": f"{call} /dev/stdin c1 < {harness.WORK}/process.json",
            "a FIFO": f"mkfifo {harness.WORK}/fifo; (sleep 0.2; cat {harness.WORK}/process.json > {harness.WORK}/fifo) & {call} {harness.WORK}/fifo c1",
        }
        for name, command in commands.items():
            with self.subTest(name):
                run = subprocess.run(["bash", "-c", command], stdin=subprocess.DEVNULL, capture_output=True, timeout=harness.TIMEOUT, check=False)
                self.assertEqual((run.returncode, run.stderr), (0, b""))
                self.assert_kernel_agrees(status_of(run.stdout.decode()))

    def test_exec_with_ambient_capabilities_that_are_not_inheritable(self):
        """The kernel gives none (capabilities(7)); newer versions of runc warn of it, and find nothing to warn of behind aa-shim."""
        self.start()
        path = harness.WORK / "process.json"
        sets = {kind: ["CAP_KILL"] for kind in ("bounding", "effective", "permitted", "ambient")}
        path.write_bytes(bundles.encode(bundles.process(("/bin/sh", "-c", PROBE), capabilities=sets)))
        bare = subprocess.run([self.runtime_file, "--root", self.root, "exec", "--process", path, "c1"], capture_output=True, check=False)
        run = self.runtime_call("exec", "--process", path, "c1")
        self.assertEqual((bare.returncode, run.code, run.stderr), (0, 0, b""))
        got, expected = (status_of(output.decode()) for output in (run.stdout, bare.stdout))
        self.assertEqual({field: got[field] for field in KERNEL_SETS}, {field: expected[field] for field in KERNEL_SETS})

    def test_exec_with_words(self):
        self.start()
        run = self.runtime_call("exec", "--cap", "CAP_SYS_ADMIN", "c1", "/bin/sh", "-c", PROBE)
        self.assertEqual(run.code, 0, run.message)
        self.assert_kernel_agrees(status_of(run.stdout.decode()))

    def test_life_of_a_container(self):
        directory = self.bundle_for("sleep 1000")
        pid_file = harness.WORK / "pid"
        run = self.runtime_call("create", "--bundle", directory, "--pid-file", pid_file, "c1", stdout_to_null=True)
        self.assertEqual(run.code, 0, run.message)
        self.addCleanup(self.runtime_call, "delete", "--force", "c1")
        self.assertEqual(json.loads(self.runtime_call("state", "c1").stdout)["status"], "created")
        self.assertEqual(self.runtime_call("start", "c1").code, 0)
        state = json.loads(self.runtime_call("state", "c1").stdout)
        self.assertEqual(state["status"], "running")
        self.assertTrue(any(key.startswith("aa-shim/") for key in state["annotations"]))
        self.assert_kernel_agrees(self.status_of_program(pid_file.read_text()))
        self.assertEqual(self.runtime_call("kill", "c1", "KILL").code, 0)
        self.assertEqual(self.runtime_call("delete", "--force", "c1").code, 0)
        self.assertNotEqual(self.runtime_call("state", "c1").code, 0)

    def test_a_hook_that_takes_longer_than_a_program_may(self):
        """The runtime's init runs it in the container, before the program: nobody is killed, and the program is judged."""
        for name, started in {"started": True, "run": False}.items():
            with self.subTest(name):
                directory = self.bundle_for("sleep 1000", name=name)
                document = json.loads((directory / "config.json").read_bytes())
                document["hooks"] = {"startContainer": [{"path": "/bin/sleep", "args": ["sleep", str(watching.PATIENCE + 2)]}]}
                (directory / "config.json").write_bytes(bundles.encode(document))
                self.addCleanup(self.runtime_call, "delete", "--force", name)
                begun = time.monotonic()
                calls = [("create", "--bundle", directory, name), ("start", name)] if started else [("run", "--detach", "--bundle", directory, name)]
                for words in calls:
                    run = self.runtime_call(*words, stdout_to_null=True)
                    self.assertEqual(run.code, 0, run.message)
                time.sleep(max(0, begun + watching.PATIENCE + 1 - time.monotonic()))
                pid = json.loads(self.runtime_call("state", name).stdout)["pid"]
                self.assertNotEqual(pid, 0, "the container was ended")
                self.assertTrue(watching.await_end_of_watch(watching.PATIENCE))
                status = status_of(Path(f"/proc/{pid}/status").read_text())
                self.assert_kernel_agrees(status)

    def test_a_place_that_is_swapped(self):
        """Another one is mounted then, and the container's program does not run."""
        for name, swapped in {"kept": False, "swapped": True}.items():
            with self.subTest(name):
                ours, secret = (harness.WORK / name / word for word in ("ours", "secret"))
                for place in (ours, secret):
                    place.mkdir(parents=True)
                    (place / "file").write_text(place.name)
                self.runtime_that_first(f"mv {ours} {ours}.old && ln -s {secret} {ours}" if swapped else "true")
                directory = self.bundle_for("sleep 1000", name=f"{name}-bundle")
                document = json.loads((directory / "config.json").read_bytes())
                document["mounts"] = [*document.get("mounts", []), bind(ours)]
                (directory / "config.json").write_bytes(bundles.encode(document))
                self.addCleanup(self.runtime_call, "delete", "--force", name)
                run = self.runtime_call("create", "--bundle", directory, name, stdout_to_null=True)
                self.assertEqual(run.code, 0, run.message)
                pid = json.loads(self.runtime_call("state", name).stdout)["pid"]
                self.assertEqual(Path(f"/proc/{pid}/root/in/file").read_text(), "secret" if swapped else "ours")
                run = self.runtime_call("start", name)
                if swapped:
                    self.assertIn("what is mounted at '/in' is not the place of the host that was judged", run.message)
                status = json.loads(self.runtime_call("state", name).stdout)["status"]
                self.assertEqual((run.code, status), (1, "created") if swapped else (0, "running"))

    def test_refused_leaves_no_container(self):
        directory = self.bundle_for("true")
        harness.COMPILED.unlink()
        run = self.runtime_call("run", "--bundle", directory, "c1")
        self.assert_refused(run, "aa-shimctl load")
        self.assertFalse(self.root.exists() and any(self.root.iterdir()))


class Runc(real_runtime.Runc, RealRuntime, harness.ShimTest):
    """Of whichever generation is installed."""


class Crun(real_runtime.Crun, RealRuntime, harness.ShimTest):
    # crun loads its plugins where a filter asks a listener.
    NOTIFY = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["sethostname"], "action": "SCMP_ACT_NOTIFY"}]}

    def steered(self, annotations, name, seccomp=None, **members):
        document = bundles.config(process=bundles.process(("/bin/sh", "-c", PROBE)), annotations=annotations, **members)
        # Other runs of these tests on this machine use the same names.
        document["linux"]["cgroupsPath"] = f"/aa-shim-test-{os.getpid()}-{name}"
        if seccomp:
            document["linux"]["seccomp"] = seccomp
        directory = self.make_bundle(document, name)
        make_rootfs(directory / "rootfs")
        return directory

    def bare(self, directory):
        return subprocess.run(
            [self.runtime_file, "--root", self.root, "run", "--bundle", directory, "bare"],
            capture_output=True, stdin=subprocess.DEVNULL, timeout=harness.TIMEOUT, check=False,
        )

    def test_an_annotation_loads_nothing_into_it(self):
        """A shared object of whoever starts the container would run in crun, as root of the host."""
        compiler = shutil.which("cc")
        if not compiler:
            self.skipTest("no C compiler")
        touched, source, plugin = (harness.WORK / name for name in ("touched", "plugin.c", "plugin.so"))
        source.write_text(
            "#include <fcntl.h>\n__attribute__((constructor)) static void load(void) { open(\"%s\", O_CREAT | O_WRONLY, 0600); }\n" % touched
        )
        subprocess.run([compiler, "-shared", "-fPIC", "-o", plugin, source], check=True)
        directory = self.steered({"run.oci.seccomp.plugins": str(plugin)}, "plugin", self.NOTIFY)
        bare = self.bare(directory)
        self.assertTrue(touched.exists(), f"crun itself no longer loads plugins, the test tests nothing: {bare.stderr}")
        touched.unlink()
        run = self.runtime_call("run", "--bundle", directory, "c1")
        self.assert_refused(run, "the annotation 'run.oci.seccomp.plugins'")
        self.assertFalse(touched.exists())

    def test_an_annotation_makes_no_file(self):
        made = harness.WORK / "made"
        directory = self.steered({"run.oci.hooks.stdout": str(made)}, "hooks", hooks={"prestart": [{"path": "/bin/true"}]})
        self.assertEqual(self.bare(directory).returncode, 0)
        self.assertTrue(made.exists(), "crun itself no longer makes the file: the test tests nothing")
        made.unlink()
        self.assert_refused(self.runtime_call("run", "--bundle", directory, "c1"), "the annotation 'run.oci.hooks.stdout'")
        self.assertFalse(made.exists())

    def test_a_listed_annotation_works(self):
        """With it the container keeps crun's own groups; the process spec says 0 and 10."""
        confinement = harness.BASE | {"runtimeAnnotations": ["run.oci.keep_original_groups=1"]}
        result = self.try_to_load(harness.CATALOG | {"confinements": {"test": confinement, "kill-only": confinement}})
        self.assertEqual(result.returncode, 0, result.stderr)
        cases = {"none": ({}, "0 10"), "listed": ({"run.oci.keep_original_groups": "1"}, "7")}
        for name, (annotations, groups) in cases.items():
            run = self.runtime_call("run", "--bundle", self.steered(annotations, name), name, extra_groups=[7])
            self.assertEqual((run.code, run.stderr), (0, b""))
            self.assertEqual(status_of(run.stdout.decode())["Groups"].strip(), groups)
        directory = self.steered({"run.oci.keep_original_groups": "2"}, "other")
        self.assert_refused(self.runtime_call("run", "--bundle", directory, "c1"), "the annotation 'run.oci.keep_original_groups'")
