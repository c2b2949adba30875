# SPDX-License-Identifier: Apache-2.0
"""What `aa-shimctl check` says that a container will not survive (docs/findings.md, AA3xx and AA4xx): under the profile that has the fault the
container really fails, and under the one that has the cure, which differs in nothing else, it works. Labels are the kernel's."""
import json
import os
import shutil
from dataclasses import dataclass

from harness import Container, docker, init_pid, label, must, run, tap

IMAGE = "aa-example/redis"  # glibc, a program that needs it, and busybox, which needs nothing
STATE = "/run/docker/runtime-runc/moby"
PLACE = "/srv/living"  # the same in the containers
PROFILES, CATALOG = f"{PLACE}/apparmor.d", f"{PLACE}/catalog.d"
FLAGS = "attach_disconnected,mediate_deleted"
# What containers need: word → rule. A row names those that it has a say about.
NEEDED = {
    "directories": "/{,**/} r,",
    "libraries": "/{,usr/}lib{,64}/** mr,",
    "cache": "/etc/ld.so.cache r,",
    "etc": "/etc/{hosts,nsswitch.conf,passwd,group,resolv.conf,host.conf,gai.conf} r,",
    "programs": "/{,usr/}bin/* mrix,",
    "place": f"{PLACE}/** mrix,",
    "tmp": "/tmp/** rwmix,",
    "null": "/dev/null rw,",
    "terminal": "/dev/{tty,pts/*} rw,",
    "processes": "/proc/** r,",
    "signals": "signal,",
    "looks": "ptrace (read,readby) peer=@{profile_name},",
    "network": "network,",
}
CAT, CLIENT, SCRIPT = "/usr/bin/cat", "/usr/bin/redis-cli", f"{PLACE}/script.sh"
NOT_CAT, NOT_CLIENT = (f"/usr/bin/{pattern}* mrix," for pattern in ("[^c]", "[^r]"))
PROBE = f"{PLACE}/aa-probe"
DATA = ("-v", f"{PLACE}/data:/data:ro")
DENIED = "ermission denied"


@dataclass(frozen=True)
class Row:
    """A container that does COMMAND, and a profile with the rules FAULT where the finding CODE is said of, CURE where it is not."""
    code: str
    what: str
    command: tuple
    fails: str  # in its output
    works: str
    fault: str = ""
    cure: str = ""
    replaced: tuple = ()  # words of NEEDED: FAULT and CURE stand in the place of these
    flags: tuple = (FLAGS, FLAGS)  # with the fault, with the cure
    keys: tuple = ({}, {})  # of the confinement, likewise
    options: tuple = ()  # of `docker run`
    user: str = "0"
    terminal: bool = False
    abi: tuple = ("abi <abi/3.0>,",) * 2

    def name(self, cured):
        return f"living-{self.code.lower()}-{'cured' if cured else 'faulty'}"

    def profile(self, cured):
        rules = [rule for word, rule in NEEDED.items() if word not in self.replaced]
        changed = (self.cure if cured else self.fault).replace("KID", f"profile kid flags=({FLAGS})")
        return "\n".join([self.abi[cured], f"profile {self.name(cured)} flags=({self.flags[cured]}) {{", *rules, changed, "}", ""])

    def confinement(self, cured):
        ceiling = {"hostPaths": [f"{PLACE}{{,/**}}"], "devices": [], "hostNamespaces": ["cgroup", "network", "user", "uts"], "keepMasked": True}
        return {"apparmor": self.name(cured), "capabilities": [], **ceiling, **self.keys[cured]}


