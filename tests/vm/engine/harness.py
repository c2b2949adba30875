# SPDX-License-Identifier: Apache-2.0
"""What the scenarios of the engine host share: Docker, what the kernel says of a process, and results in TAP."""
import functools
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time

CAPABILITY_NAMES = """CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE
NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT
SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP
MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE""".split()
ALL = frozenset(CAPABILITY_NAMES)
# What Docker gives a container that asks for nothing.
DOCKER_DEFAULT = frozenset("""CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP
NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE""".split())


class Tap:
    """Counts checks and prints one line of the Test Anything Protocol for each."""

    def __init__(self):
        self.count = self.failed = 0
        self.prefix = ""  # of every check's name

    def ok(self, name, condition, detail=""):
        self.count += 1
        self.failed += not condition
        print(f"{'ok' if condition else 'not ok'} {self.count} - {self.prefix}{name}", flush=True)
        if not condition:
            for line in str(detail).splitlines():
                print(f"#   {line}", flush=True)
        return condition

    def equal(self, name, got, expected):
        return self.ok(name, got == expected, f"got      {got}\nexpected {expected}")

    def has(self, name, text, *parts):
        missing = [part for part in parts if part not in text]
        return self.ok(name, not missing, f"lacks {missing}: {text}")

    def done(self):
        print(f"1..{self.count}")
        print(f"{self.count - self.failed} passed, {self.failed} failed", flush=True)
        sys.exit(1 if self.failed or not self.count else 0)


tap = Tap()


def run(*command, timeout=120, **options):
    """Runs COMMAND; returns its exit status (124: it took too long) and its output, both streams together."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout, check=False, **options)
    except subprocess.TimeoutExpired:
        return 124, f"{' '.join(command)}: not done after {timeout} s"
    return done.returncode, done.stdout.strip()


def docker(*arguments, **options):
    return run("docker", *arguments, **options)


def must(*command):
    status, output = run(*command)
    if status != 0:
        raise RuntimeError(f"{' '.join(command)}: status {status}: {output}")
    return output


class Connection(http.client.HTTPConnection):
    """To the daemon's API."""

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect("/run/docker.sock")


@functools.cache
def api_version():
    """The newest version of its API that the daemon speaks."""
    connection = Connection("localhost")
    connection.request("GET", "/version")
    return json.loads(connection.getresponse().read())["ApiVersion"]


def api(method, path, body=None):
    """One call of the daemon's API (the docker program takes a second to start under emulation)."""
    connection = Connection("localhost")
    connection.request(method, f"/v{api_version()}{path}", json.dumps(body) if body is not None else None, {"Content-Type": "application/json"})
    response = connection.getresponse()
    text = response.read()
    if response.status >= 400:
        raise RuntimeError(f"{method} {path}: {response.status} {text.decode()}")
    return json.loads(text) if text and response.getheader("Content-Type", "").startswith("application/json") else text


def inspect(container):
    return api("GET", f"/containers/{container}/json")


def init_pid(container):
    return inspect(container)["State"]["Pid"]


def remove(container):
    """Removes it, running or not; it may be gone already."""
    try:
        api("DELETE", f"/containers/{container}?force=1&v=1")
    except RuntimeError as error:
        if " 404 " not in str(error):
            raise


