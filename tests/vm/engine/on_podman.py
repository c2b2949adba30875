# SPDX-License-Identifier: Apache-2.0
"""The matrix: Podman, and what only Podman has: pods, containers from a folder, quadlets."""
import os
import re
import shlex

import matrix
from engines import IMAGES, Ask, Podman, PodmanContainer, podman
from harness import label, must, parse_label, run, tap

BASELINE = matrix.enforced("aa-shim-baseline")
SETTINGS = "/etc/containers/containers.conf.d"
INSTALL = ("aa-shimctl", "install", "podman", "--default", "--handlers", "web", "--replace-runtime")
QUADLETS = "/etc/containers/systemd"
GENERATOR = "/usr/lib/systemd/system-generators/podman-system-generator"
GENERATORS = [GENERATOR, "/usr/libexec/podman/quadlet"]


def check_run(engine):
    status, output = podman("run", "--rm", "--network", "none", IMAGES["busybox"], "sh", "-c", f"{matrix.LABEL}; exit 3")
    tap.equal("run in the foreground", (status, output), (3, "aa-shim-baseline (enforce)"))
    status, screen = engine.run_terminal(Ask(), f"{matrix.LABEL}; exit 5\n")
    tap.ok("run on a terminal", status == 5 and "aa-shim-baseline (enforce)" in screen, f"status {status}: {screen}")


def check_pod(_):
    """A pod: an infra container, and containers that share its namespaces."""
    runtime = os.path.realpath("/etc/aa-shim/runtime")
    status, reason = start_pod("--runtime", runtime)
    podman("pod", "rm", "--force", "--time", "0", "scenario-pod")
    if status != 0:
        tap.ok("a pod does not start without aa-shim either", start_pod()[0] != 0, reason)
        print(f"# {os.path.basename(runtime)} alone cannot start a pod here: {reason}", flush=True)
        podman("pod", "rm", "--force", "--time", "0", "scenario-pod")
        return
    status, output = start_pod()
    if tap.ok("a pod starts", status == 0, f"status {status}: {output}"):
        container = PodmanContainer(output.splitlines()[-1])
        infra = PodmanContainer(must("podman", "pod", "inspect", "--format", "{{.InfraContainerID}}", "scenario-pod"))
        tap.equal("a container of a pod: label", label(container.pid()), matrix.enforced("aa-shim-builder"))
        tap.equal("the infra container of a pod: label", label(infra.pid()), BASELINE)
        tap.equal("they share the network", os.readlink(f"/proc/{container.pid()}/ns/net"), os.readlink(f"/proc/{infra.pid()}/ns/net"))
    podman("pod", "rm", "--force", "--time", "0", "scenario-pod")


def start_pod(*options):
    """A pod with one container, by the runtime of OPTIONS or else the usual; status and output of the last command."""
    status, output = podman(*options, "pod", "create", "--name", "scenario-pod", "--network", "none")
    if status != 0:
        return status, output
    return podman(*options, "run", "-d", "--pod", "scenario-pod", "--annotation", "example.aa/mode=build", IMAGES["busybox"])


def check_rootfs(_):
    """A container from a folder has no image, and Podman keeps no record of it."""
    mount = must("podman", "image", "mount", IMAGES["busybox"])
    try:
        status, output = podman("run", "--rm", "--network", "none", "--rootfs", f"{mount}:O", "sh", "-c", matrix.LABEL)
        tap.equal("a container from a folder: label", (status, output), (0, "aa-shim-baseline (enforce)"))
    finally:
        podman("image", "umount", IMAGES["busybox"])


def check_overlays(_):
    """What Podman shows by an overlay: images as volumes pass; a volume that is another place is that place, as a layer too."""
    for options in ([], ["rw=true"]):
        mount = ",".join(["type=image", f"source={IMAGES['busybox']}", "destination=/i", *options])
        status, output = podman("run", "--rm", "--network", "none", "--mount", mount, IMAGES["busybox"], "sh", "-c", f"ls /i/bin/busybox; {matrix.LABEL}")
        tap.equal(f"an image as a volume {options}", (status, output.split("\n")), (0, ["/i/bin/busybox", "aa-shim-baseline (enforce)"]))
    must("podman", "volume", "create", "-o", "type=none", "-o", "o=bind", "-o", "device=/etc", "aa-etc")
    for options in ("", ":O"):
        status, output = podman("run", "--rm", "--network", "none", "-v", f"aa-etc:/v{options}", IMAGES["busybox"], "true")
        tap.ok(f"a volume that is another place{options} is refused", status == 126 and "keep what confines it" in output, f"status {status}: {output}")
    must("podman", "volume", "rm", "aa-etc")
    with PodmanContainer(must("podman", "run", "-d", "--network", "none", IMAGES["busybox"], "sleep", "1000").splitlines()[-1]) as container:
        root = container.inspect()["GraphDriver"]["Data"]["MergedDir"]
        status, output = podman("run", "--rm", "--network", "none", "-v", f"{root}:/i:O", IMAGES["busybox"], "true")
        tap.ok("another container's root is refused", status == 126 and f"brings the host's '{root}'" in output, f"status {status}: {output}")


