# SPDX-License-Identifier: Apache-2.0
"""What the kernel says of containers and of what is exec'd in them equals what the catalog decides, however they are started."""
import re
from dataclasses import dataclass, field

from harness import ALL, DOCKER_DEFAULT, Container, capabilities, differences, docker, expected_sets, init_pid, label, must, no_new_privileges, read_catalog, tap

ALLOWED, DENIED = 0, 1
# The last: what a confinement keeps read-only below /proc, whatever the request says.
DENIAL = re.compile("permission denied|operation not permitted|read-only file system", re.IGNORECASE)

# Per confinement: commands (by `docker exec -u 0`) that its profile lets through and such that it does not; nothing else on
# the host stands in their way.
ACTIONS = {
    "baseline": [(ALLOWED, ["touch", "/etc/allowed"]), (DENIED, ["sh", "-c", "echo > /dev/tty9"])],
    "builder": [(ALLOWED, ["touch", "/usr/allowed"]), (DENIED, ["sh", "-c", "echo > /dev/tty9"])],
    "web": [
        (ALLOWED, ["touch", "/tmp/allowed"]), (ALLOWED, ["mkdir", "/tmp/directory"]), (DENIED, ["touch", "/etc/denied"]),
        (ALLOWED, ["sh", "-c", "cat /etc/passwd"]), (DENIED, ["sh", "-c", "touch /tmp/denied"]),
    ],
    "database": [(ALLOWED, ["touch", "/tmp/allowed"]), (DENIED, ["touch", "/etc/denied"])],
    "scenario-strict": [(ALLOWED, ["touch", "/tmp/allowed"]), (DENIED, ["touch", "/etc/denied"]), (DENIED, ["mkdir", "/tmp/denied"])],
    "scenario-stack": [(ALLOWED, ["touch", "/tmp/allowed"]), (DENIED, ["touch", "/etc/denied"])],
    "scenario-replace": [(ALLOWED, ["touch", "/tmp/allowed"]), (DENIED, ["touch", "/etc/denied"]), (ALLOWED, ["touch", "/tmp/secret"])],
}
# With a caller's own profile on top, its denials hold as well.
OWN = [(DENIED, ["touch", "/tmp/secret"])]


@dataclass
class Case:
    name: str
    arguments: list  # of docker run, the image included
    confinement: str
    asks: frozenset = DOCKER_DEFAULT  # capabilities that the engine asks for
    own: list = field(default_factory=list)  # further components of the label
    root: bool = True
    actions: list = field(default_factory=list)  # beside those of the confinement


BUSYBOX = "aa-example/busybox"
CASES = [
    Case("otherwise", [BUSYBOX], "baseline"),
    Case("by image, as typed: nginx", ["aa-example/nginx"], "web"),
    Case("by image, as typed: Flask", ["aa-example/flask"], "web"),
    Case("by image, in full: redis", ["aa-example/redis"], "database", root=False),
    Case("by label", ["--label", "tier=web", BUSYBOX], "web"),
    Case("by name", ["--name", "scenario-1-builder", BUSYBOX], "builder"),
    Case("by handler", ["--runtime", "aa-shim-web", BUSYBOX], "web"),
    Case("by request", ["--annotation", "aa-shim/confinement=builder", BUSYBOX], "builder"),
    Case("by request, from one rule's list", ["--label", "scenario=selectable", "--annotation", "aa-shim/confinement=builder", BUSYBOX],
         "builder"),
    Case("selectable, not requested", ["--label", "scenario=selectable", BUSYBOX], "baseline"),
    Case("no new privileges, denied syscall", ["--label", "scenario=strict", BUSYBOX], "scenario-strict"),
    Case("denied syscall without a seccomp profile", ["--label", "scenario=strict", "--security-opt", "seccomp=unconfined", BUSYBOX],
         "scenario-strict"),
    Case("--privileged", ["--privileged", BUSYBOX], "baseline", ALL,
         actions=[(DENIED, ["sh", "-c", "echo x > /proc/sys/kernel/domainname"]), (DENIED, ["mount", "-t", "tmpfs", "x", "/tmp"])]),
    Case("--privileged nginx", ["--privileged", "aa-example/nginx"], "web", ALL),
    Case("apparmor=unconfined", ["--security-opt", "apparmor=unconfined", BUSYBOX], "baseline"),
    Case("apparmor=docker-default", ["--security-opt", "apparmor=docker-default", BUSYBOX], "baseline"),
    Case("--cap-add ALL", ["--cap-add", "ALL", BUSYBOX], "baseline", ALL),
    Case("--cap-drop ALL", ["--cap-drop", "ALL", BUSYBOX], "baseline", frozenset()),
    Case("--cap-add SYS_ADMIN --cap-drop CHOWN", ["--cap-add", "SYS_ADMIN", "--cap-drop", "CHOWN", "--label", "tier=web", BUSYBOX],
         "web", (DOCKER_DEFAULT | {"SYS_ADMIN"}) - {"CHOWN"}),
    Case("an own profile is stacked", ["--security-opt", "apparmor=aa-scenario-own", BUSYBOX], "baseline", own=["aa-scenario-own"], actions=OWN),
    Case("an own profile is stacked on web", ["--security-opt", "apparmor=aa-scenario-own", "--label", "tier=web", BUSYBOX], "web",
         own=["aa-scenario-own"], actions=OWN),
    Case("combine stack", ["--label", "scenario=stack", BUSYBOX], "scenario-stack", own=["docker-default"]),
    Case("combine replace", ["--label", "scenario=replace", "--security-opt", "apparmor=aa-scenario-own", BUSYBOX], "scenario-replace"),
    Case("--init", ["--init", BUSYBOX], "baseline"),
    Case("another user", ["--user", "1000", BUSYBOX], "baseline", root=False),
    Case("security option no-new-privileges", ["--security-opt", "no-new-privileges", BUSYBOX], "baseline"),
]


