# SPDX-License-Identifier: Apache-2.0
"""`aa-shimctl denials`: whose a denial is, by the process that is there and by the label, with the decision of the start; as they come; and the
rule that would allow it. The log of this host is the kernel's buffer: it has neither journald nor auditd."""
import json
import signal
import subprocess

from harness import Container, must, run, tap, until

BUSYBOX = "aa-example/busybox"
NAME = "scenario-denials"


def denials(*options):
    status, output = run("aa-shimctl", "--json", "denials", *options)
    tap.equal(f"denials {' '.join(options)}: status", status, 0)
    return json.loads(output)


def decision_of(container):
    (report,) = json.loads(run("aa-shimctl", "status", "--json", container.id)[1])["containers"]
    return report["decision"]["id"]


def of_file(document, name):
    return [one for one in document["denials"] if one["name"] == name]


def check_one(what, document, name, container, by):
    found = of_file(document, name)
    tap.equal(f"{what}: one", len(found), 1)
    for one in found[:1]:
        who = one["who"]
        tap.equal(f"{what}: whose it is", {key: who.get(key) for key in ("by", "container", "engine", "confinement", "decision")},
                  {"by": by, "container": container.id, "engine": "docker", "confinement": "web", "decision": decision_of(container)})
        tap.equal(f"{what}: the rule that would allow it", (one["rule"], one["risk"]), (f"owner {name} w", "medium"))
        tap.equal(f"{what}: no rule does", (one["sourcesKnown"], one["deniedBy"], one["allowedBy"]), (True, [], []))


def check_start_and_exec():
    with Container("--name", NAME, "--label", "tier=web", BUSYBOX, "sh", "-c", "echo > /etc/at-start; sleep 1000") as container:
        until(lambda: of_file(denials(), "/etc/at-start"))
        document = denials("--container", NAME)
        check_one("a start, whose process is there", document, "/etc/at-start", container, "process")
        tap.has("the source", document["source"], "/dev/kmsg")
        tap.ok("what denies quietly is counted", document["quietDenyRules"].get("aa-shim-web", 0) > 0, document["quietDenyRules"])
        container.exec("touch", "/etc/by-exec")
        check_one("an exec, which has ended", denials("--container", container.id[:12]), "/etc/by-exec", container, "label")
        tap.equal("of another confinement there is none", denials("--confinement", "builder")["denials"], [])
        text = run("aa-shimctl", "denials")[1]
        tap.has("for people", text, f"decision '{decision_of(container)}'", "add: owner /etc/by-exec w,", "no rule allows it")
        with Container("--label", "tier=web", BUSYBOX):
            (one,) = of_file(denials(), "/etc/by-exec")
            tap.equal("of two containers with the label none is guessed", (one["who"]["by"], one["who"]["candidates"]), ("nothing", 2))


def is_listened_to(pid):
    """Whether PID is in the group of the kernel's audit messages (NETLINK_AUDIT, 9)."""
    with open("/proc/net/netlink", encoding="utf-8") as file:
        return any(line.split()[1:4] == ["9", str(pid), "00000001"] for line in file)


def check_follow():
    with Container("--label", "tier=web", BUSYBOX) as container:
        follow = subprocess.Popen(["aa-shimctl", "--json", "denials", "--follow"], stdout=subprocess.PIPE, text=True)
        until(lambda: is_listened_to(follow.pid))
        container.exec("touch", "/etc/as-it-comes")
        one = json.loads(follow.stdout.readline())
        tap.equal("as it comes", (one["name"], one["who"]["container"]), ("/etc/as-it-comes", container.id))
        follow.send_signal(signal.SIGTERM)
        rest, _ = follow.communicate(timeout=60)
        summary = json.loads(rest.splitlines()[-1])
        tap.equal("ended by a signal, with the sum", (follow.returncode, summary["source"], summary["records"] > 0), (0, "the kernel's audit messages", True))


def main():
    # The kernel leaves out what comes too fast (kernel.printk_ratelimit_burst), and what ran before this was denied much.
    must("sysctl", "--write", "--quiet", "kernel.printk_ratelimit=0")
    must("dmesg", "--clear")
    check_start_and_exec()
    check_follow()
