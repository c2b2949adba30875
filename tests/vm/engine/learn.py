# SPDX-License-Identifier: Apache-2.0
"""`aa-shimctl learn`: containers run under a twin that forbids next to nothing, and what they use is recorded; when it ends, be it by a kill of
the recorder, they are forbidden again what they were."""
import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import time

from harness import DOCKER_DEFAULT, Container, capabilities, expected_sets, init_pid, label, must, no_new_privileges, run, tap, until

BUSYBOX = "aa-example/busybox"
RECORDINGS = "/var/lib/aa-shim/learn"
CATALOG = "/etc/aa-shim/catalog.d/60-elsewhere.json"
# Says again and again whether the profile lets it write PATH. `touch` would not open a file that is there.
TRIES = "while :; do if (echo > {path}) 2>/dev/null; then echo allowed > /tmp/now; else echo denied > /tmp/now; fi; sleep 1; done"


class Learning:
    """`aa-shimctl learn` from the time on when it learns."""

    def __init__(self, *options):
        self.process = subprocess.Popen(["aa-shimctl", "learn", *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.first = self.process.stdout.readline()

    def end(self, number):
        self.process.send_signal(number)
        output, _ = self.process.communicate(timeout=120)
        return self.process.returncode, self.first + output


def only(profile, mode):
    """A label of one profile, as label() has it."""
    return frozenset({profile}), mode


def learn_status(confinement):
    (one,) = json.loads(must("aa-shimctl", "--json", "learn", "--status", confinement))["learning"]
    return one


def host_status():
    status, output = run("aa-shimctl", "--json", "status")
    return status, json.loads(output)


def twins():
    return {one["confinement"]: (one["complains"], one["learning"]) for one in host_status()[1]["twins"]}


def now_says(container, word):
    """Whether the loop in CONTAINER comes to say WORD."""
    path = f"/proc/{init_pid(container.id)}/root/tmp/now"

    def says():
        with contextlib.suppress(OSError), open(path, encoding="utf-8") as file:
            return file.read().strip() == word
        return False

    return until(says)


def program_facts(confinement):
    """The names of files in the recording of CONFINEMENT, by program."""
    names = {}
    with open(f"{RECORDINGS}/{confinement}.recording", encoding="utf-8") as file:
        for line in list(file)[1:]:
            fact = json.loads(line)
            if "name" in fact:
                names.setdefault(fact.get("program", ""), set()).add(fact["name"])
    return names


def audit_backlog_limit():
    """What the kernel says (AUDIT_GET): the sixth number of struct audit_status, behind the message's head."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9) as audit:
        audit.sendto(struct.pack("=IHHII", 16, 1000, 1, 1, 0), (0, 0))
        return struct.unpack_from("=6I", audit.recv(8192), 16)[5]


def check_learning_under_no_new_privileges():
    limit = audit_backlog_limit()
    learning = Learning("web", "--for", "20m")
    tap.equal("the kernel's audit limit is raised meanwhile", (limit < 65536, audit_backlog_limit()), (True, 65536))
    tap.has("it is said", learning.first, "Learning from confinement 'web' until", "aa-shim-learning-web")
    tap.equal("status tells of it", twins()["web"], (True, True))
    tap.has("explain tells of it, of a container that is none yet", run("aa-shimctl", "explain", "--label", "tier=web")[1],
            "'aa-shimctl learn' has it run under 'aa-shim-learning-web'")
    loop = TRIES.format(path="/etc/probe")
    with Container("--label", "tier=web", BUSYBOX, "sh", "-c", f"echo > /etc/at-start; {loop}") as container:
        pid = init_pid(container.id)
        tap.equal("web: its label", label(pid), only("aa-shim-learning-web", "complain"))
        tap.equal("web: no-new-privileges stays", no_new_privileges(pid), True)
        tap.ok("web: what the profile forbids is done", now_says(container, "allowed"))
        exec_pid = container.exec_pid(["sleep", "1000"])
        tap.equal("web: an exec's label", label(exec_pid), only("aa-shim-learning-web", "complain"))
        tap.equal("web: an exec does it, too", container.exec("touch", "/etc/by-exec")[0], 0)
        tap.ok("web: what nobody should ever do is not done", container.exec("touch", "/dev/kmem")[0] != 0)
        tap.equal("web: beside it, it is", container.exec("touch", "/dev/kmen")[0], 0)
        tap.equal("all is as it was decided", host_status()[0], 0)
        status, output = learning.end(signal.SIGTERM)
        tap.equal("ended by a signal: status", status, 0)
        tap.equal("the kernel's audit limit is put back", audit_backlog_limit(), limit)
        tap.has("ended by a signal: what is told", output, "now enforces the rules of 'aa-shim-web'", "Nothing was lost", "the kernel's audit messages")
        tap.equal("it runs under the rules of its profile", label(pid), only("aa-shim-learning-web", "enforce"))
        tap.ok("what the profile forbids is denied again", now_says(container, "denied"))
        with Container("--label", "tier=web", BUSYBOX) as other:
            tap.equal("a new one is not learned from", label(init_pid(other.id)), only("aa-shim-web", "enforce"))
        tap.equal("an exec by a rule is under both", label(container.exec_pid(["sh", "-c", "sleep 1000; :"]))[0], frozenset({"aa-shim-learning-web", "aa-shim-web//shell"}))
    told = learn_status("web")
    tap.equal("it is over", (told["learning"], told["complains"]), (False, False))
    tap.equal("starts and execs", (told["starts"], told["execs"] >= 4), (1, True))
    tap.equal("what was seen", {name: told["exercises"][name] for name in ("exec", "health check", "reload")},
              {"exec": "seen", "health check": "seen", "reload": "not seen"})
    names = program_facts("web")
    tap.has("the recording: of the first program", names.get("/usr/bin/sh", set()), "/etc/at-start")
    tap.has("the recording: of what was executed from outside", names.get("/usr/bin/touch", set()), "/etc/by-exec")
    tap.ok("the recording: of a fork", any("/etc/probe" in one for one in names.values()), names)
    tap.ok("what was denied is not in it", "/dev/kmem" not in str(names), names)


def check_killed():
    learning = Learning("baseline", "--for", "20m", "--image", BUSYBOX)
    with Container(BUSYBOX, "sh", "-c", TRIES.format(path="/dev/nvram")) as container:
        pid = init_pid(container.id)
        tap.equal("baseline: its label", label(pid), only("aa-shim-learning-baseline", "complain"))
        tap.equal("baseline: no-new-privileges is not set", no_new_privileges(pid), False)
        tap.equal("baseline: the engine's own capabilities", capabilities(pid), expected_sets(DOCKER_DEFAULT))
        tap.ok("baseline: what the profile forbids is done", now_says(container, "allowed"))
        leaves = "printf 'changeprofile aa-shim-builder' > /proc/self/attr/current; cat /proc/self/attr/current"
        tap.has("it does not leave the twin", container.exec("sh", "-c", leaves)[1], "aa-shim-learning-baseline (complain)")
        tap.ok("what it uses is kept while it is learned from", until(lambda: learn_status("baseline")["events"]))
        learning.end(signal.SIGKILL)
        tap.equal("killed: status shows it", (host_status()[0], twins()["baseline"]), (1, (True, False)))
        tap.has("killed: in words", run("aa-shimctl", "status")[1], "still forbids next to nothing: run 'aa-shimctl load'")
        with Container(BUSYBOX) as other:
            tap.equal("killed: a new one is not learned from", label(init_pid(other.id)), only("aa-shim-baseline", "enforce"))
        tap.has("load puts it right", must("aa-shimctl", "load"), "now enforces the rules of 'aa-shim-baseline'")
        tap.equal("it runs under the rules of its profile", label(pid), only("aa-shim-learning-baseline", "enforce"))
        tap.ok("what the profile forbids is denied again", now_says(container, "denied"))
        tap.equal("and all is as decided", (host_status()[0], twins()["baseline"]), (0, (False, False)))
    tap.ok("what was recorded before is kept", any("/dev/nvram" in names for names in program_facts("baseline").values()))


def check_time():
    learning = Learning("baseline", "--for", "5s")
    begin = time.monotonic()
    status, output = learning.process.wait(timeout=120), learning.process.stdout.read()
    tap.ok("it ends by itself", status == 0 and time.monotonic() - begin < 60, output)
    tap.equal("and nothing complains", twins()["baseline"], (False, False))


def check_profile_elsewhere():
    """A profile that only the catalog's own directories have."""
    os.makedirs("/srv/profiles", exist_ok=True)
    with open("/srv/profiles/aa-scenario-far", "w", encoding="utf-8") as file:
        file.write("abi <abi/3.0>,\nprofile aa-scenario-far flags=(attach_disconnected,mediate_deleted) { file, }\n")
    entry = {"apparmor": "aa-scenario-far", "capabilities": [], "hostPaths": [], "devices": [], "hostNamespaces": ["user"],
             "keepMasked": True}
    with open(CATALOG, "w", encoding="utf-8") as file:
        json.dump({"confinements": {"elsewhere": entry}, "rules": [{"match": {"handler": "elsewhere"}, "use": "elsewhere"}],
                   "profileDirs": ["/srv/profiles"]}, file)
    must("aa-shimctl", "load")
    learning = Learning("elsewhere", "--for", "20m", "--container", "4f")
    tap.has("explain tells of one whose ID is known to none", run("aa-shimctl", "explain", "--handler", "elsewhere")[1], "whose ID begins with '4f'")
    tap.has("a profile of the catalog's own directories", learning.end(signal.SIGTERM)[1], "now enforces the rules of 'aa-scenario-far'")
    os.remove(CATALOG)
    must("aa-shimctl", "load")


def reads_of(confinement):
    """How often each file in /tmp was read, by its name in the recording of CONFINEMENT."""
    counts = {}
    with open(f"{RECORDINGS}/{confinement}.recording", encoding="utf-8") as file:
        for fact in map(json.loads, list(file)[1:]):
            if fact.get("denied") == "r" and fact.get("name", "").startswith("/tmp/"):
                counts[fact["name"]] = counts.get(fact["name"], 0) + fact["count"]
    return counts


def peak_memory(pid):
    """In KiB."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))


def check_flood():
    """A hundred thousand events of fifty containers, more than anybody reads in time: each is counted with its container's file, or as lost."""
    loops, opens = 50, 2000
    learning = Learning("web", "--for", "60m")
    before = learn_status("web")
    script = "until [ -e /tmp/go ]; do sleep 1; done; i=0; while [ $i -lt {opens} ]; do : < '/tmp/c{number} **\n{{a}}\"'; i=$((i+1)); done; echo done > /tmp/now; sleep 3600"
    with contextlib.ExitStack() as stack:
        containers = [stack.enter_context(Container("--label", "tier=web", BUSYBOX, "sh", "-c", f": > '/tmp/c{number} **\n{{a}}\"'; " + script.format(opens=opens, number=number)))
                      for number in range(loops)]
        for one in containers:
            open(f"/proc/{init_pid(one.id)}/root/tmp/go", "w", encoding="utf-8").close()
        tap.ok("flood: all are done", until(lambda: all(now_says(one, "done") for one in containers), 900))
        memory = peak_memory(learning.process.pid)
        learning.end(signal.SIGTERM)
    after = learn_status("web")
    lost = sum(after["lost"].values()) - sum(before["lost"].values())
    reads = reads_of("web")
    counts = [reads.get(f"/tmp/c{number} **\n{{a}}\"", 0) for number in range(loops)]
    tap.ok("flood: counted, or counted as lost", sum(counts) + lost >= loops * opens, f"{sum(counts)} reads, {lost} lost")
    tap.ok("flood: of no container more than it did", max(counts) <= opens, counts)
    tap.ok("flood: the memory is bounded", memory < 100 << 10, memory)
    print(f"# flood: {sum(counts)} of {loops * opens} reads, {lost} lost, {memory} KiB", flush=True)
    tap.equal("flood: the starts are", after["starts"] - before["starts"], loops)


def main():
    check_learning_under_no_new_privileges()
    check_killed()
    check_time()
    check_profile_elsewhere()
    check_flood()