def check_devices(_):
    """Devices of the host and its settings stay out of reach, also where Podman's or crun's own way leads around the bundle."""
    run_it = ("podman", "run", "-d", "--network", "none", "--device", "/dev/kmsg", IMAGES["busybox"], "sleep", "1000")
    update = ("--pids-limit", "100") if "--pids-limit" in must("podman", "update", "--help") else ("--cpu-shares", "512")
    with PodmanContainer(must(*run_it).splitlines()[-1]) as container:
        must("mknod", "-m", "666", f"/proc/{container.pid()}/root/tmp/log", "c", "1", "11")
        for when in ("started", "updated"):
            status, output = container.exec("sh", "-c", "exec 3< /tmp/log")
            tap.ok(f"a device that is not listed, {when}", status != 0 and "Operation not permitted" in output, f"status {status}: {output}")
            # Podman gives the runtime all that it has on record, devices too.
            must("podman", "update", *update, container.id)
    before = must("cat", "/proc/sys/net/ipv4/ip_default_ttl")
    status, output = podman("run", "--rm", "--network", "ns:/proc/1/ns/net", "--sysctl", "net.ipv4.ip_default_ttl=77", IMAGES["busybox"], "true")
    tap.ok("a setting of the host's network is refused", status == 126 and "belongs to the host's namespace network" in output, f"status {status}: {output}")
    tap.equal("a setting of the host's network", must("cat", "/proc/sys/net/ipv4/ip_default_ttl"), before)


def quadlet_options(version):
    """How a quadlet names the runtime: from Podman 4.5 on, by an option before the command."""
    return "GlobalArgs=--runtime /usr/bin/aa-shim-web" if version >= (4, 7) else ""


def check_quadlet(engine):
    """A quadlet of Podman's systemd generator: the command that it writes starts a container in the confinement of its runtime."""
    version = tuple(int(part) for part in engine.version.split(".")[:2])
    generator = next((path for path in GENERATORS if os.path.exists(path)), None)
    if version < (4, 4) or generator is None:
        print(f"# Podman {engine.version} has no quadlets", flush=True)
        return
    os.makedirs(QUADLETS, exist_ok=True)
    with open(f"{QUADLETS}/scenario.container", "w", encoding="utf-8") as file:
        file.write(f"[Container]\nImage={IMAGES['busybox']}\nNetwork=none\n{quadlet_options(version)}\n")
    status, output = run(generator, "--dryrun")
    os.remove(f"{QUADLETS}/scenario.container")
    line = re.search("^ExecStart=(.*)$", output, re.MULTILINE)
    if not tap.ok("quadlet: the generator makes a service", status == 0 and line, f"status {status}: {output}"):
        return
    words = [word.replace("%t", "/run").replace("%N", "scenario") for word in shlex.split(line[1])]
    # What needs systemd around it.
    words = [word for word in words if not word.startswith(("--sdnotify", "--cgroups"))]
    tap.has("quadlet: the runtime is named before the command", " ".join(words[:words.index("run")]), "--runtime /usr/bin/aa-shim-web")
    with PodmanContainer(must(*words).splitlines()[-1]) as container:
        tap.equal("quadlet: label", label(container.pid())[0], frozenset(["aa-shim-web"]))
        status, output = container.exec("sh", "-c", matrix.LABEL)
        tap.equal("quadlet: exec rule", (status, parse_label(output)), (0, matrix.enforced("aa-shim-web//shell")))


def settings():
    """The files of Podman's settings: name → bytes."""
    found = {}
    for entry in os.scandir(SETTINGS):
        with open(entry.path, "rb") as file:
            found[entry.name] = file.read()
    return found


def check_install(engine):
    """What `install` knows of the runtime; the doors that it names, open and then closed; and the way back."""
    runtime = os.path.basename(os.path.realpath("/etc/aa-shim/runtime"))
    tap.has("install names the doors", must(*INSTALL), "`podman --runtime runc`")
    status, output = podman("run", "--rm", "--network", "none", "--cgroups", "disabled", IMAGES["busybox"], "sh", "-c", matrix.LABEL)
    if runtime == "crun":
        tap.ok("without a cgroup: refused", status == 126 and "without which nothing keeps the devices" in output, f"status {status}: {output}")
    else:
        tap.ok("without a cgroup: Podman knows that runc cannot do it", status != 0 and "NoCgroups" in output, f"status {status}: {output}")
    by_name = ("--runtime", runtime, "run", "--rm", "--network", "none", IMAGES["busybox"], "sh", "-c", matrix.LABEL)
    status, output = podman(*by_name)
    tap.ok(f"--runtime {runtime} is a door", status == 0 and output.startswith(engine.default_profile), f"status {status}: {output}")
    tap.has("install --mandatory", must(*INSTALL, "--mandatory"), "validated by podman info")
    status, output = podman(*by_name)
    tap.equal(f"--runtime {runtime} is closed by --mandatory", (status, parse_label(output)), (0, BASELINE))
    installed = settings()
    must("aa-shimctl", "uninstall", "podman")
    tap.equal("uninstall: what is left", set(installed) - set(settings()), {"50-aa-shim.conf"})
    status, output = podman("run", "--rm", "--network", "none", IMAGES["busybox"], "sh", "-c", matrix.LABEL)
    tap.ok("uninstalled: Podman has its own runtime again", status == 0 and output.startswith(engine.default_profile), f"status {status}: {output}")
    must(*INSTALL)


def main():
    matrix.main(Podman, [check_run, check_pod, check_rootfs, check_overlays, check_devices, check_quadlet, check_install])