ROWS = [
    Row("AA301", "a file below an inherited directory", (), "", "from outside", flags=("mediate_deleted", FLAGS)),
    Row("AA302", "a program that was replaced", ("sh", "-c", f"cp {PROBE} /tmp/p; exec 9< /tmp/p; rm /tmp/p; /proc/self/fd/9"), "9: ", "label=",
        flags=("attach_disconnected", FLAGS)),
    Row("AA303", "what is forbidden", ("touch", "/etc/made"), "", DENIED, flags=(f"complain,{FLAGS}", FLAGS)),
    Row("AA304", "a child on trial", ("cat", "/etc/passwd"), DENIED, "root:", replaced=("programs",), flags=(f"complain,{FLAGS}",) * 2,
        fault=f"{NOT_CAT} {CAT} cx -> kid, KID {{ {CAT} mr, /dev/** rw, signal, }}",
        cure=f"{NOT_CAT} {CAT} cx -> kid, profile kid flags=(complain,{FLAGS}) {{ {CAT} mr, /dev/** rw, signal, }}"),
    Row("AA306", "a namespace", (PROBE, "userns"), "user namespace: done", "user namespace: errno 13", fault="deny userns,",
        cure="deny userns,", abi=("abi <abi/3.0>,", "abi <abi/4.0>,"), options=("--security-opt", "seccomp=unconfined")),
    Row("AA402", "a look at another", ("sh", "-c", "ps; ls -l /proc/1/exe"), DENIED, "-> /usr/bin/sleep", replaced=("looks",), cure=NEEDED["looks"], user="redis"),
    Row("AA403", "a child's program", ("sh", "-c", f"{CLIENT} --version; echo status $?"), "status 1", "redis-cli ", replaced=("programs",),
        fault=f"{NOT_CLIENT} {CLIENT} cx -> kid, KID {{ {CLIENT} mr, /dev/** rw, /proc/** r, /etc/ld.so.cache r, /{{,usr/}}lib/**/lib[^d]* mr, signal, }}",
        cure=f"{NOT_CLIENT} {CLIENT} cx -> kid, KID {{ {CLIENT} mr, /dev/** rw, /proc/** r, /etc/ld.so.cache r, /{{,usr/}}lib{{,64}}/** mr, signal, }}"),
    Row("AA404", "a program with libraries", (CLIENT, "--version"), "error while loading shared libraries", "redis-cli ", replaced=("libraries",),
        fault="/{,usr/}lib{,64}/**/ld-* mr,", cure=NEEDED["libraries"]),
    Row("AA405", "a library elsewhere", ("sh", "-c", f"LD_TRACE_LOADED_OBJECTS=1 LD_PRELOAD=libseccomp.so.2 {CLIENT}"), "cannot be preloaded", f"=> {PLACE}",
        replaced=("cache",), cure=NEEDED["cache"], options=("-v", f"{PLACE}/ld.so.cache:/etc/ld.so.cache:ro")),
    Row("AA406", "a program", ("cat", "/etc/passwd"), DENIED, "root:", fault="deny /usr/bin/** mx,"),
    Row("AA407", "a name", (CLIENT, "-h", "elsewhere", "ping"), "in name resolution", "Connection refused", fault="deny /etc/** r,",
        options=("--add-host", "elsewhere:127.0.0.1")),
    Row("AA408", "/dev/null", ("sh", "-c", "echo > /dev/null && echo done"), DENIED, "done", replaced=("null",), cure=NEEDED["null"]),
    Row("AA409", "files of /proc", ("sh", "-c", "cat /proc/self/maps /proc/sys/vm/overcommit_memory && echo done"), DENIED, "done",
        replaced=("processes",), cure="/proc/[0-9]*/{maps,status,stat,auxv,cmdline} r, /proc/sys/vm/overcommit_memory r,"),
    Row("AA411", "a transition", ("sh", "-c", f"{CAT} /etc/passwd"), "not permitted", "root:", replaced=("programs",), keys=({"noNewPrivileges": True}, {}),
        fault=f"{NOT_CAT} {CAT} cx -> kid, KID {{ file, signal, }}", cure=f"{NOT_CAT} {CAT} cx -> kid, KID {{ file, signal, }}"),
    Row("AA412", "an exec rule", ("sh", "-c", f"{CAT} /etc/passwd"), DENIED, "root:", replaced=("programs",),
        fault=f"{NOT_CAT} {CAT} px -> living-nowhere,", cure=f"{NOT_CAT} {CAT} mrix,"),
    Row("AA413", "a volume", ("cat", "/data/file"), DENIED, "from a volume", fault="/var/lib/docker/volumes/** r,", cure="/data/** r,",
        options=DATA),
    Row("AA414", "a script", (SCRIPT,), DENIED, "by a script", replaced=("place",), fault=f"{SCRIPT} ix,", cure=f"{SCRIPT} rix,"),
    Row("AA415", "the terminal", ("sh", "-c", "echo done > /dev/tty"), DENIED, "done", replaced=("terminal",), cure=NEEDED["terminal"],
        terminal=True),
    Row("AA416", "a way to what is kept from it", ("sh", "-c", f"{PROBE} read /data/file"), "file: done", "errno 13", options=DATA, replaced=("place",),
        fault=f"{PROBE} mrcx -> kid, KID {{ {PROBE} mr, /data/** r, signal, }}", cure=f"{PROBE} mrcx -> kid, KID {{ {PROBE} mr, signal, }}"),
    Row("AA417", "a program that gets more", ("sh", "-c", f"{PROBE} read /data/file"), "file: done", "errno 13", options=DATA, replaced=("place",),
        fault=f"{PROBE} mrCx -> kid, KID {{ {PROBE} mr, /data/** r, signal, }}", cure=f"{PROBE} mrCx -> kid, KID {{ {PROBE} mr, signal, }}"),
    Row("AA418", "a datagram", (PROBE, "socket", "2", "1", "socket", "2", "2"), "socket 2: done\nsocket 2: errno 13", "socket 2: done\nsocket 2: done",
        replaced=("network",), fault="network inet stream,", cure="network inet stream, network inet dgram,"),
]
# Their containers do not start, or do not stop.
STARTS = Row("AA410", "a start", (), "lets nothing be executed", "", replaced=("programs", "place", "tmp"), cure=NEEDED["programs"],
             keys=({"start": "from-profile"},) * 2)
