# SPDX-License-Identifier: Apache-2.0
"""Confinements as `aa-shimctl new` writes them, loaded as they stand: real servers do their work under them, and what they deny is denied. Labels
are the kernel's."""
import os
import re

from harness import Container, init_pid, label, must, run, tap, until

PROBE = "/opt/probe/aa-probe"
DENIED = "errno 13"
SERVERS = [
    ("web", "new-nginx", "aa-example/nginx", ["wget", "-qO-", "http://127.0.0.1/"], "served by nginx"),
    ("database", "new-redis", "aa-example/redis", ["redis-cli", "ping"], "PONG"),
]


def files_of(name):
    return f"catalog.d/50-{name}.json", f"apparmor.d/{name}"


def begin(template, name):
    """Writes the confinement NAME beside the shipped catalog, where nothing else is, and takes it into the host's."""
    place = f"/run/new/{name}"
    os.makedirs(place)
    must("cp", "-r", "share/catalog.d", "share/apparmor.d", place)
    must("aa-shimctl", "new", name, "--from", template, "--templates", "share/templates", "--directory", place)
    must("aa-shimctl", "check", "--strict", "--profiles", f"{place}/apparmor.d", f"{place}/catalog.d")
    tested = must("aa-shimctl", "test", "--catalog", f"{place}/catalog.d", "--profiles", f"{place}/apparmor.d", f"{place}/tests")
    tap.has(f"{name}: its policy test", tested, " passed, 0 failed.")
    for path in files_of(name):
        must("cp", f"{place}/{path}", f"/etc/aa-shim/{path}")


def check_denied(name, container):
    status, output = container.exec("/bin/sh", "-c", "true")
    tap.ok(f"{name}: no shell by exec", status != 0 and f"no shells in {name}" in output, f"status {status}: {output}")
    status, output = container.exec("cat", "/etc/shadow", user="0")
    tap.ok(f"{name}: no passwords", status != 0 and re.search("[Pp]ermission denied", output), f"status {status}: {output}")
    status, output = container.exec("mount", "-t", "tmpfs", "none", "/tmp", user="0")
    tap.ok(f"{name}: no mount", status != 0 and re.search("[Dd]enied|not permitted", output), f"status {status}: {output}")
    status, output = container.exec(PROBE, "socket", "2", "3", "socket", "17", "3", "socket", "2", "1", user="0")
    tap.equal(f"{name}: no raw sockets, but others", output.splitlines()[1:], [f"socket 2: {DENIED}", f"socket 17: {DENIED}", "socket 2: done"])


def main():
    must("install", "-D", "/usr/bin/aa-probe", "/srv/new/aa-probe")
    with open("/srv/new/shadow", "w", encoding="utf-8") as file:
        file.write("root:secret:1::::::\n")
    for template, name, image, _, _ in SERVERS:
        begin(template, name)
        must("docker", "tag", image, f"{name}:1")
    must("aa-shimctl", "load")
    try:
        for _, name, _, command, answer in SERVERS:
            with Container("-v", "/srv/new:/opt/probe:ro", f"{name}:1") as container:
                must("docker", "cp", "/srv/new/shadow", f"{container.id}:/etc/shadow")
                tap.ok(f"{name} serves", until(lambda: answer in container.exec(*command)[1], 60), run("docker", "logs", container.id)[1])
                tap.equal(f"{name}: the kernel's label", label(init_pid(container.id)), (frozenset([name]), "enforce"))
                check_denied(name, container)
    finally:
        for _, name, *_ in SERVERS:
            for path in files_of(name):
                os.remove(f"/etc/aa-shim/{path}")
        must("aa-shimctl", "load")
