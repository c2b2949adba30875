# SPDX-License-Identifier: Apache-2.0
"""Podman without root: a user's own containers run under the operator's catalog, which belongs to a root that their user namespace
does not know."""
import json
import os
import re
import shutil

from decisions import ALLOWED, DENIAL
from engines import IMAGES
from harness import capabilities, label, must, parse_label, run, tap
from matrix import LABEL, RUNTIMES, use_runtime

USER, SUBORDINATE = 1000, 100000
HOME, RUN = "/home/tester", f"/run/user/{USER}"
BUSYBOX = IMAGES["busybox"]
CATALOG = "/run/aa-shim/catalog"


def as_user(*command, timeout=240):
    """Runs COMMAND as a person who logged in does."""
    environment = {"HOME": HOME, "USER": "tester", "LOGNAME": "tester", "PATH": "/usr/bin:/bin", "XDG_RUNTIME_DIR": RUN, "LANG": "C.UTF-8"}
    return run(*command, timeout=timeout, user=USER, group=USER, extra_groups=[], env=environment, cwd=HOME)


def podman(*arguments, handler="", **options):
    return as_user("podman", "--runtime", f"/usr/bin/aa-shim{handler and '-' + handler}", *arguments, **options)


def start(*arguments, handler=""):
    status, output = podman("run", "-d", "--network", "none", *arguments, handler=handler)
    if status != 0:
        raise RuntimeError(f"podman run {arguments}: status {status}: {output}")
    return output.splitlines()[-1]


def pid_of(container):
    return int(podman("inspect", "--format", "{{.State.Pid}}", container)[1].splitlines()[-1])


def remove(container):
    podman("rm", "--force", "--time", "0", container)


def make_user():
    with open("/etc/passwd", "a", encoding="utf-8") as file:
        file.write(f"tester:x:{USER}:{USER}::{HOME}:/bin/sh\n")
    with open("/etc/group", "a", encoding="utf-8") as file:
        file.write(f"tester:x:{USER}:\n")
    for name in ("/etc/subuid", "/etc/subgid"):
        with open(name, "a", encoding="utf-8") as file:
            file.write(f"tester:{SUBORDINATE}:65536\n")
    for directory in (HOME, RUN):
        os.makedirs(directory, mode=0o700, exist_ok=True)
        os.chown(directory, USER, USER)
    image = f"{HOME}/image.tar"
    must("podman", "save", "--quiet", "--output", image, BUSYBOX)
    os.chown(image, USER, USER)
    status, output = as_user("podman", "load", "--quiet", "--input", image)
    os.remove(image)
    if status != 0:
        raise RuntimeError(f"podman load: {output}")


def check_start():
    status, output = podman("run", "--rm", "--network", "none", BUSYBOX, "sh", "-c", LABEL)
    tap.equal("the first program's label, as it sees it", (status, output), (0, "aa-shim-baseline (enforce)"))
    container = start("--name", "plain", BUSYBOX)
    try:
        pid = pid_of(container)
        tap.equal("label, as the host sees it", label(pid), (frozenset(["aa-shim-baseline"]), "enforce"))
        tap.ok("it runs as the user", os.stat(f"/proc/{pid}").st_uid == USER, os.stat(f"/proc/{pid}").st_uid)
        tap.equal("a program allowed", podman("exec", container, "touch", "/etc/allowed"), (ALLOWED, ""))
    finally:
        remove(container)


def check_ceiling():
    """--privileged and --cap-add do not get beyond the ceiling, which in a user namespace is one of its own capabilities."""
    container = start("--privileged", "--name", "scenario-1-builder", BUSYBOX)
    try:
        held = capabilities(pid_of(container))
        tap.equal("by name, privileged: label", label(pid_of(container))[0], frozenset(["aa-shim-builder"]))
        tap.ok("privileged: no SYS_ADMIN", "SYS_ADMIN" not in held["Bnd"] | held["Prm"], sorted(held["Bnd"]))
        status, output = podman("exec", "--privileged", container, "mount", "-t", "tmpfs", "x", "/tmp")
        tap.ok("exec --privileged: mount denied", status != 0 and DENIAL.search(output), f"status {status}: {output}")
    finally:
        remove(container)