class Container:
    """`docker run -d` of a table row; gone at the end of the block."""

    def __init__(self, *arguments):
        status, output = docker("run", "-d", *arguments)
        if status != 0:
            raise RuntimeError(f"docker run {' '.join(arguments)}: status {status}: {output}")
        self.id = output.splitlines()[-1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        remove(self.id)

    def exec(self, *command, user=""):
        return exec_in(self.id, command, user)

    def exec_pid(self, command, privileged=False, user=""):
        return exec_pid(self.id, command, privileged, user)


def exec_in(container, command, user=""):
    """Runs COMMAND in CONTAINER as `docker exec` does; its exit status and its output."""
    body = {"Cmd": list(command), "User": user, "AttachStdout": True, "AttachStderr": True}
    exec_id = api("POST", f"/containers/{container}/exec", body)["Id"]
    try:
        frames = api("POST", f"/exec/{exec_id}/start", {"Detach": False})
    except RuntimeError as error:
        return 126, str(error)
    output = b""
    while frames:  # each with a head of eight bytes: the stream, and the size in the last four
        size = int.from_bytes(frames[4:8], "big")
        output, frames = output + frames[8:8 + size], frames[8 + size:]
    return exit_code_of(exec_id), output.decode().strip()


def exit_code_of(exec_id):
    """How an exec ended. dockerd ends its output first, and knows its status a moment later."""
    until(lambda: not api("GET", f"/exec/{exec_id}/json")["Running"], 20)
    return api("GET", f"/exec/{exec_id}/json")["ExitCode"]


def exec_pid(container, command, privileged=False, user=""):
    """Starts COMMAND in CONTAINER as `docker exec -d` does; its pid on the host."""
    body = {"Cmd": command, "Privileged": privileged, "User": user}
    exec_id = api("POST", f"/containers/{container}/exec", body)["Id"]
    api("POST", f"/exec/{exec_id}/start", {"Detach": True})
    pid = api("GET", f"/exec/{exec_id}/json")["Pid"]
    await_program(pid)
    return pid


def await_program(pid):
    """Waits until the runtime's own process in the container has become the program; the engine may answer before."""
    def has_become():
        try:
            # "/": runc before 1.2 executes a copy of itself whose mount is detached (libcontainer/nsenter/cloned_binary.c).
            return not re.search("runc|crun|memfd|^/( |$)", os.readlink(f"/proc/{pid}/exe"))
        except OSError:
            return True
    until(has_become, 20)


@functools.cache
def confines_nothing(profile):
    """Whether the kernel has PROFILE in the mode unconfined, as newer releases have for crun. Where it is set, crun stacks a container's label
    with no-new-privileges on it (its set_apparmor_profile()); the component takes nothing away, it only makes the mode read "mixed"."""
    with open("/sys/kernel/security/apparmor/profiles", encoding="utf-8") as file:
        return f"{profile} (unconfined)" in file.read().splitlines()


def parse_label(text):
    """A label as the kernel writes it: its profiles, as a stack has no order, and its mode; without a component that confines nothing."""
    match = re.fullmatch(r"(.*?)(?: \((\w+)\))?", text, re.DOTALL)
    profiles, mode = frozenset(match[1].split("//&")), match[2] or ""
    if mode == "mixed" and "crun" in profiles and confines_nothing("crun"):
        return profiles - {"crun"}, "enforce"
    return profiles, mode


def label(pid):
    """The kernel's label of process PID, once it is the program: containerd answers before the runtime's own process has become it."""
    await_program(pid)
    with open(f"/proc/{pid}/attr/apparmor/current", encoding="utf-8") as file:
        return parse_label(file.read().strip())


def capability_set(digits):
    """The names of the capabilities in a set as /proc writes it."""
    bits = int(digits, 16)
    return frozenset(name for number, name in enumerate(CAPABILITY_NAMES) if bits >> number & 1)


def capabilities(pid):
    """The five capability sets of process PID: name of the set → names of capabilities."""
    sets = {}
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        for line in file:
            if line.startswith("Cap"):
                key, value = line.split()
                sets[key[3:-1]] = capability_set(value)
    return sets


def no_new_privileges(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return "NoNewPrivs:\t1" in file.read()


def expected_sets(ceiling, root=True):
    """The five sets of a program that is started with CEILING by root, or by another user (who keeps only the bound)."""
    held = frozenset(ceiling) if root else frozenset()
    return {"Inh": frozenset(), "Prm": held, "Eff": held, "Bnd": frozenset(ceiling), "Amb": frozenset()}


def differences(got, expected):
    return "; ".join(f"{name}: {sorted(got[name])} instead of {sorted(expected[name])}" for name in expected if got[name] != expected[name])


def until(condition, seconds=60):
    """Waits until CONDITION holds; whether it did."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.2)
    return False


def read_catalog(directory="/etc/aa-shim/catalog.d"):
    """The confinements of the catalog, read by nothing but comments taken out: name → what the file says."""
    confinements = {}
    for name in sorted(os.listdir(directory)):
        with open(os.path.join(directory, name), encoding="utf-8") as file:
            text = re.sub(r'("(?:\\.|[^"\\])*")|//[^\n]*', lambda match: match[1] or "", file.read())
        confinements.update(json.loads(text).get("confinements", {}))
    return confinements
