# SPDX-License-Identifier: Apache-2.0
"""What root's aa-shimctl can still do once it reads: for every command the sets of its process and of what it starts, whether system
calls are filtered, an action that works with them and one that does not."""

import contextlib
import json
import os
import re
import select
import shutil
import signal
import subprocess
import time
from pathlib import Path

import bundle as bundles
import harness
import recordings

OK, WRONG, _, SYSTEM = range(4)
NAMES = {1 << number: name for number, name in (
    (0, "CHOWN"), (1, "DAC_OVERRIDE"), (2, "DAC_READ_SEARCH"), (3, "FOWNER"), (5, "KILL"), (12, "NET_ADMIN"), (18, "SYS_CHROOT"), (19, "SYS_PTRACE"),
    (30, "AUDIT_CONTROL"), (33, "MAC_ADMIN"), (34, "SYSLOG"), (37, "AUDIT_READ"),
)}
CONFIGURATION = {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SYS_CHROOT"}
CONTAINERS = {"DAC_READ_SEARCH", "SYS_PTRACE"}
USER = 65534
CHILD = harness.WORK / "child"
# What this process has, its children inherit.
FILTERS = int(re.search(r"Seccomp_filters:\t(\d+)", Path("/proc/self/status").read_text())[1])
PARSER = Path("/usr/sbin/apparmor_parser")
# Notes the sets that it has, tries what nobody asked it to do, and is the parser then.
WRAPPER = """#!/bin/sh
out={child}
cat /proc/self/status > $out/status
cat {work}/secret > /dev/null 2>&1 && touch $out/read
chown 1:1 $out > /dev/null 2>&1 && touch $out/chown
chroot / true > /dev/null 2>&1 && touch $out/chroot
exec {work}/apparmor_parser "$@"
"""
# Notes what becomes of a socket of the network, and of a process that asks for a key (keyctl(2): KEYCTL_GET_KEYRING_ID): -31 is SIGSYS.
TRIES = """#!/usr/bin/python3
import ctypes, errno, os, socket, sys
try:
    socket.socket(socket.AF_INET)
    made = "made"
except OSError as error:
    made = errno.errorcode[error.errno]
open("{child}/socket", "w").write(made)
pid = os.fork()
if pid == 0:
    ctypes.CDLL(None).syscall({keyctl}, 0, -3, 1)
    os._exit(0)
open("{child}/key", "w").write(str(-os.WTERMSIG(os.waitpid(pid, 0)[1])))
os.execv("{work}/apparmor_parser", ["apparmor_parser", *sys.argv[1:]])
"""
KEYCTL = {"x86_64": 250}.get(os.uname().machine, 219)
# A capability in the way of which nothing stands for root: with it, the child can do this.
ACTIONS = {"read": "DAC_OVERRIDE", "chown": "CHOWN", "chroot": "SYS_CHROOT"}


def sets(status):
    """The capability sets in the text of a /proc/PID/status, those that this machine's root has at all."""
    lines = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    masks = {name: int(lines[f"Cap{name}"], 16) for name in ("Inh", "Prm", "Eff", "Bnd", "Amb")}
    return {name: {NAMES.get(1 << bit, str(bit)) for bit in range(64) if mask >> bit & 1} for name, mask in masks.items()} | {
        "gains": lines["NoNewPrivs"] != "1", "filters": int(lines["Seccomp_filters"]) - FILTERS
    }


class Privileges(harness.ShimTest):
    def setUp(self):
        super().setUp()
        self.load_catalog()
        CHILD.mkdir(mode=0o777)
        secret = harness.WORK / "secret"
        secret.write_text("{}")
        secret.chmod(0o600)
        os.chown(secret, USER - 1, USER - 1)
        self.ours = sets(Path("/proc/self/status").read_text())["Prm"]

    def wrap_parser(self, text=WRAPPER):
        shutil.copy(PARSER, harness.WORK / "apparmor_parser")
        wrapper = harness.WORK / "wrapper"
        wrapper.write_text(text.format(child=CHILD, work=harness.WORK, keyctl=KEYCTL))
        wrapper.chmod(0o755)
        subprocess.run(["mount", "--bind", wrapper, PARSER], check=True)
        self.addCleanup(subprocess.run, ["umount", PARSER], check=True)

    def ctl(self, *arguments, code=OK, **options):
        command = [harness.CTL, *map(str, arguments)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=harness.TIMEOUT, check=False, **options)
        self.assertIn(result.returncode, code if isinstance(code, tuple) else (code,), result.stdout + result.stderr)
        return result

    def sets_of(self, *arguments):
        """The sets of aa-shimctl as it prints what it has found, into a pipe that is full."""
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writer, b"x" * select.PIPE_BUF)
        os.set_blocking(writer, True)
        process = subprocess.Popen([harness.CTL, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=writer, stderr=writer)
        os.close(writer)
        try:
            status = self.await_write(process)
        finally:
            with open(reader, "rb") as output:
                output.read()
            process.wait(timeout=harness.TIMEOUT)
        return sets(status)

    def await_write(self, process):
        """The status of PROCESS once it waits for somebody to read."""
        for _ in range(3000):
            wait = Path(f"/proc/{process.pid}/wchan").read_text()
            if "pipe_write" in wait:
                return Path(f"/proc/{process.pid}/status").read_text()
            self.assertIsNone(process.poll(), "aa-shimctl did not print anything")
            time.sleep(0.02)
        return self.fail(f"aa-shimctl does something else: {wait}")

    def assert_keeps(self, found, own, children=frozenset(), filters=1):
        own, children = own & self.ours, children & self.ours
        self.assertEqual(found, {"Inh": set(), "Prm": own, "Eff": own, "Bnd": children, "Amb": set(), "gains": False, "filters": filters})

    def assert_child(self, keeps=frozenset(), bounded=True, filters=1):
        """The program that was started has KEEPS, and can do what they allow, and nothing else."""
        keeps = keeps & self.ours
        found = sets((CHILD / "status").read_text())
        self.assertEqual((found["Prm"], found["Eff"], found["Amb"], found["gains"], found["filters"]), (keeps, keeps, set(), False, filters))
        if bounded:
            self.assertEqual(found["Bnd"], keeps)
        done = {name for name in ACTIONS if (CHILD / name).exists()}
        self.assertEqual(done, {name for name, capability in ACTIONS.items() if capability in keeps})
        shutil.rmtree(CHILD)
        CHILD.mkdir(mode=0o777)

    def container(self):
        """A container of root's whose process is another user's, and so is the directory of its state."""
        directory = self.make_bundle(name="bundle")
        self.assertEqual(self.create(directory).code, 0)
        annotations = json.loads((directory / "config.json").read_bytes())["annotations"]
        command = ["unshare", "--pid", "--fork", "--kill-child", "setpriv", "--no-new-privs", "--bounding-set", "-all",
                   "--reuid", str(USER), "--regid", str(USER), "--clear-groups", "sleep", "1000"]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, preexec_fn=harness.filter_system_calls)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        pid = self.await_sleep(process.pid)
        self.addCleanup(os.kill, pid, signal.SIGKILL)  # --kill-child has no hold on a process that changed its user
        state = self.make_runc_state(pid, directory, annotations=annotations.items())
        return state.rename(self.private_directory() / "state")

    def private_directory(self):
        directory = harness.WORK / "private"
        directory.mkdir(mode=0o700)
        os.chown(directory, USER, USER)
        return directory

    def await_sleep(self, parent):
        for _ in range(500):
            for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
                if Path(f"/proc/{pid}/comm").read_text() == "sleep\n":
                    return int(pid)
            time.sleep(0.02)
        return self.fail("sleep did not start")

    # ---- what judges files

    def test_check(self):
        self.wrap_parser()
        self.assert_keeps(self.sets_of("check"), set())
        self.assert_child()
        self.ctl("check")
        result = self.ctl("check", harness.WORK / "secret", code=SYSTEM)
        self.assertIn(f"cannot open '{harness.WORK}/secret': ", result.stderr)
        self.assertIn("root reads here with no more rights than any other user: let root own it, or let its owner run this", result.stderr)
        directory = harness.WORK / "closed"
        directory.mkdir(mode=0o700)
        os.chown(directory, USER, USER)
        self.assertIn(f"cannot look at '{directory}/x.json': ", self.ctl("check", directory / "x.json", code=SYSTEM).stderr)

    def test_load(self):
        self.wrap_parser()
        self.assert_keeps(self.sets_of("load"), {"MAC_ADMIN"}, {"MAC_ADMIN"}, filters=0)
        self.assert_child({"MAC_ADMIN"}, filters=0)
        harness.COMPILED.unlink()
        self.ctl("load")
        self.assertEqual((harness.COMPILED.stat().st_uid, harness.COMPILED.stat().st_mode & 0o777), (0, 0o644))
        self.ctl("load", "--catalog", harness.WORK / "secret", code=SYSTEM)

    def test_explain(self):
        self.wrap_parser()
        self.assert_keeps(self.sets_of("explain", "--user", "0"), set())
        self.ctl("explain", "--user", "0")
        self.ctl("explain", "--exec", "--profile", "aa-test", "/bin/sh")
        self.assert_child()
        self.ctl("explain", "--catalog", harness.WORK / "secret", "--user", "0", code=SYSTEM)

    def test_what_reads_policy_and_records(self):
        self.wrap_parser()
        log = harness.WORK / "decisions"
        log.write_text('{"outcome":"refused","command":"create","reason":"system"}\n')
        tests = harness.WORK / "tests.json"
        tests.write_text('{"profiles": [{"label": "aa-test", "may": ["r /x"]}]}')
        recording = harness.WORK / "recording"
        recording.write_text(recordings.text([]))
        for arguments in (("graph", "--profiles", "/etc/aa-shim/apparmor.d"), ("query", "--profiles", "/etc/aa-shim/apparmor.d", "unconfined", "r /x"),
                          ("diff", "/etc/aa-shim/apparmor.d", "/etc/aa-shim/apparmor.d"), ("replay", "--log", log), ("load", "--history"),
                          ("test", tests), ("learn", "test", "--recording", recording, "--export", "-")):
            self.assert_keeps(self.sets_of(*arguments), set())
            self.ctl(*arguments)
        self.assert_child()

    def test_explain_bundle(self):
        private = self.private_directory()
        directory = private / "bundle"
        self.make_bundle().rename(directory)
        self.assert_keeps(self.sets_of("explain", "--bundle", directory), {"DAC_READ_SEARCH"})
        self.ctl("explain", "--bundle", directory)
        self.ctl("explain", "--bundle", directory, code=SYSTEM, preexec_fn=without("dac_read_search,-dac_override"))

    def test_what_a_program_that_was_started_cannot_do(self):
        """Without any capability it could still have a socket of the network, and a key of the kernel's."""
        self.wrap_parser(TRIES)
        for arguments, free in ((["version"], False), (["check"], False), (["load"], True)):
            self.ctl(*arguments)
            done = {path.name: path.read_text() for path in CHILD.iterdir()}
            self.assertEqual(done, {"socket": "made" if free else "EPERM", "key": "0" if free else "-31"}, arguments)

    # ---- what looks at containers

    def test_denials(self):
        log = harness.WORK / "log"
        log.write_text('audit: type=1400 audit(1.000:1): apparmor="DENIED" operation="open" profile="aa-test" name="/a" pid=1 comm="a" '
                       'requested_mask="r" denied_mask="r" fsuid=0 ouid=0\n')
        self.wrap_parser()
        self.assert_keeps(self.sets_of("denials", "--file", log), CONTAINERS | {"SYSLOG"})
        self.assert_child()
        self.ctl("denials", "--file", log)

    def test_status(self):
        root = self.container()
        arguments = ["status", "--root", root]
        self.assert_keeps(self.sets_of(*arguments), CONTAINERS)
        document = json.loads(self.ctl("--json", *arguments).stdout)
        self.assertEqual([report["standing"] for report in document["containers"]], ["as-decided"])
        # What it is not able to do without them.
        self.ctl(*arguments, code=SYSTEM, preexec_fn=without("dac_read_search,-dac_override"))
        blind = json.loads(self.ctl("--json", *arguments, code=(OK, WRONG), preexec_fn=without("sys_ptrace")).stdout)
        self.assertNotEqual([report["processes"] for report in blind["containers"]], [report["processes"] for report in document["containers"]])

    def test_explain_container(self):
        root = self.container()
        arguments = ["explain", "--exec", "--root", root, "c1", "--", "true"]
        self.assert_keeps(self.sets_of(*arguments), CONTAINERS)
        self.ctl(*arguments)
        self.ctl(*arguments, code=SYSTEM, preexec_fn=without("dac_read_search,-dac_override"))

    # ---- what writes

    def test_metrics(self):
        self.assert_keeps(self.sets_of("metrics"), set())
        self.ctl("metrics")
        place = harness.WORK / "exporter"
        place.mkdir(mode=0o755)
        os.chown(place, USER, USER)
        self.assert_keeps(self.sets_of("--json", "metrics", "--output", place / "aa.prom"), {"DAC_OVERRIDE"})
        self.ctl("metrics", "--output", place / "aa.prom")
        self.assertEqual((place / "aa.prom").stat().st_uid, 0)
        (place / "aa.prom").unlink()
        self.ctl("metrics", "--output", place / "aa.prom", code=SYSTEM, preexec_fn=without("dac_override"))
        self.assert_keeps(self.sets_of("metrics", "--containers"), CONTAINERS)
        self.assert_keeps(self.sets_of("--json", "metrics", "--containers", "--output", place / "aa.prom"), CONTAINERS | {"DAC_OVERRIDE"})

    def test_install(self):
        tree = harness.WORK / "host"
        for directory in ("etc/docker", "usr/bin", "usr/sbin"):
            (tree / directory).mkdir(parents=True)
        shutil.copy(harness.SHIM, tree / "usr/bin/aa-shim")
        for program in ("usr/bin/dockerd", "usr/sbin/runc"):
            self.copy_program("/bin/true", tree, program)
        config = tree / "etc/docker/daemon.json"
        config.write_text("{}\n")
        config.chmod(0o640)
        for path in (config.parent, config):
            os.chown(path, USER, USER)
        arguments = ["docker", "--root", tree, "--shim", "/usr/bin/aa-shim"]
        self.assert_keeps(self.sets_of("install", *arguments, "--dry-run"), {"DAC_OVERRIDE", "SYS_CHROOT"}, {"DAC_OVERRIDE"}, filters=0)
        self.assertEqual(config.read_text(), "{}\n")
        self.ctl("install", *arguments, code=SYSTEM, preexec_fn=without("chown"))
        self.assertEqual(config.read_text(), "{}\n")
        self.assert_keeps(self.sets_of("install", *arguments), CONFIGURATION, {"DAC_OVERRIDE"}, filters=0)
        self.assertIn("aa-shim", config.read_text())
        self.assertEqual((config.stat().st_uid, config.stat().st_mode & 0o777), (USER, 0o640))
        self.assert_keeps(self.sets_of("uninstall", *arguments[:3], "--dry-run"), {"DAC_OVERRIDE", "SYS_CHROOT"}, {"DAC_OVERRIDE"}, filters=0)
        self.assert_keeps(self.sets_of("uninstall", *arguments[:3]), CONFIGURATION, {"DAC_OVERRIDE"}, filters=0)
        self.assertEqual(config.read_text(), "{}\n")
        self.assertIn("not validated: cannot run", self.ctl("install", *arguments, preexec_fn=without("sys_chroot")).stdout)
        self.ctl("uninstall", *arguments[:3])
        self.assertIn("validated by dockerd --validate", self.ctl("install", *arguments).stdout)

    def copy_program(self, program, tree, name):
        """PROGRAM as NAME below TREE, with the libraries that it finds there as at home."""
        shutil.copy(program, tree / name)
        listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
        for library in re.findall(r"(/\S+) \(0x", listed):
            to = tree / library[1:]
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, to)

    def test_node(self):
        (tree := harness.WORK / "node").mkdir()
        arguments = ["node", "--root", tree, "--once"]
        for words, more in (((), set()), (("--learn",), CONTAINERS | {"AUDIT_CONTROL", "AUDIT_READ", "NET_ADMIN", "SYSLOG"})):
            keeps = CONFIGURATION | {"MAC_ADMIN"} | more
            self.assert_keeps(self.sets_of(*arguments, *words), keeps, keeps, filters=0)
        self.assertTrue((tree / "run/aa-shim/node-status").exists())
        self.assert_keeps(self.sets_of("node", "--root", tree, "--check"), set())
        self.ctl("node", "--root", tree, "--check", code=WRONG)
        os.chown(tree / "run/aa-shim", USER, USER)
        (tree / "run/aa-shim").chmod(0o700)
        self.ctl("node", "--root", tree, "--check", code=SYSTEM)

    def test_what_goes_on(self):
        for words, more in ((["denials", "--follow"], {"SYSLOG", "AUDIT_READ"}), (["watch"], {"NET_ADMIN"}), (["watch", "--kill"], {"NET_ADMIN", "KILL"})):
            process = subprocess.Popen([harness.CTL, *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.addCleanup(process.wait)
            self.addCleanup(process.kill)
            for _ in range(500):
                found = sets(Path(f"/proc/{process.pid}/status").read_text())
                if found["filters"]:
                    break
                self.assertIsNone(process.poll(), "it has ended")
                time.sleep(0.02)
            self.assert_keeps(found, CONTAINERS | more)

    # ---- what tells of itself

    def test_version_and_completion(self):
        self.wrap_parser()
        self.assert_keeps(self.sets_of("version"), set())
        self.assert_child()
        self.ctl("version")
        self.assert_keeps(self.sets_of("complete", "che"), set())
        self.assertIn("check", self.ctl("complete", "che").stdout)

    # ---- who runs it, and where

    def test_what_the_caller_holds_ready(self):
        """Ambient and inheritable capabilities do not come through, not even to an ordinary user who was given some."""
        self.wrap_parser()
        for user in ((), ("--reuid", str(USER), "--clear-groups")):
            with self.subTest(user=user):
                command = ["setpriv", *user, "--inh-caps", "+chown,+sys_chroot", "--ambient-caps", "+chown,+sys_chroot", harness.CTL, "version"]
                CHILD.chmod(0o777)
                result = subprocess.run(command, capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)
                self.assertEqual(result.returncode, OK, result.stderr)
                self.assert_child(bounded=not user)  # without CAP_SETPCAP it stays, and gives nothing

    def test_in_a_user_namespace(self):
        """As `podman unshare` does it: root there, and nobody outside."""
        own = harness.WORK / "own.json"
        shutil.copy(harness.ETC / "catalog.d" / "10-test.json", own)
        own.chmod(0o600)
        os.chown(own, USER, USER)
        inside = ["setpriv", "--reuid", str(USER), "--clear-groups", "unshare", "--user", "--map-root-user"]
        if subprocess.run([*inside, "true"], capture_output=True, check=False).returncode != 0:
            self.skipTest("user namespaces are not allowed here")
        for path, code in ((own, OK), ("/etc/aa-shim/catalog.d/10-test.json", OK), ("/etc/shadow", SYSTEM)):
            result = subprocess.run([*inside, harness.CTL, "check", "--no-profiles", path], capture_output=True, text=True,
                                    timeout=harness.TIMEOUT, check=False)
            self.assertEqual(result.returncode, code, result.stdout + result.stderr)

    def test_refused_where_it_cannot_be_done(self):
        """A filter that forbids capset(2) or seccomp(2): nothing is read."""
        for call, said in (("capset", "the capabilities that are not needed cannot be given up: our own sets: the kernel refused (EPERM); "),
                           ("seccomp", "the system calls that are not needed cannot be given up: the filter's rules: ")):
            for more in ((), ("--json",)):
                command = ["strace", "-qq", "-o", "/dev/null", "-e", f"inject={call}:error=EPERM", str(harness.CTL), *more, "check"]
                result = subprocess.run(command, capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)
                self.assertEqual(result.returncode, SYSTEM)
                self.assertIn(said, result.stdout + result.stderr)
                self.assertNotIn("catalog is good", result.stdout)


def without(names):
    """For preexec_fn: as if the caller lacked the capabilities NAMES ("a,-b")."""
    import ctypes  # pylint: disable=import-outside-toplevel

    numbers = {"chown": 0, "dac_override": 1, "dac_read_search": 2, "sys_chroot": 18, "sys_ptrace": 19}
    libc = ctypes.CDLL(None, use_errno=True)

    def drop():
        for name in names.replace("-", "").split(","):
            if libc.prctl(24, numbers[name], 0, 0, 0) != 0:  # PR_CAPBSET_DROP
                raise OSError(ctypes.get_errno(), "prctl")

    return drop
