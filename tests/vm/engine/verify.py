# SPDX-License-Identifier: Apache-2.0
"""`aa-shimctl install ENGINE --verify` on Docker, containerd and Podman: a container that starts, one that does not, and nothing of either
afterwards."""
import json
import os
import re
import shutil
import time

from doors import DAEMON_JSON, restart
from harness import must, run, tap

CATALOG = "/run/aa-shim/catalog"
CHOICE = "/etc/aa-shim/runtime"
BROKEN = "/opt/runc-broken"
CRICTL = "/usr/local/bin/crictl"
OK, WRONG, _, SYSTEM = range(4)
OPTIONS = {"docker": (), "containerd": ("--default", "--handlers", "web"), "podman": ("--default", "--handlers", "web", "--replace-runtime")}
# Where engines keep what they were told of containers.
PLACES = ("/var/lib/aa-shim", "/run/containerd", "/var/lib/containerd/io.containerd.runtime.v2.task", "/run/docker/runtime-runc", "/run/runc", "/run/crun")


# The name of what is made, and a container's ID; an engine keeps the folders that these are in.
OF_CONTAINERS = re.compile("aa-shim-verify|[0-9a-f]{64}")


def traces():
    """All that a container could leave."""
    with open("/proc/self/mounts", encoding="utf-8") as file:
        mounts = sorted(line.split()[1] for line in file if OF_CONTAINERS.search(line))
    paths = (os.path.join(top, name) for place in PLACES for top, folders, files in os.walk(place) for name in (*folders, *files))
    names = sorted(filter(OF_CONTAINERS.search, paths))
    engines = [sorted(run(*words)[1].splitlines()) for words in (  # those of one second come in any order
        ("docker", "ps", "--all", "--quiet"), ("docker", "images", "--all", "--quiet"),
        ("ctr", "--namespace", "k8s.io", "containers", "list", "--quiet"),
        ("podman", "ps", "--all", "--quiet"), ("podman", "images", "--all", "--quiet"),
    )]
    namespaces = sorted(filter(OF_CONTAINERS.search, run("ctr", "namespaces", "list", "--quiet")[1].split()))
    return mounts, names, engines, namespaces


def verify(engine, name, expected, *parts):
    """Installs ENGINE (again) with --verify: its exit status, what it says, and that nothing is left."""
    before, began = traces(), time.monotonic()
    status, output = run("aa-shimctl", "install", engine, *OPTIONS[engine], "--verify", timeout=300)
    if tap.equal(f"{engine}, {name}: status", status, expected):
        tap.has(f"{engine}, {name}: what it says", output, *parts)
        print("# " + output.splitlines()[-1], flush=True)
    else:
        print("# " + output.replace("\n", "\n# "), flush=True)
    print(f"# {time.monotonic() - began:.0f} s", flush=True)
    tap.equal(f"{engine}, {name}: nothing is left", traces(), before)


def check_failures(engine):
    """What `install` alone does not see: no catalog is in force, and the runtime is one that starts nothing."""
    os.rename(CATALOG, CATALOG + ".away")
    verify(engine, "without a catalog", WRONG, "not verified: ", "aa-shimctl load", "what was installed stays")
    os.rename(CATALOG + ".away", CATALOG)
    kept = os.readlink(CHOICE) if os.path.islink(CHOICE) else None
    if kept:
        os.remove(CHOICE)
    shutil.copy("/bin/false", BROKEN)
    os.symlink(BROKEN, CHOICE)
    verify(engine, "a runtime that starts nothing", WRONG, "not verified: ")
    os.remove(BROKEN)
    status, output = run("aa-shimctl", "install", engine, *OPTIONS[engine], "--verify")
    tap.ok(f"{engine}: a runtime link to nothing is refused before", status == SYSTEM and "not verified" not in output, f"status {status}: {output}")
    os.remove(CHOICE)
    if kept:
        os.symlink(kept, CHOICE)


def check_docker():
    if os.path.exists(DAEMON_JSON):  # not after the scenarios of `doors`
        os.remove(DAEMON_JSON)
    restart()
    verify("docker", "not restarted", WRONG, "docker run did not start a container by aa-shim: ", "runtime", "restart")
    restart()
    verify("docker", "restarted", OK, "Verified: docker run started a container by aa-shim (as-decided, confinement 'baseline'",
           "label 'aa-shim-baseline'", "it is gone again")
    document = json.loads(must("aa-shimctl", "--json", "install", "docker", "--verify"))
    tap.equal("docker: as JSON", (document["ok"], document["verified"]["standing"], document["verified"]["confinement"], document["verified"]["label"]),
              (True, "as-decided", "baseline", "aa-shim-baseline"))
    check_failures("docker")
    verify("docker", "afterwards", OK, "Verified: ")


def check_containerd():
    verify("containerd", "by ctr", OK, "Verified: ctr run started", "as-decided", "there is no crictl here")
    check_failures("containerd")
    shutil.copy("/mnt/share/engine/crictl", CRICTL)
    verify("containerd", "by its CRI", OK, "Verified: containerd's CRI started", "it is the sandbox of a pod")
    check_failures("containerd")
    os.remove(CRICTL)


def check_podman():
    verify("podman", "as it is", OK, "Verified: podman run started", "as-decided, confinement 'baseline'", "label 'aa-shim-baseline'")
    check_failures("podman")


def check_nobody_answers():
    for name in ("dockerd", "containerd"):
        for pid in run("pidof", name)[1].split():
            os.kill(int(pid), 15)
            while os.path.exists(f"/proc/{pid}"):
                pass
    for engine in ("docker", "containerd"):
        status, output = run("aa-shimctl", "install", engine, *OPTIONS[engine], "--verify")
        tap.ok(f"{engine} does not run", status == SYSTEM and f"not verified: {engine} does not answer: " in output, f"status {status}: {output}")


def main():
    for check in (check_docker, check_containerd, check_podman, check_nobody_answers):
        check()