STOPS = Row("AA401", "a stop", (), DENIED, "", replaced=("signals",), cure="signal (receive) peer={unconfined,runc,crun},")


def prepare():
    """Files of the host for the containers, the profiles, and a catalog in which a container's name chooses its confinement."""
    for directory in (PROFILES, CATALOG, f"{PLACE}/odd", f"{PLACE}/data"):
        os.makedirs(directory)
    must("install", "/usr/bin/aa-probe", PROBE)
    for path, text in ((f"{PLACE}/file", "from outside\n"), (f"{PLACE}/data/file", "from a volume\n"), (SCRIPT, "#!/bin/sh\necho by a script\n")):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    os.chmod(SCRIPT, 0o755)
    # The image has none of this library, and its own cache knows nothing of the place.
    shutil.copy("/usr/lib/x86_64-linux-gnu/libseccomp.so.2", f"{PLACE}/odd/")
    with open(f"{PLACE}/ld.so.conf", "w", encoding="utf-8") as file:
        file.write(f"{PLACE}/odd\n/usr/lib/x86_64-linux-gnu\n")
    must("ldconfig", "-X", "-f", f"{PLACE}/ld.so.conf", "-C", f"{PLACE}/ld.so.cache")
    variants = [(row, cured) for row in (*ROWS, STARTS, STOPS) for cured in (False, True)]
    for row, cured in variants:
        with open(f"{PROFILES}/{row.name(cured)}", "w", encoding="utf-8") as file:
            file.write(row.profile(cured))
    names = {row.name(cured): row.confinement(cured) for row, cured in variants}
    rules = [{"match": {"engine": "docker", "name": name}, "use": name} for name in names]
    for part, content in (("01-living", {"confinements": names, "rules": rules}), ("90-otherwise", {"otherwise": ROWS[0].name(True)})):
        with open(f"{CATALOG}/{part}.json", "w", encoding="utf-8") as file:
            json.dump(content, file, indent=2)


