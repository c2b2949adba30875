# SPDX-License-Identifier: Apache-2.0
"""What a request brings from the host: the shipped baseline bounds it, through dockerd and the real runtimes."""
import contextlib
import os

from decisions import DENIAL
from harness import Container, api_version, docker, init_pid, label, must, tap
from matrix import RUNTIMES, enforced, use_runtime

BUSYBOX = "aa-example/busybox"
SLEEP = [BUSYBOX, "sleep", "1000"]
LOOP = "/dev/loop0"


@contextlib.contextmanager
def volume(name, *options):
    must("docker", "volume", "create", *options, name)
    try:
        yield name
    finally:
        docker("volume", "rm", "-f", name)


def refused(what, *arguments, texts=()):
    status, output = docker("run", "--rm", *arguments, BUSYBOX, "true")
    tap.ok(f"{what} is refused", status in (125, 126), f"status {status}: {output}")
    tap.has(f"{what}: the message", output, *texts)


def check_paths():
    os.makedirs("/srv/data", exist_ok=True)
    if not os.path.islink("/srv/data/out"):
        os.symlink("/etc", "/srv/data/out")
    listed = '"hostPaths" of confinement \'baseline\''
    refused("the host's root", "-v", "/:/h", texts=("keep what confines it",))
    refused("/run", "-v", "/run:/h", texts=("'/run'", "keep what confines it"))
    refused("the engine's socket", "-v", "/var/run/docker.sock:/s", texts=("'/run/docker.sock'", listed))
    refused("a link out of what is listed", "-v", "/srv/data/out:/h", texts=("'/etc'",))
    refused("the kernel's switches", "-v", "/proc/sys/kernel:/k", texts=("'/proc/sys/kernel'", listed))
    with volume("aa-host", "-o", "type=none", "-o", "o=bind", "-o", "device=/usr") as name:
        refused("a volume that is another place", "-v", f"{name}:/v", texts=("'/usr' (by '/var/lib/docker/volumes/aa-host/_data')", listed))
    with volume("aa-own") as name, Container("-v", f"{name}:/v", "-v", "/srv/data:/d", *SLEEP) as container:
        tap.equal("what is listed: label", label(init_pid(container.id)), enforced("aa-shim-baseline"))
        tap.equal("what is listed can be written", container.exec("touch", "/v/x", "/d/x")[0], 0)
        status, output = container.exec("sh", "-c", "echo > /dev/tty9")
        tap.ok("what the profile denies is denied", status != 0 and DENIAL.search(output), f"status {status}: {output}")


def api_version_parts():
    return [int(number) for number in api_version().split(".")]


def check_part_of_volume():
    """Docker 26 and newer."""
    if api_version_parts() < [1, 45]:
        return
    with volume("aa-part") as name:
        docker("run", "--rm", "-v", f"{name}:/v", BUSYBOX, "mkdir", "-p", "/v/part/below")
        status, output = docker("run", "--rm", "--mount", f"type=volume,src={name},dst=/v,volume-subpath=part", BUSYBOX, "ls", "/v")
        tap.equal("a part of a volume", (status, output.strip()), (0, "below"))
    with volume("aa-host", "-o", "type=none", "-o", "o=bind", "-o", "device=/usr") as name:
        refused("a part of a volume that is another place", "--mount", f"type=volume,src={name},dst=/v,volume-subpath=share", texts=("'/usr/share' (by",))


def check_devices():
    arguments = ["--privileged", "--device", "/dev/loop0:/dev/innocent"] if os.path.exists(LOOP) else ["--privileged"]
    with Container(*arguments, *SLEEP) as container:
        tap.equal("privileged: label", label(init_pid(container.id)), enforced("aa-shim-baseline"))
        names = container.exec("ls", "/dev")[1].split()
        tap.ok("privileged: only the usual devices", "null" in names and not {"kmsg", "loop0", "innocent", "mem", "ubda", "vda"} & set(names), names)
        tap.equal("privileged: /dev/null", container.exec("sh", "-c", "echo > /dev/null")[0], 0)
        # A device's file that the image brought, whatever its name.
        root = f"/proc/{init_pid(container.id)}/root/tmp"
        must("mknod", "-m", "666", f"{root}/innocent", "c", "1", "11")
        status, output = container.exec("head", "-c", "1", "/tmp/innocent")
        tap.ok("privileged: the device cgroup is closed", status != 0 and DENIAL.search(output), f"status {status}: {output}")
        tap.has("privileged: what is masked", container.exec("cat", "/proc/self/mountinfo")[1], " /proc/kcore ", " /sys/firmware ")
        status, output = container.exec("sh", "-c", "echo x > /proc/sys/kernel/domainname")
        tap.ok("privileged: /proc/sys is read-only", status != 0 and DENIAL.search(output), f"status {status}: {output}")


def check_control_groups():
    """All of the host's, to a privileged container without a namespace of its own for them: as in every privileged pod."""
    write = "cd /sys/fs/cgroup; echo $$ > cgroup.procs; mkdir aa-test; ls docker"
    with Container("--privileged", "--cgroupns", "host", *SLEEP) as container:
        status, output = container.exec("sh", "-c", write)
        tap.ok("privileged, the host's control groups: seen, not written", status == 0 and output.count("Read-only file system") == 2, f"status {status}: {output}")
    with Container("--privileged", *SLEEP) as container:
        status, output = container.exec("sh", "-c", "mkdir /sys/fs/cgroup/aa-test")
        tap.equal("privileged, control groups of its own: written", (status, output), (0, ""))


def check_namespaces():
    refused("the host's processes", "--pid", "host", texts=("share the host's namespaces: pid", '"hostNamespaces" of confinement \'baseline\''))
    refused("the host's IPC", "--ipc", "host", texts=("share the host's namespaces: ipc",))
    with Container("--network", "host", *SLEEP) as container:
        tap.equal("the host's network, which is listed: label", label(init_pid(container.id)), enforced("aa-shim-baseline"))


def main():
    for runtime in RUNTIMES:
        tap.prefix = f"{runtime} {use_runtime(runtime)}: "
        check_paths()
        check_part_of_volume()
        check_devices()
        check_control_groups()
        check_namespaces()
    tap.prefix = ""
    os.unlink("/etc/aa-shim/runtime")
