# SPDX-License-Identifier: Apache-2.0
"""`aa-shimctl denials`: whose a denial is, by the process that is there and by the label, with the decision of the start; as they come; and the
rule that would allow it. The log of this host is the kernel's buffer: it has neither journald nor auditd."""
import glob
import json
import os
import select
import signal
import subprocess

from harness import Container, init_pid, label, must, run, tap, until

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
        until(lambda: [one["who"]["by"] for one in of_file(denials(), "/etc/by-exec")] == ["label"])  # the engine has asked for its status
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


def revealed():
    return json.loads(run("aa-shimctl", "status", "--json")[1])["revealed"]


def raw_policy(profile):
    """The binary policy that the kernel has for PROFILE."""
    for directory in glob.glob("/sys/kernel/security/apparmor/policy/profiles/*"):
        with open(f"{directory}/name", encoding="utf-8") as file:
            if file.read().strip() == profile:
                with open(f"{directory}/raw_data", "rb") as data:
                    return data.read()
    return None


def start_reveal(*options):
    process = subprocess.Popen(["aa-shimctl", "--json", "denials", "--reveal", "web", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    listening = until(lambda: is_listened_to(process.pid) or process.poll() is not None, 60) and process.poll() is None
    tap.ok("it reveals", listening, process.communicate()[1] if not listening else "")
    return process


def check_overrun():
    """What comes while we do not read is more than a socket holds: it is counted that some is missing."""
    with Container("--label", "tier=web", BUSYBOX) as container:
        follow = subprocess.Popen(["aa-shimctl", "--json", "denials", "--follow"], stdout=subprocess.PIPE, text=True)
        until(lambda: is_listened_to(follow.pid))
        follow.send_signal(signal.SIGSTOP)
        # Of what comes at once, the kernel's own queue has no room for all.
        for part in range(3):
            container.exec("touch", *(f"/etc/too-many-{part}-{number}" for number in range(8000)))
        follow.send_signal(signal.SIGCONT)
        follow.send_signal(signal.SIGTERM)
        summary = json.loads(follow.communicate(timeout=300)[0].splitlines()[-1])
        tap.ok("what overran is counted", summary["lost"]["overruns"] > 0 and 0 < summary["records"] < 24000, summary)


def line_of(process, seconds=60):
    """What it prints next; nothing if that takes too long."""
    return process.stdout.readline() if select.select([process.stdout], [], [], seconds)[0] else ""


def check_reveal():
    """What a deny rule without audit denies (/proc/version) is told only while it is revealed, and denied all the time."""
    quiet = ("cp", "/dev/null", "/proc/version")
    before = raw_policy("aa-shim-web")
    with Container("--label", "tier=web", BUSYBOX) as container:
        tap.ok("denied without a record", container.exec(*quiet)[0] != 0 and not of_file(denials(), quiet[-1]))
        for end in ("SIGTERM", "SIGINT", "--for"):
            process = start_reveal(*(("--for", "20") if end == "--for" else ()))
            tap.equal(f"{end}: status names it", revealed(), ["aa-shim-web"])
            tap.ok(f"{end}: denied with a record", container.exec(*quiet)[0] != 0)
            one = json.loads(line_of(process) or "{}")
            tap.equal(f"{end}: told", (one.get("name"), one.get("type"), one.get("who", {}).get("container")), (quiet[-1], "DENIED", container.id))
            tap.equal(f"{end}: by its line", [rule["file"] for rule in one.get("deniedBy", [])], ["/etc/aa-shim/apparmor.d/aa-shim-web"])
            status, output = run("aa-shimctl", "denials", "--reveal", "web")
            tap.ok(f"{end}: only once at a time", status == 1 and "is revealed already" in output, output)
            if end != "--for":
                process.send_signal(signal.Signals[end])
            tap.equal(f"{end}: ended", (process.communicate(timeout=120), process.returncode)[1], 0)
            tap.ok(f"{end}: the policy is that of before, to the byte", raw_policy("aa-shim-web") == before)
            tap.equal(f"{end}: status names nothing", (revealed(), os.path.exists("/run/aa-shim/revealed")), ([], False))
        process = start_reveal()
        process.kill()
        process.communicate()
        tap.equal("killed: status names it", revealed(), ["aa-shim-web"])
        tap.equal("killed: the label stays", label(init_pid(container.id)), (frozenset(["aa-shim-web"]), "enforce"))
        must("aa-shimctl", "load")
        tap.ok("killed: load puts it right", raw_policy("aa-shim-web") == before and revealed() == [] and not os.path.exists("/run/aa-shim/revealed"))
        process = start_reveal()
        must("aa-shimctl", "load")
        process.send_signal(signal.SIGTERM)
        tap.has("loaded meanwhile", process.communicate(timeout=120)[1], "was loaded meanwhile, and stays as that left it")
        tap.ok("loaded meanwhile: as loaded", raw_policy("aa-shim-web") == before)
    with open("/etc/aa-shim/apparmor.d/aa-shim-web", "r+", encoding="utf-8") as file:
        text = file.read()
        file.seek(0)
        file.write(text.replace("  capability chown,\n", "", 1))
        file.truncate()
        file.flush()
        status, output = run("aa-shimctl", "denials", "--reveal", "web")
        tap.ok("a source that is not loaded is not revealed", status == 1 and "run 'aa-shimctl load' first" in output, output)
        file.seek(0)
        file.write(text)
    status, output = run("aa-shimctl", "denials", "--reveal", "nobody")
    tap.ok("no such confinement", status == 2 and "no confinement 'nobody'" in output, output)


def main():
    # The kernel leaves out what comes too fast (kernel.printk_ratelimit_burst), and what ran before this was denied much.
    must("sysctl", "--write", "--quiet", "kernel.printk_ratelimit=0")
    must("dmesg", "--clear")
    check_start_and_exec()
    check_follow()
    check_reveal()
    check_overrun()