def findings():
    """(profile, code) of all that check says of the profiles and their catalog."""
    report = json.loads(run("aa-shimctl", "check", "--json", "--profiles", PROFILES, CATALOG)[1])
    return {(name, note["code"]) for note in report["errors"] + report["notes"] for row in (*ROWS, STARTS, STOPS) for name in (row.name(False), row.name(True))
            if f"'{name}" in note["what"] or name in note["file"]}


def outcome(row, container):
    """What becomes of the command: exit status and output."""
    if row.terminal:
        return docker("exec", "-t", container.id, *row.command)
    if row.command:
        return container.exec(*row.command, user=row.user)
    return run("sh", "-c", f"exec aa-shim --root {STATE} exec --preserve-fds 1 {container.id} cat /proc/self/fd/3/file 3< {PLACE}")


def check_row(row, cured, said):
    name, expected = row.name(cured), row.works if cured else row.fails
    tap.equal(f"{name}: check says it", (name, row.code) in said, not cured)
    with Container("--name", name, "-v", f"{PLACE}:{PLACE}:ro", *row.options, IMAGE, "/usr/bin/sleep", "600") as container:
        status, output = outcome(row, container)
        other = row.fails if cured else row.works
        tap.ok(f"{name}: {row.what}", expected in output and not (other and other in output), f"status {status}: {output}")
        mode = "complain" if "complain" in row.flags[cured] else "enforce"
        tap.equal(f"{name}: the kernel's label", label(init_pid(container.id)), (frozenset([name]), mode))


def check_start(said):
    """A container that starts by its profile's rules."""
    for cured in (False, True):
        name = STARTS.name(cured)
        tap.equal(f"{name}: check says it", (name, STARTS.code) in said, not cured)
        status, output = docker("run", "--rm", "--name", name, IMAGE, "/usr/bin/cat", "/proc/self/attr/current")
        tap.ok(f"{name}: {STARTS.what}", (status == 0 and f"{name} (enforce)" in output) if cured else (status in (125, 126) and name in output), f"{status}: {output}")


def check_stop(said):
    """`docker stop`; the cure ends the container that cannot be stopped, too."""
    for cured in (False, True):
        name = STOPS.name(cured)
        tap.equal(f"{name}: check says it", (name, STOPS.code) in said, not cured)
        container = must("docker", "run", "-d", "--name", name, IMAGE, "/usr/bin/sleep", "600")
        pid = init_pid(container)
        tap.equal(f"{name}: the kernel's label", label(pid), (frozenset([name]), "enforce"))
        status, output = docker("stop", "-t", "1", container)
        tap.ok(f"{name}: {STOPS.what}", (status == 0) == cured and os.path.exists(f"/proc/{pid}") != cured, f"status {status}: {output}")
        with open(f"{PROFILES}/{name}", "w", encoding="utf-8") as file:
            file.write(STOPS.profile(True).replace(STOPS.name(True), name))
        must("apparmor_parser", "--replace", "--skip-cache", f"{PROFILES}/{name}")
        must("docker", "rm", "--force", container)
        tap.ok(f"{name}: is gone", not os.path.exists(f"/proc/{pid}"))


def main():
    prepare()
    said = findings()
    shutil.copy(f"{CATALOG}/01-living.json", "/etc/aa-shim/catalog.d/")
    for name in os.listdir(PROFILES):
        shutil.copy(f"{PROFILES}/{name}", "/etc/aa-shim/apparmor.d/")
    must("aa-shimctl", "load")
    for row in ROWS:
        for cured in (False, True):
            check_row(row, cured, said)
    check_start(said)
    check_stop(said)
