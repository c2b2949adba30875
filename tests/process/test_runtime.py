# SPDX-License-Identifier: Apache-2.0
"""The real runc and crun behind aa-shim: what the kernel says of the processes that they start.

Without AppArmor (it is hidden here); the test hosts do the same with it.
"""

import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import bundle as bundles
import harness
import watching
from test_host import bind

KERNEL_SETS = {"CapBnd": "bounding", "CapEff": "effective", "CapPrm": "permitted", "CapInh": "inheritable", "CapAmb": "ambient"}
NUMBERS = {"CAP_CHOWN": 0, "CAP_KILL": 5, "CAP_SETGID": 6, "CAP_SETUID": 7, "CAP_NET_BIND_SERVICE": 10}
CEILING_MASK = sum(1 << NUMBERS[name] for name in harness.CEILING_NAMES)

# Prints the process's own status.
PROBE = "cat /proc/self/status"

# Each prints its name if it works: CAP_CHOWN is within the ceiling, CAP_MKNOD is not, symlink(2) is denied.
ACTIONS = """
cd /tmp; rm -f file node link; true > file
chown 1:1 file && echo chown
mknod node c 1 3 && echo mknod
ln -s file link && echo symlink
true
"""


def tree_of(program):
    """PROGRAM and the libraries that it is linked with."""
    files = [program]
    listing = subprocess.run(["ldd", program], capture_output=True, text=True, check=False)
    files += [word for word in listing.stdout.split() if word.startswith("/")]
    return files


def make_rootfs(directory):
    """A root file system with a busybox and nothing else."""
    for name in ("bin", "proc", "dev", "tmp"):
        (directory / name).mkdir(parents=True)
    for file in tree_of(shutil.which("busybox")):
        target = directory / file.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    if not (directory / "bin" / "busybox").exists():
        shutil.copy(shutil.which("busybox"), directory / "bin" / "busybox")
    for applet in ("sh", "cat", "chown", "ln", "mknod", "rm", "sleep", "true"):
        (directory / "bin" / applet).symlink_to("busybox")


def status_of(text):
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


class RealRuntime:
    """The tests, once per runtime."""

    runtime_file = ""

    def setUp(self):
        if not self.runtime_file or not Path(self.runtime_file).exists():
            self.skipTest(f"{self.runtime_name} is not installed")
        if not shutil.which("busybox"):
            self.skipTest("busybox is not installed")
        super().setUp()
        self.point_runtime_at(self.runtime_file)
        self.load_catalog()
        self.root = harness.WORK / "root"
        if not self.containers_work():
            self.skipTest(f"{self.runtime_name} starts no containers on this machine, with or without aa-shim: {self.trial.strip()}")

    def containers_work(self):
        directory = self.bundle_for("true", name="trial")
        result = subprocess.run(
            [self.runtime_file, "--root", harness.WORK / "trial-root", "run", "--bundle", directory, "trial"],
            capture_output=True, stdin=subprocess.DEVNULL, timeout=harness.TIMEOUT, check=False,
        )
        self.trial = result.stderr.decode()
        return result.returncode == 0

    def bundle_for(self, script, name="bundle", **members):
        document = bundles.config(process=bundles.process(("/bin/sh", "-c", script), **members))
        directory = self.make_bundle(document, name)
        make_rootfs(directory / "rootfs")
        return directory

    def runtime_call(self, *words, **options):
        return self.shim("--root", self.root, *words, **options)

    def assert_kernel_agrees(self, status):
        for field in KERNEL_SETS:
            self.assertEqual(int(status[field], 16) & ~CEILING_MASK, 0, field)
        self.assertEqual(int(status["CapBnd"], 16), CEILING_MASK)
        self.assertEqual(status["NoNewPrivs"], "1")
        self.assertEqual(status["Seccomp"], "2")

    def start(self, script="sleep 1000", **members):
        directory = self.bundle_for(script, **members)
        run = self.runtime_call("run", "--detach", "--bundle", directory, "c1", stdout_to_null=True)
        self.assertEqual(run.code, 0, run.message)
        self.addCleanup(self.runtime_call, "delete", "--force", "c1")
        return directory

    def shim(self, *arguments, stdout_to_null=False, **options):
        """A detached container would keep the pipes of the test open."""
        if not stdout_to_null:
            return super().shim(*arguments, **options)
        with (harness.WORK / "output").open("w+b") as output:
            result = subprocess.run(
                [harness.SHIM, *map(str, arguments)],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, timeout=harness.TIMEOUT, check=False,
            )
        return harness.Run(result.returncode, b"", (harness.WORK / "output").read_bytes(), 0, None)

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
        self.assert_kernel_agrees(status_of(Path(f"/proc/{pid_file.read_text()}/status").read_text()))
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

    def runtime_that_first(self, command):
        """The runtime, behind somebody who does COMMAND between aa-shim's look at a request and the runtime's."""
        wrapper = Path(tempfile.mkdtemp(dir=harness.WORK)) / self.runtime_name
        wrapper.parent.chmod(0o755)
        wrapper.write_text(f'#!/bin/sh\ncase " $* " in *" create "*) {command} ;; esac\nexec {self.runtime_file} "$@"\n')
        wrapper.chmod(0o755)
        self.point_runtime_at(wrapper)

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

    def test_a_run_that_differs(self):
        """It is ended; whether before its program began depends on when the runtime tells of it."""
        self.runtime_that_first("true")
        directory, _ = self.bundle_that_marks("run")
        wrapper = Path(os.readlink(harness.ETC / "runtime"))
        wrapper.write_text(wrapper.read_text().replace(" create ", " run ").replace("true", f"sed -i '{self.SKIPPED['capabilities']}' {directory}/config.json"))
        self.assertEqual(self.runtime_call("run", "--detach", "--bundle", directory, "run", stdout_to_null=True).code, 0)
        self.assertTrue(watching.await_end_of_watch(watching.PATIENCE + watching.TIMELY))
        self.assertEqual(json.loads(self.runtime_call("state", "run").stdout)["status"], "stopped")

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


class Runc(RealRuntime, harness.ShimTest):
    runtime_name = "runc"
    runtime_file = "/usr/sbin/runc" if Path("/usr/sbin/runc").exists() else "/usr/bin/runc"


class Crun(RealRuntime, harness.ShimTest):
    runtime_name = "crun"
    runtime_file = "/usr/bin/crun"

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
