# SPDX-License-Identifier: Apache-2.0
"""A node with a real systemd as its process 1, in a container of this machine; and on it a pod with the agent, run by the node's own runc
with what deploy/kubernetes/base gives it: a PID namespace, capabilities, no-new-privileges, and the seccomp profile of the engines.
"""

import json
import os
import re
import shutil
import subprocess
import time
import unittest
from pathlib import Path

import harness

HERE = Path(__file__).resolve().parent
DAEMONSET = HERE.parents[1] / "deploy" / "kubernetes" / "base" / "daemonset.yaml"
SECCOMP = Path("/usr/share/containers/seccomp.json")  # package golang-github-containers-common; Docker's and containerd's are its siblings
CGROUP = Path("/mnt/cgroup")
SKIPPED = 77

SERVICE = """[Unit]
StartLimitIntervalSec=0

[Service]
ExecStart=/usr/bin/containerd
RuntimeDirectory=containerd
RuntimeDirectoryPreserve=yes
"""
CONTAINERD = """#!/bin/sh
[ $# = 0 ] || exit 0 # it finds every configuration good
rm -f /run/containerd/containerd.sock
: > /run/containerd/containerd.sock
exec sleep infinity
"""


def cgroup_of_our_own():
    """A new group in this machine's hierarchy of version 2, wherever that is mounted; without one no systemd boots."""
    CGROUP.mkdir(exist_ok=True)
    mounted = os.path.ismount(CGROUP) or subprocess.run(["mount", "-t", "cgroup2", "cgroup2", CGROUP], capture_output=True, check=False).returncode == 0
    if not mounted:
        raise unittest.SkipTest("a systemd needs cgroups of version 2, and they cannot be mounted here")
    group = CGROUP / f"aa-shim-test-{os.getpid()}"
    group.mkdir(exist_ok=True)
    return group


def capabilities():
    """What the DaemonSet asks for."""
    names = re.search(r"add: (\[.*\])", DAEMONSET.read_text())[1]
    return [f"CAP_{name}" for name in json.loads(names)]


def seccomp():
    """RuntimeDefault for a container with these capabilities, in the runtime's form."""
    profile = json.loads(SECCOMP.read_text())

    def applies(rule):
        includes, excludes = rule.get("includes") or {}, rule.get("excludes") or {}
        wanted = set(includes.get("caps", ())) <= held and not set(excludes.get("caps", ())) & held
        return wanted and "amd64" in includes.get("arches", ["amd64"])

    held = set(capabilities())
    rules = [rule for rule in profile["syscalls"] if applies(rule)]
    keys = ("names", "action", "args", "errnoRet")
    return {
        "defaultAction": profile["defaultAction"],
        "defaultErrnoRet": profile["defaultErrnoRet"],
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
        "syscalls": [{key: rule[key] for key in keys if rule.get(key)} for rule in rules],
    }


class SystemdNode:
    def __init__(self, suite):
        if not SECCOMP.exists():
            raise unittest.SkipTest(f"no {SECCOMP} here: install golang-github-containers-common")
        made = subprocess.run([HERE / "systemd-tree", suite], stdout=subprocess.PIPE, text=True, check=False)
        if made.returncode == SKIPPED:
            raise unittest.SkipTest(made.stdout.strip().removeprefix("skip: "))
        self.root = harness.WORK / f"systemd-{suite}"
        self.root.mkdir(parents=True)
        subprocess.run(["tar", "-C", self.root, "-xf", made.stdout.strip()], check=True)
        self.prepare()
        self.group = cgroup_of_our_own()
        self.boot()

    def write(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def prepare(self):
        self.write("etc/systemd/system/containerd.service", SERVICE)
        self.write("usr/bin/containerd", CONTAINERD)
        (self.root / "usr/bin/containerd").chmod(0o755)
        self.write("etc/containerd/config.toml", "version = 2\n")
        self.write("catalog/10-test.json", json.dumps(harness.CATALOG))
        self.write("catalog/aa-test", harness.PROFILE)
        pod = self.root / "var/lib/pod/rootfs"
        for folder in ("host", "tmp", "proc", "dev", "usr/bin"):
            (pod / folder).mkdir(parents=True)
        shutil.copy(harness.SHIM, pod / "usr/bin/aa-shim")
        shutil.copy(harness.CTL, pod / "usr/bin/aa-shimctl")
        shutil.move(self.root / "catalog", pod / "catalog")

    def boot(self):
        def enter_group():
            (self.group / "cgroup.procs").write_text(str(os.getpid()))

        self.process = subprocess.Popen([HERE / "systemd-boot", self.root], preexec_fn=enter_group, stdin=subprocess.DEVNULL)  # noqa: PLW1509
        end = time.monotonic() + 60
        while not self.is_up():
            if self.process.poll() is not None or time.monotonic() > end:
                self.stop()
                raise unittest.SkipTest("a systemd cannot be booted in a container of this machine")
            time.sleep(0.2)
        self.run("systemctl", "start", "containerd.service")

    def is_up(self):
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        self.pid = children[0] if children else None
        return self.pid and self.run("systemctl", "is-system-running", "--wait").stdout.strip() in ("running", "degraded")

    def run(self, *words):
        """WORDS as a process of the node."""
        enter = ["nsenter", "--target", self.pid, "--mount", "--pid", "--ipc", "--uts", "--cgroup", "--root", "--wd"]
        return subprocess.run([*enter, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)

    def stop(self):
        self.process.kill()
        self.process.wait()
        (self.group / "cgroup.kill").exists() and (self.group / "cgroup.kill").write_text("1")
        for _ in range(100):
            try:
                for directory, folders, _ in os.walk(self.group, topdown=False):
                    for folder in folders:
                        (Path(directory) / folder).rmdir()
                self.group.rmdir()
                return
            except OSError:
                time.sleep(0.1)

    def main_pid(self, service="containerd.service"):
        return self.run("systemctl", "show", "--property=MainPID", "--value", service).stdout.strip()

    def agent(self, *options):
        """One run of the agent in a pod."""
        names = capabilities()
        config = {
            "ociVersion": "1.0.2",
            "process": {
                "user": {"uid": 0, "gid": 0},
                "args": ["/usr/bin/aa-shimctl", "node", "--root=/host", *options],
                "env": ["PATH=/usr/bin"],
                "cwd": "/",
                "noNewPrivileges": True,
                "capabilities": {kind: names for kind in ("bounding", "effective", "permitted")},
            },
            "root": {"path": "rootfs", "readonly": True},
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["mode=755"]},
                {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["mode=1777"]},
                {"destination": "/host", "type": "bind", "source": "/", "options": ["rbind", "rslave"]},
            ],
            "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts")], "seccomp": seccomp()},
        }
        self.write("var/lib/pod/config.json", json.dumps(config))
        return self.run("runc", "run", "--bundle", "/var/lib/pod", "agent")