def check_exec_rules():
    container = start(BUSYBOX, handler="web")
    try:
        tap.equal("by handler: label", label(pid_of(container))[0], frozenset(["aa-shim-web"]))
        status, output = podman("exec", container, "sh", "-c", LABEL, handler="web")
        tap.equal("an exec under a child profile", (status, parse_label(output)), (0, (frozenset(["aa-shim-web//shell"]), "enforce")))
        tap.equal("what the profile allows", podman("exec", container, "touch", "/tmp/allowed", handler="web"), (0, ""))
        status, output = podman("exec", container, "touch", "/etc/denied", handler="web")
        tap.ok("what the profile denies", status == 1 and DENIAL.search(output), f"status {status}: {output}")
        status, output = podman("exec", container, "apk", "add", "x", handler="web")
        tap.ok("what is missing: the runtime's own message", status == 127, f"status {status}: {output}")
        status, output = podman("exec", container, "sh", "-c", "touch /tmp/denied", handler="web")
        tap.ok("the child profile denies", status == 1 and DENIAL.search(output), f"status {status}: {output}")
        status, output = as_user("podman", "unshare", "/usr/bin/aa-shimctl", "explain", "--exec", container, "--", "sh")
        tap.ok("explain, from the user's namespace", status == 0 and "aa-shim-web//shell" in output, f"status {status}: {output}")
    finally:
        remove(container)


def check_refusals():
    status, output = podman("run", "--rm", "--network", "none", "--annotation", "scenario=reject", BUSYBOX, "true")
    tap.ok("a rule that rejects", status == 126 and "no such thing on this host" in output, f"status {status}: {output}")
    os.rename(CATALOG, CATALOG + ".away")
    try:
        status, output = podman("run", "--rm", "--network", "none", BUSYBOX, "true")
        tap.ok("without a catalog", status not in (0, 124) and "aa-shimctl load" in output, f"status {status}: {output}")
        # In the place of the catalog one that a person of this host owns: to their user namespace it is their own, to root nobody's.
        shutil.copy(CATALOG + ".away", CATALOG)
        os.chown(CATALOG, 4242, 4242)
        os.chmod(CATALOG, 0o666)
        status, output = podman("run", "--rm", "--network", "none", BUSYBOX, "true")
        tap.ok("a catalog that others can write", status not in (0, 124) and "can be written by others" in output, f"status {status}: {output}")
    finally:
        os.rename(CATALOG + ".away", CATALOG)


def check_changed_policy():
    """The kernel's own policy is root's to read: a user's exec depends on the copy in the catalog, and is refused where that is old."""
    container = start(BUSYBOX, handler="web")
    try:
        must("apparmor_parser", "--replace", "/mnt/share/scenarios/apparmor.d/aa-scenario-own")
        tap.equal("another profile was replaced: exec", podman("exec", container, "ls", "/tmp", handler="web")[0], 0)
        source = "/etc/aa-shim/apparmor.d/aa-shim-web"
        with open(source, encoding="utf-8") as file:
            text = file.read()
        changed = "/run/changed-web"
        with open(changed, "w", encoding="utf-8") as file:
            file.write(re.sub(r"(profile aa-shim-web [^{]*\{)", r"\1\n  deny /srv/changed rwx,", text, count=1))
        must("apparmor_parser", "--replace", changed)
        status, output = podman("exec", container, "ls", "/tmp", handler="web")
        tap.ok("its own profile was replaced: refused", status not in (0, 124) and "aa-shimctl load" in output, f"status {status}: {output}")
        must("aa-shimctl", "load")
        tap.equal("after a load: exec", podman("exec", container, "ls", "/tmp", handler="web")[0], 0)
    finally:
        remove(container)


def check_counters():
    """The file is root's: a user's containers are not counted, and none fails for it."""
    before = json.loads(must("aa-shimctl", "metrics", "--json"))["counters"]["decisions"]["run"]
    podman("run", "--rm", "--network", "none", BUSYBOX, "true")
    tap.equal("not counted", json.loads(must("aa-shimctl", "metrics", "--json"))["counters"]["decisions"]["run"], before)


def check_pod():
    status, output = podman("pod", "create", "--name", "pod", "--network", "none")
    if not tap.ok("a pod is made", status == 0, output):
        return
    try:
        status, output = podman("run", "-d", "--pod", "pod", BUSYBOX)
        if tap.ok("a container in a pod", status == 0, output):
            tap.equal("a container in a pod: label", label(pid_of(output.splitlines()[-1]))[0], frozenset(["aa-shim-baseline"]))
    finally:
        podman("pod", "rm", "--force", "--time", "0", "pod")


def main():
    make_user()
    for runtime in RUNTIMES:
        version = use_runtime(runtime)
        tap.prefix = f"rootless, {runtime} {version}: "
        for check in (check_start, check_ceiling, check_exec_rules, check_refusals, check_changed_policy, check_counters, check_pod):
            try:
                check()
            except Exception as error:  # one scenario's failure must not hide what the next ones find
                tap.ok(f"{check.__name__} came to its end", False, f"{type(error).__name__}: {error}")
        tap.prefix = ""
    os.unlink("/etc/aa-shim/runtime")
