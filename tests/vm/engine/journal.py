# SPDX-License-Identifier: Apache-2.0
"""`aa-shimctl denials` by a real journald, that of the archive `systemd.tar`, which runs from a root of its own and has this host's /run,
/dev, /proc and /sys: what the kernel denied and what aa-shim decided are both read from its journal."""
import json
import os
import subprocess

from harness import Container, must, run, tap, until

BUSYBOX = "aa-example/busybox"
SHORT = 100
TREE = "/srv/journal"
# By its own loader and libraries, as what aa-shimctl starts has no capability to change its root.
JOURNALCTL = f"""#!/bin/sh
libraries=$(echo {TREE}/usr/lib/*-linux-gnu)
exec {TREE}/usr/lib*/ld-linux*.so.* --library-path "$libraries:$libraries/systemd" {TREE}/usr/bin/journalctl "$@"
"""


def start_journald():
    os.makedirs(TREE)
    must("tar", "-C", TREE, "-xf", "systemd.tar", "--exclude=./dev/*")
    for root in ("", TREE):
        with open(f"{root}/etc/machine-id", "w", encoding="utf-8") as file:
            file.write("0123456789abcdef0123456789abcdef\n")
    for place in ("run", "dev", "proc", "sys"):
        must("mount", "--rbind", f"/{place}", f"{TREE}/{place}")
    with open("/usr/bin/journalctl", "w", encoding="utf-8") as file:
        file.write(JOURNALCTL)
    os.chmod("/usr/bin/journalctl", 0o755)
    # Until the host is switched off; who waits for our output is not to wait for its.
    process = subprocess.Popen(["chroot", TREE, "/usr/lib/systemd/systemd-journald"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    tap.ok("journald is there", until(lambda: os.path.exists("/run/systemd/journal/socket"), 60) and process.poll() is None)


def denials(*options):
    return json.loads(must("aa-shimctl", "--json", "denials", *options))


def exec_decisions():
    """Of all execs, in their order."""
    return [json.loads(line)["AA_SHIM_DECISION"] for line in must("journalctl", "--output=json", "AA_SHIM_COMMAND=exec").splitlines()]


def of_file(name):
    return [one for one in denials()["denials"] if one["name"] == name]


def check_exec(container):
    """It has a label of its own, so that the denial is that exec's by the record of its decision; the container's start is on record, too."""
    container.exec("sh", "-c", "echo > /etc/by-shell")
    tap.ok("the denial is in the journal", until(lambda: of_file("/etc/by-shell"), 60))
    (decision,) = [json.loads(line) for line in must("journalctl", "--output=json", "AA_SHIM_COMMAND=exec").splitlines()]
    for one in of_file("/etc/by-shell"):
        who = one["who"]
        tap.equal("the exec's", (one["label"], who["container"], who["execDecision"]),
                  ("aa-shim-web//shell", container.id, decision["AA_SHIM_DECISION"]))


def log_exec_processes():
    with open("/etc/aa-shim/catalog.d/90-journal.json", "w", encoding="utf-8") as file:
        file.write('{ "logExecProcesses": true }')
    must("aa-shimctl", "load")


def check_short_execs():
    """Two containers under one label, and in each execs of one program that does one thing that is denied and ends: each is its own exec's, by the number of
    its process, though a container's own processes do the same meanwhile."""
    loop = "while :; do touch /etc/by-nobody; sleep 1; done"
    with Container("--label", "tier=web", BUSYBOX, "sh", "-c", loop) as one, Container("--label", "tier=web", BUSYBOX) as other:
        before = len(exec_decisions())
        done = []
        for number in range(SHORT):
            container = (one, other)[number % 2]
            container.exec("touch", f"/etc/short-{number}")
            done.append(container.id)
        tap.ok("short execs: all are on record", until(lambda: len(exec_decisions()) == before + SHORT, 60))
        names = {f"/etc/short-{number}" for number in range(SHORT)}
        tap.ok("short execs: so are their denials", until(lambda: names <= {row["name"] for row in denials()["denials"]}, 60))
        rows = denials()["denials"]
        wrong = []
        for number, (container, decision) in enumerate(zip(done, exec_decisions()[before:], strict=True)):
            found = [(row["who"]["by"], row["who"].get("container"), row["who"].get("execDecision")) for row in rows if row["name"] == f"/etc/short-{number}"]
            if found != [("exec", container, decision)]:
                wrong.append((number, found, container, decision))
        tap.equal("short execs: each row has its container and its exec", wrong, [])
        tap.equal("short execs: what is no exec's is none's", {row["who"].get("execDecision", "") for row in rows if row["name"] == "/etc/by-nobody"}, {""})


def main():
    must("sysctl", "--write", "--quiet", "kernel.printk_ratelimit=0")
    start_journald()
    with Container("--label", "tier=web", BUSYBOX) as container:
        check_exec(container)
        container.exec("touch", "/etc/by-touch")
        tap.ok("one more", until(lambda: of_file("/etc/by-touch"), 60))
        document = denials()
        tap.equal("the source", document["source"], "the journal")
        # journald reads the kernel's messages and its audit messages: the same record by two ways counts once.
        (one,) = [one for one in document["denials"] if one["name"] == "/etc/by-touch"]
        tap.equal("counted once", (one["count"], one["who"]["container"], document["damaged"]), (1, container.id, 0))
    # It has ended, and is known by its record alone.
    (gone,) = of_file("/etc/by-touch")
    tap.equal("a container that is gone", (gone["who"]["by"], gone["who"]["container"]), ("label", container.id))
    status, output = run("aa-shimctl", "denials", "--since", "1 hour ago", "--container", container.id[:12])
    tap.ok("as journalctl takes times", status == 0 and "/etc/by-touch" in output, output)
    tap.has("what would tell the exec", output, '"logExecProcesses"')
    log_exec_processes()
    check_short_execs()
