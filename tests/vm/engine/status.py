# SPDX-License-Identifier: Apache-2.0
"""`aa-shimctl status`: containers as decided, and every way of not being so that somebody with root could bring about."""
import json
import os
import shlex

from harness import Container, exec_pid, init_pid, label, must, run, tap, until

BUSYBOX = "aa-example/busybox"
ROOT = "/run/docker/runtime-runc/moby"
RUNC = next((path for path in ("/usr/sbin/runc", "/usr/bin/runc") if os.path.exists(path)), None)
NOTHING_LEADS = "to which neither the policy nor an exec rule leads"


def status(*containers):
    """Exit status and report of `aa-shimctl status` on CONTAINERS; all of them without."""
    code, output = run("aa-shimctl", "status", "--json", *containers)
    return code, json.loads(output)


def standing(container):
    """(exit status, how CONTAINER stands, the deviations of its processes)."""
    code, document = status(container.id)
    (report,) = document["containers"]
    return code, report["standing"], [process["deviation"] for process in report["processes"] if process["deviation"]]


def put_in(container, *options):
    """A process that runc, called by hand, starts in CONTAINER."""
    number = str(10_000 + os.getpid() + len(options))
    words = [RUNC, "--root", ROOT, "exec", "--detach", *options, container.id, "sleep", number]
    must("sh", "-c", f"exec {shlex.join(words)} < /dev/null > /dev/null 2>&1")
    must("sh", "-c", f"until pgrep -f '^sleep {number}$' > /dev/null; do sleep 0.1; done")


def check_as_decided():
    with Container("--name", "scenario-status", BUSYBOX) as container:
        tap.equal("as-decided", standing(container), (0, "as-decided", []))
        exec_pid(container.id, ["sleep", "1000"], privileged=True)
        exec_pid(container.id, ["sleep", "1000"], user="1000")
        code, document = status("scenario-status")
        (report,) = document["containers"]
        tap.equal("execs of every kind are as decided", (code, len(report["processes"]), report["decision"]["confinement"]), (0, 3, "baseline"))
        tap.equal("it is told who it is", (report["engine"], report["id"]), ("docker", container.id))
        tap.equal("the label is the kernel's", report["processes"][0]["label"], "aa-shim-baseline")
    with Container("--label", "tier=web", BUSYBOX) as container:
        pid = exec_pid(container.id, ["sh", "-c", "sleep 1000; :"])
        tap.equal("an exec rule's child profile: label", label(pid), (frozenset(["aa-shim-web//shell"]), "enforce"))
        tap.equal("an exec rule's child profile is as decided", standing(container), (0, "as-decided", []))
    with Container("--security-opt", "apparmor=aa-scenario-own", BUSYBOX) as container:
        tap.equal("a stack is as decided", standing(container), (0, "as-decided", []))


def check_deviations():
    with Container(BUSYBOX) as container:
        put_in(container, "--apparmor", "docker-default")
        code, how, deviations = standing(container)
        tap.equal("another profile, put there by hand", (code, how, len(deviations)), (1, "deviates", 1))
        tap.has("another profile: reason", deviations[0], "'docker-default'", NOTHING_LEADS, "'aa-shim-baseline'")
    with Container(BUSYBOX) as container:
        put_in(container, "--cap", "CAP_SYS_ADMIN")
        code, how, deviations = standing(container)
        tap.equal("a capability beyond the ceiling", (code, how, deviations),
                  (1, "deviates", ["the kernel says that it may have the capabilities SYS_ADMIN beyond the ceiling"]))
        code, text = run("aa-shimctl", "status", container.id)
        tap.ok("the text names the process", code == 1 and "('sleep'): the kernel says" in text, text)


def check_removed_profile():
    with Container("--label", "scenario=removed", BUSYBOX) as container:
        tap.equal("before its profile is removed", standing(container), (0, "as-decided", []))
        must("apparmor_parser", "--remove", "/etc/aa-shim/apparmor.d/aa-scenario-removed")
        tap.equal("its profile is removed: label", label(init_pid(container.id))[0], frozenset(["unconfined"]))
        code, document = status(container.id)
        deviation = document["containers"][0]["processes"][0]["deviation"]
        tap.equal("its profile is removed", (code, deviation),
                  (1, "the kernel says that its label is 'unconfined', it was to run under 'aa-scenario-removed'"))
        tap.equal("the profile is named", document["unloaded"], ["profile 'aa-scenario-removed' of confinement 'scenario-removed'"])
        must("apparmor_parser", "--replace", "/etc/aa-shim/apparmor.d/aa-scenario-removed")


def check_bypasses():
    with Container("--runtime", "runc", BUSYBOX) as container:
        code, document = status(container.id)
        (report,) = document["containers"]
        tap.equal("a container of another runtime", (code, report["standing"], report["engine"]), (1, "bypassed", "docker"))
        tap.equal("what it has instead", report["processes"][0]["label"], "docker-default")
        tap.ok("all containers: it is among them", container.id in [one["id"] for one in status()[1]["containers"]])
    if "--annotation" in must("docker", "run", "--help"):  # not before Docker 24
        record = [f"--annotation=aa-shim/{key}={value}" for key, value in {"decision": "0123456789abcdef", "applied": "", "digest": "0" * 32}.items()]
        with Container("--runtime", "runc", *record, BUSYBOX) as container:
            code, document = status(container.id)
            (report,) = document["containers"]
            tap.equal("a container of another runtime with a record", (code, report["standing"], report["decision"]), (1, "forged", None))
    must("sh", "-c", "unshare --pid --fork --mount-proc sleep 4711 > /dev/null 2>&1 &")
    tap.ok("a process with a PID namespace of its own is noted",
           until(lambda: any(process["command"] == "sleep" for process in status()[1]["strangers"]), 20), status()[1]["strangers"])
    run("pkill", "-f", "^sleep 4711$")


def main():
    code, document = status()
    tap.equal("an empty host is in order", (code, document["containers"], document["unloaded"], document["apparmor"]), (0, [], [], "on"))
    check_as_decided()
    check_deviations()
    check_removed_profile()
    check_bypasses()
