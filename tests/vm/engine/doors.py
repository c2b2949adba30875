# SPDX-License-Identifier: Apache-2.0
"""The side doors of Docker and containerd: open as long as aa-shim is only one runtime among others, closed by `aa-shimctl install docker
--mandatory` on this very host, open again after `uninstall`. The engines are restarted each time, with the environment that their
units then have. Labels and capability sets are the kernel's, as a program behind each door sees them."""
import io
import json
import os
import re
import tarfile
import time

from harness import Connection, api_version, capability_set, docker, must, parse_label, read_catalog, run, tap

BUSYBOX = "aa-example/busybox"
DAEMON_JSON = "/etc/docker/daemon.json"
DROP_IN = "/etc/systemd/system/{0}.service.d/50-aa-shim-docker.conf"
PLACES = ("/etc/docker", "/etc/systemd", "/usr/lib/aa-shim", "/var/lib/aa-shim", "/etc/aa-shim", "/usr/bin/aa-shim-web")
SHOW = "cat /proc/self/attr/apparmor/current; cat /proc/self/status"


def files():
    """Everything in the places that an install changes: path → content or target, and mode."""
    found = {}
    for place in PLACES:
        for directory, folders, names in os.walk(place) if os.path.isdir(place) else [(os.path.dirname(place), [], [os.path.basename(place)])]:
            for path in (os.path.join(directory, name) for name in (*folders, *names)):
                if os.path.islink(path):
                    found[path] = os.readlink(path)
                elif os.path.isfile(path):
                    with open(path, "rb") as file:
                        found[path] = (file.read(), os.lstat(path).st_mode)
                elif os.path.isdir(path):
                    found[path] = os.lstat(path).st_mode
    return found


def unit_environment(name):
    """What the drop-in of aa-shim adds to the environment of the service NAME."""
    try:
        with open(DROP_IN.format(name), encoding="utf-8") as file:
            return dict(re.findall(r"^Environment=(\w+)=(.*)$", file.read(), re.MULTILINE))
    except FileNotFoundError:
        return {}


def restart():
    """Both engines anew, as systemd would start them now."""
    for name in ("dockerd", "containerd"):
        for pid in run("pidof", name)[1].split():
            os.kill(int(pid), 15)
            while os.path.exists(f"/proc/{pid}"):
                time.sleep(0.1)
    environment = unit_environment("docker")
    tap.equal("containerd and dockerd have the same PATH", unit_environment("containerd").get("PATH"), environment.get("PATH"))
    status, output = run("./start-engine", env=os.environ | environment)
    if status != 0:
        raise RuntimeError(output)


def seen(output):
    """(profiles, bounding set) in what SHOW printed."""
    label, _, rest = output.partition("\n")
    bounding = re.search(r"^CapBnd:\s*(\w+)$", rest, re.MULTILINE)
    return (parse_label(label)[0], capability_set(bounding[1])) if bounding else output


def by_runtime(name):
    status, output = docker("run", "--rm", "--network", "none", "--runtime", name, BUSYBOX, "sh", "-c", SHOW)
    return seen(output) if status == 0 else output


def by_build(builder):
    """A RUN of `docker build`: 1 is the daemon's own builder, 2 is BuildKit, for which the docker program would need a plugin."""
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as archive:
        text = f"FROM {BUSYBOX}\nRUN {{ {SHOW}; }} > /seen; mount -t tmpfs x /mnt 2> /dev/null && echo mounted >> /seen || true\n".encode()
        member = tarfile.TarInfo("Dockerfile")
        member.size = len(text)
        archive.addfile(member, io.BytesIO(text))
    connection = Connection("localhost")
    connection.request("POST", f"/v{api_version()}/build?version={builder}&t=doors&nocache=1&networkmode=none", context.getvalue(),
                       {"Content-Type": "application/x-tar"})
    answer = connection.getresponse().read().decode()
    errors = [json.loads(line)["error"] for line in answer.splitlines() if '"error"' in line]
    if errors:
        return errors
    status, output = docker("run", "--rm", "--network", "none", "doors", "cat", "/seen")
    tap.ok(f"builder {builder}: mount denied", status == 0 and "mounted" not in output, output)
    return seen(output)


def by_ctr():
    status, output = run("ctr", "--namespace", "k8s.io", "run", "--rm", f"docker.io/{BUSYBOX}:latest", f"doors-{time.monotonic_ns()}", "sh", "-c", SHOW)
    return seen(output) if status == 0 else output


DOORS = {
    "docker run --runtime runc": lambda: by_runtime("runc"),
    "docker run --runtime io.containerd.runc.v2": lambda: by_runtime("io.containerd.runc.v2"),
    "docker build": lambda: by_build(1),
    "docker build by BuildKit": lambda: by_build(2),
    "ctr run": by_ctr,
}
BY_DEFAULT_RUNTIME = "docker build"  # the old builder starts ordinary containers


def doors():
    """What a program behind each door sees. Docker knows containerd's runtimes by name since version 23."""
    knows = tuple(map(int, api_version().split("."))) >= (1, 42)
    return {name: door() for name, door in DOORS.items() if knows or "io.containerd" not in name}


def goes_around(found):
    """Whether a program was started, and not under a profile of aa-shim."""
    return isinstance(found, tuple) and not any(name.startswith("aa-shim") for name in found[0])


def main():
    baseline = (frozenset(["aa-shim-baseline"]), frozenset(read_catalog()["baseline"]["capabilities"]))
    os.remove(DAEMON_JSON)
    restart()
    before = files()

    must("aa-shimctl", "install", "docker", "--default", "--handlers", "web")
    restart()
    for name, found in doors().items():
        if name == BY_DEFAULT_RUNTIME:
            tap.equal(f"without --mandatory: {name} uses the default runtime", found, baseline)
        else:
            tap.ok(f"without --mandatory: {name} goes around aa-shim", goes_around(found), found)
    output = must("aa-shimctl", "install", "docker", "--default", "--handlers", "web", "--mandatory")
    tap.has("what stays open is named", output, "io.containerd.runsc.v1", "docker buildx")
    changed = files()
    restart()
    for name, found in doors().items():
        tap.equal(f"--mandatory: {name}", found, baseline)
    must("aa-shimctl", "install", "docker", "--default", "--handlers", "web", "--mandatory")
    tap.equal("installing again changes nothing", files(), changed)

    must("aa-shimctl", "uninstall", "docker")
    tap.equal("after uninstall every byte is as before", files(), before)
    restart()
    for name, found in doors().items():
        tap.ok(f"after uninstall: {name} has nothing of aa-shim", goes_around(found), found)
