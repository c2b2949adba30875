# SPDX-License-Identifier: Apache-2.0
"""Two versions of a catalog and its profiles are loaded, and the first is brought back: what the kernel then says, and what it denies."""
import contextlib
import json
import os
import re

from decisions import DENIAL
from harness import Container, init_pid, label, must, run, tap

CATALOG = "/etc/aa-shim/catalog.d/08-history.json"
PROFILES = "/etc/aa-shim/apparmor.d"
FIRST, NEWER = "aa-scenario-kept", "aa-scenario-newer"
SLEEP = ["--label", "scenario=kept", "aa-example/busybox", "sleep", "1000"]


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def kernels_digest(profile):
    """The kernel's own digest of the policy that it holds for PROFILE."""
    for directory in os.listdir("/sys/kernel/security/apparmor/policy/profiles"):
        path = f"/sys/kernel/security/apparmor/policy/profiles/{directory}"
        if read(f"{path}/name").strip() == profile:
            return next(read(f"{path}/{name}") for name in ("sha256", "sha1") if os.path.exists(f"{path}/{name}"))
    return None


def check(name, container, profile, allowed, denied):
    """CONTAINER is under PROFILE, may write ALLOWED and not DENIED."""
    tap.equal(f"{name}: the kernel's label", label(init_pid(container.id)), (frozenset([profile]), "enforce"))
    tap.equal(f"{name}: {allowed} is allowed", container.exec("sh", "-c", f"echo > {allowed}")[0], 0)
    status, output = container.exec("sh", "-c", f"echo > {denied}")
    tap.ok(f"{name}: {denied} is denied", status != 0 and DENIAL.search(output), f"status {status}: {output}")


def second_version():
    """Both profiles: what the first one allows the second denies, and one that is new; the rule leads to that."""
    profile = read(f"{PROFILES}/{FIRST}")
    write(f"{PROFILES}/{FIRST}", profile.replace("deny /tmp/second w", "deny /tmp/first w"))
    write(f"{PROFILES}/{NEWER}", profile.replace(FIRST, NEWER).replace("deny /tmp/second w", "deny /tmp/third w"))
    catalog = read(CATALOG)
    write(CATALOG, catalog.replace(f'"{FIRST}"', f'"{NEWER}"').replace('"exec": {', f'"exec": {{ "rules": [{{ "command": "/nothing", "apparmor": "{FIRST}" }}],'))


@contextlib.contextmanager
def without_sources():
    """No profile file, no catalog and no parser: a rollback needs none of them."""
    parser = next(path for path in ("/usr/sbin/apparmor_parser", "/sbin/apparmor_parser") if os.path.exists(path))
    parser = os.path.realpath(parser)
    hidden = [CATALOG, f"{PROFILES}/{FIRST}", f"{PROFILES}/{NEWER}", parser]
    for path in hidden:
        os.rename(path, f"{path}.hidden")
    try:
        yield
    finally:
        for path in hidden:
            os.rename(f"{path}.hidden", path)


def loads():
    return json.loads(must("aa-shimctl", "load", "--history", "--json"))["loads"]


def main():
    first = {path: read(path) for path in (CATALOG, f"{PROFILES}/{FIRST}")}
    digest = kernels_digest(FIRST)
    with Container(*SLEEP) as old:
        check("first load", old, FIRST, "/tmp/first", "/tmp/second")
        second_version()
        must("aa-shimctl", "load")
        tap.ok("second load: the kernel has another policy", kernels_digest(FIRST) != digest)
        check("second load, a container of before", old, FIRST, "/tmp/second", "/tmp/first")
        with Container(*SLEEP) as new:
            check("second load", new, NEWER, "/tmp/first", "/tmp/third")
            with without_sources():
                status, output = run("aa-shimctl", "load", "--rollback")
            tap.equal("rollback: status", status, 0)
            tap.has("rollback: what it says", output, "In force: /run/aa-shim/catalog (load ", f"profile '{NEWER}' of load ", "stays loaded")
            tap.equal("rollback: the kernel has the same policy again", kernels_digest(FIRST), digest)
            check("rollback, a container of the first load", old, FIRST, "/tmp/first", "/tmp/second")
            check("rollback, a container of the second", new, NEWER, "/tmp/second", "/tmp/third")
            with Container(*SLEEP) as again:
                check("rollback, a new container", again, FIRST, "/tmp/first", "/tmp/second")
    kept = loads()
    tap.equal("rollback is itself a load", kept[0]["restores"], kept[2]["number"])
    tap.equal("all of them can be brought back", [load["problem"] for load in kept], [None] * len(kept))
    tap.ok("the policy that was kept is what the kernel gives", FIRST in kept[0]["profiles"] and re.fullmatch("[0-9a-f]{64}", kept[0]["compiled"]), kept[0])
    for path, text in first.items():
        write(path, text)
    os.remove(f"{PROFILES}/{NEWER}")
    must("aa-shimctl", "load")