def profile_of(confinement):
    profile = confinement["apparmor"]
    return profile if isinstance(profile, str) else profile["profile"]


def check_process(name, pid, profiles, ceiling, root, confinement):
    tap.equal(f"{name}: label", label(pid), (frozenset(profiles), "enforce"))
    if confinement.get("noNewPrivileges"):
        tap.ok(f"{name}: no new privileges", no_new_privileges(pid))
    expected = expected_sets(ceiling, root)
    got = capabilities(pid)
    tap.ok(f"{name}: five capability sets", got == expected, differences(got, expected))


def check_case(case, confinements):
    confinement = confinements[case.confinement]
    limit = frozenset(confinement["capabilities"])
    profiles = [profile_of(confinement), *case.own]
    with Container(*case.arguments) as container:
        check_process(f"{case.name}: main process", init_pid(container.id), profiles, case.asks & limit, case.root, confinement)
        exec_pid = container.exec_pid(["sleep", "1000"])
        check_process(f"{case.name}: exec", exec_pid, profiles, case.asks & limit, case.root, confinement)
        exec_pid = container.exec_pid(["sleep", "1000"], privileged=True, user="0")
        check_process(f"{case.name}: exec --privileged", exec_pid, profiles, limit, True, confinement)
        for expected, command in ACTIONS[case.confinement] + case.actions:
            status, output = container.exec(*command, user="0")
            right = status == 0 if expected == ALLOWED else status in (1, 255) and DENIAL.search(output)
            tap.ok(f"{case.name}: {' '.join(command)} is {'allowed' if expected == ALLOWED else 'denied'}", right, f"status {status}: {output}")


def check_exec_rules():
    """Exec rules choose a child profile, deny, or leave the base profile."""
    with Container("--label", "scenario=closed", BUSYBOX) as container:
        status, output = docker("exec", container.id, "cat", "/proc/self/attr/apparmor/current")
        tap.equal("exec rule: label", (status, output), (0, "aa-shim-web//shell (enforce)"))
        status, output = docker("exec", container.id, "touch", "/tmp/x")
        tap.equal("exec otherwise deny: status", status, 126)
        tap.has("exec otherwise deny: message", output, "'touch'", "/usr/bin/touch", "no exec rule allows it")
    with Container("--label", "scenario=strict", BUSYBOX) as container:
        status, output = docker("exec", container.id, "id")
        tap.equal("exec rule deny: status", status, 126)
        tap.has("exec rule deny: message", output, "/usr/bin/id", "nobody needs to know", "05-scenarios.json:")
    with Container("--label", "tier=web", BUSYBOX) as container:
        shell = container.exec_pid(["sh", "-c", "sleep 1000; true"])
        tap.equal("a shell in a web container: label", label(shell), (frozenset(["aa-shim-web//shell"]), "enforce"))


def check_engine_defaults():
    """What engines' own default profiles deny, the shipped ones deny, too: nothing else does here. Numbers: AF_INET, AF_ALG, AF_VSOCK."""
    words = ["socket", "2", "1", "read", "/proc/version", "touch", "/proc/self/comm",
             "socket", "38", "5", "socket", "40", "1", "touch", "/proc/version", "touch", "/proc/tty/drivers"]
    expected = ["socket 2: done", "read /proc/version: done", "touch /proc/self/comm: done",
                "socket 38: errno 13", "socket 40: errno 13", "touch /proc/version: errno 13", "touch /proc/tty/drivers: errno 13"]
    must("install", "-D", "/usr/bin/aa-probe", "/srv/engine-defaults/aa-probe")
    for name in ["baseline", "builder", "web", "database"]:
        ask = ["--annotation", f"aa-shim/confinement={name}"] if name != "baseline" else []
        with Container(*ask, "--security-opt", "seccomp=unconfined", "-v", "/srv/engine-defaults:/opt/probe:ro", BUSYBOX) as container:
            status, output = container.exec("/opt/probe/aa-probe", *words, user="0")
            tap.equal(f"{name}: what engines deny is denied, the rest is not", (status, output.split("\n")[1:]), (0, expected))


def main():
    confinements = read_catalog()
    for case in CASES:
        check_case(case, confinements)
    check_exec_rules()
    check_engine_defaults()
