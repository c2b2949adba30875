# SPDX-License-Identifier: Apache-2.0
"""`aa-shimctl watch` on a host with AppArmor: ordinary work is nothing to it, and each way of not being as decided that somebody with root could
bring about is told, once; by the kernel's own labels."""
import json
import os
import signal
import subprocess
import time

from harness import Container, docker, exec_in, init_pid, label, must, tap, until
from status import BUSYBOX, ROOT, RUNC, put_in

PROFILE = "/etc/aa-shim/apparmor.d/aa-shim-baseline"
REMOVED = "/etc/aa-shim/apparmor.d/aa-scenario-removed"


class Watch:
    """`aa-shimctl watch`, and what it has told."""

    def __init__(self, *options):
        self.found = []
        self.process = subprocess.Popen(["aa-shimctl", "--json", "watch", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        os.set_blocking(self.process.stdout.fileno(), False)

    def __enter__(self):
        time.sleep(5)  # it has looked at what was there
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)

    def read(self):
        while line := self.process.stdout.readline():
            self.found.append(json.loads(line))
        return self.found

    def told(self, **wanted):
        """The findings that have WANTED, which are waited for."""
        def those():
            return [one for one in self.read() if all(one.get(name) == value for name, value in wanted.items())]
        until(those, 60)
        return those()

    def processor_time(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="utf-8") as file:
            user, system = file.read().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def check_ordinary():
    """Starts, execs of every kind, children by exec rules, stacks, and ends; and loads of the same catalog meanwhile."""
    with Watch() as watch:
        begun = watch.processor_time()
        for arguments in ([], ["--label", "tier=web"], ["--security-opt", "apparmor=aa-scenario-own"], ["--user", "1000"]):
            with Container(*arguments, BUSYBOX) as container:
                for _ in range(3):
                    exec_in(container.id, ["true"])
                container.exec_pid(["sleep", "1000"], privileged=True)
                container.exec_pid(["sh", "-c", "sleep 1000; :"])
                must("aa-shimctl", "load")
                time.sleep(3)
        docker("run", "--rm", BUSYBOX, "true")
        tap.equal("ordinary work: nothing is found", watch.read(), [])
        print(f"# {watch.processor_time() - begun:.2f} s of processor time for it")


def check_processes():
    with Watch() as watch, Container(BUSYBOX) as container:
        own = init_pid(container.id)
        put_in(container, "--apparmor", "docker-default")
        (found,) = watch.told(kind="process")
        tap.equal("another profile: the kernel's label", (found["label"], label(found["pid"])[0]), ("docker-default", {"docker-default"}))
        tap.equal("another profile: whose it is", (found["container"], found["confinement"]), (container.id, "baseline"))
        tap.equal("its container's own process is none", [one for one in watch.read() if one["pid"] == own], [])
        must("sh", "-c", f"exec nsenter --target {own} --mount --pid sleep 4712 < /dev/null > /dev/null 2>&1 & sleep 6")
        entered = [one for one in watch.told(label="unconfined") if one["kind"] == "process"]
        tap.equal("without any label: once", len(entered), 1)
        tap.equal("the container goes on", exec_in(container.id, ["true"])[0], 0)


def check_policy():
    with Watch() as watch:
        must("apparmor_parser", "--replace", "--Complain", PROFILE)
        found = watch.told(kind="profile", reason="complain")
        tap.equal("a profile that complains: once, by name", [one["profile"] for one in found], ["aa-shim-baseline"])
        must("aa-shimctl", "load")
        time.sleep(6)
        text = open(PROFILE, encoding="utf-8").read()
        other = "/tmp/other-profile"
        with open(other, "w", encoding="utf-8") as file:
            file.write(text[: text.rindex("}")] + "  /var/other/** r,\n}\n")
        must("apparmor_parser", "--replace", other)
        tap.equal("a profile with other rules: once, by name", [one["profile"] for one in watch.told(reason="replaced")], ["aa-shim-baseline"])
        must("aa-shimctl", "load")
    with Container("--label", "scenario=removed", BUSYBOX) as container, Watch() as watch:
        must("apparmor_parser", "--remove", REMOVED)
        tap.equal("a profile that was unloaded", len(watch.told(kind="profile", reason="unloaded")), 1)
        found = watch.told(kind="process", container=container.id)
        tap.equal("its process: the kernel's label", [(one["label"], label(one["pid"])[0]) for one in found], [("unconfined", {"unconfined"})])
        must("aa-shimctl", "load")


def check_bypass():
    with Watch() as watch, Container("--runtime", "runc", BUSYBOX) as container:
        tap.equal("a container of another runtime", [one["container"] for one in watch.told(reason="bypassed")], [container.id])
        tap.equal("it goes on", exec_in(container.id, ["true"])[0], 0)


def check_kill():
    with Watch("--kill") as watch, Container(BUSYBOX) as container:
        words = [RUNC, "--root", ROOT, "exec", "--detach", "--apparmor", "docker-default", container.id, "sleep", "4713"]
        must("sh", "-c", f"exec {' '.join(words)} < /dev/null > /dev/null 2>&1")
        (found,) = watch.told(kind="process")
        tap.equal("--kill: it is killed", (found["killed"], os.path.exists(f"/proc/{found['pid']}/root/bin")), (True, False))
        tap.equal("--kill: the container goes on", exec_in(container.id, ["true"])[0], 0)


def main():
    check_ordinary()
    check_processes()
    check_policy()
    check_bypass()
    check_kill()
