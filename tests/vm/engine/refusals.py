# SPDX-License-Identifier: Apache-2.0
"""What is refused says why in `docker run`'s own output, has the exit status that runc's refusals have, and leaves nothing."""
import contextlib
import os
import subprocess
import time
from dataclasses import dataclass

from harness import Container, docker, init_pid, label, must, tap

BUSYBOX = "aa-example/busybox"
CATALOG = "/run/aa-shim/catalog"
STATE = "/run/docker/runtime-runc/moby"
BUNDLES = "/run/containerd/io.containerd.runtime.v2.task/moby"


@contextlib.contextmanager
def catalog_as(change):
    """The compiled catalog changed by the function CHANGE for the time of the block; afterwards it works as before."""
    with open(CATALOG, "rb") as file:
        content = file.read()
    change()
    try:
        yield
    finally:
        os.chmod(os.path.dirname(CATALOG), 0o755)
        must("aa-shimctl", "load")
        with open(CATALOG, "rb") as file:
            # But for the number of the kernel's policy, and the checksum of the block that it stands in.
            again = file.read()
        changed = sum(a != b for a, b in zip(again, content))
        tap.ok("the same catalog compiles to the same bytes", len(again) == len(content) and changed <= 16, f"{changed} bytes differ")


def write_catalog(content):
    def change():
        os.remove(CATALOG)
        with open(CATALOG, "wb") as file:
            file.write(content)
    return change


def truncate_catalog():
    with open(CATALOG, "rb") as file:
        content = file.read()
    write_catalog(content[:len(content) // 2])()


def forge_catalog():
    """Another profile of the same length in place of the baseline's, everywhere."""
    with open(CATALOG, "rb") as file:
        content = file.read()
    forged = content.replace(b"aa-shim-baseline", b"aa-scenario-free")
    assert forged != content
    write_catalog(forged)()


CATALOGS = [
    ("no catalog", lambda: os.remove(CATALOG), ["aa-shimctl load"]),
    ("an empty catalog", write_catalog(b""), ["aa-shimctl load"]),
    ("a truncated catalog", truncate_catalog, ["aa-shimctl load"]),
    ("a foreign file as catalog", write_catalog(b"#!/bin/sh\n" * 500), ["aa-shimctl load"]),
    ("a forged catalog", forge_catalog, ["aa-shimctl load"]),
    ("a catalog that the group can write", lambda: os.chmod(CATALOG, 0o664), ["writable by root alone"]),
    ("a catalog that belongs to somebody else", lambda: os.chown(CATALOG, 1000, 0), [CATALOG]),
    ("a folder of the catalog that others can write", lambda: os.chmod(os.path.dirname(CATALOG), 0o777), ["writable by root alone"]),
]


@dataclass
class Case:
    name: str
    arguments: list  # of docker run
    says: list  # parts of the message
    image: str = BUSYBOX
    status: int = 125


CASES = [
    Case("a container that the catalog rejects", ["--label", "scenario=reject"], ["no such thing on this host", "05-scenarios.json:"]),
    Case("a request that no rule lets be made", ["--label", "scenario=strict", "--annotation", "aa-shim/confinement=builder"],
         ["aa-shim/confinement", "builder", "selectable"]),
    Case("a request for what does not exist", ["--annotation", "aa-shim/confinement=no-such"], ["no-such"]),
    Case("an annotation under the reserved prefix", ["--annotation", "aa-shim/decision=mine"], ["aa-shim/decision"]),
    Case("an annotation called bundle", ["--annotation", "bundle=/tmp"], ["bundle"]),
    Case("a profile that is not loaded", ["--label", "scenario=removed"], ["aa-scenario-removed", "not loaded"]),
    Case("an own profile that is not loaded", ["--security-opt", "apparmor=aa-no-such-profile"], ["aa-no-such-profile", "not loaded"]),
    *(Case(f"the profile name '{name}', which the kernel takes for unconfined", ["--security-opt", f"apparmor={name}"], ["profile"])
      for name in ["u", "un", "unconfine", ":", "aa-scenario-own//&", "//&aa-scenario-own"]),
    Case("a working directory below /proc", ["-w", "/proc/self/fd"], ["/proc/self/fd"]),
]


def traces():
    """What a container leaves on the host while it exists: runtime state, bundles, mounts, processes."""
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        mounts = sorted(line.split()[4] for line in file)
    folders = {path: sorted(os.listdir(path)) if os.path.isdir(path) else [] for path in (STATE, BUNDLES)}
    shims = subprocess.run(["pgrep", "-fc", "containerd-shim-runc-v2 -namespace moby"], stdout=subprocess.PIPE, text=True, check=False).stdout.strip()
    return mounts, folders, shims


def settled(expected, seconds=20):
    """The engine removes its shim a moment after `docker run` has returned."""
    end = time.monotonic() + seconds
    while traces() != expected and time.monotonic() < end:
        time.sleep(0.3)
    return traces()


def check_refused(name, arguments, says, status=125, image=BUSYBOX):
    before = traces()
    got, output = docker("run", "--rm", *arguments, image, "true")
    tap.equal(f"{name}: status of docker run", got, status)
    tap.has(f"{name}: message", output, "aa-shim: ", *says)
    after = settled(before)
    tap.equal(f"{name}: nothing is left behind", after, before)


def check_exec_refused():
    """A container that runs when the catalog goes away: no exec, but everything that looks, stops and cleans up."""
    with Container(BUSYBOX) as container, catalog_as(lambda: os.remove(CATALOG)):
        status, output = docker("exec", container.id, "true")
        tap.ok("exec without a catalog: status", status in (126, 128), status)
        tap.has("exec without a catalog: message", output, "aa-shim: ", "aa-shimctl load")
        for command in (["top"], ["pause"], ["unpause"], ["update", "--pids-limit", "50"], ["stop", "-t", "0"], ["rm"]):
            status, output = docker(*command, container.id)
            tap.ok(f"{command[0]} without a catalog", status == 0, output)


def check_bundle_is_clean():
    with Container(BUSYBOX) as container:
        files = os.listdir(f"{BUNDLES}/{container.id}")
        tap.equal("one config.json and nothing temporary in the bundle", [name for name in files if "config" in name or "aa-" in name or "tmp" in name],
                  ["config.json"])


def check_wrong_runtime():
    """The mapping of wording to exit status is the engine's: what runc says still arrives."""
    with Container("--read-only", BUSYBOX) as container:
        tap.equal("a container with a read-only root: label", label(init_pid(container.id))[0], frozenset(["aa-shim-baseline"]))
        status, output = docker("exec", container.id, "touch", "/etc/x")
        tap.ok("and read-only it is", status == 1 and "Read-only" in output, output)
    status, output = docker("run", "--rm", "--runtime", "no-such-runtime", BUSYBOX)
    tap.ok("a runtime that is not configured", status == 125 and "no-such-runtime" in output, output)


def main():
    must("apparmor_parser", "--remove", "/etc/aa-shim/apparmor.d/aa-scenario-removed")
    for case in CASES:
        check_refused(case.name, case.arguments, case.says, case.status, case.image)
    must("aa-shimctl", "load")
    for name, change, says in CATALOGS:
        with catalog_as(change):
            check_refused(name, [], says)
    check_exec_refused()
    check_bundle_is_clean()
    check_wrong_runtime()
    status, output = docker("run", "--rm", BUSYBOX, "true")
    tap.equal("after all this, a container starts", (status, output), (0, ""))
