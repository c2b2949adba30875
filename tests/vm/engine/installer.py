# SPDX-License-Identifier: Apache-2.0
"""The installer image, made from nothing with this host's docker: on a prepared tree, and on this host as if it were a node."""
import json
import os
import shutil

from harness import docker, must, run, tap

IMAGE = "aa-shim-installer:test"
TREE = "/srv/tree"
CONFIG = "etc/containerd/config.toml"
CONTAINERD = '# of the operator\'s own\nversion = 2\n\n[plugins."io.containerd.grpc.v1.cri"]\n  sandbox_image = "registry.example/pause:3.10"\n'
CATALOG = "/srv/catalog"
# What deploy/kubernetes/base/daemonset.yaml gives the agent, and nothing more.
CONFINED = ["--runtime", "runc", "--network", "none", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges",
            "--security-opt", "apparmor=unconfined", *(word for name in ("CHOWN", "DAC_OVERRIDE", "FOWNER", "MAC_ADMIN", "SYS_CHROOT") for word in ("--cap-add", name))]


def read(path):
    with open(path, "rb") as file:
        return file.read()


def files(root):
    """Every file below ROOT but the agent's own notes: path → content or target, and mode."""
    found = {}
    for directory, folders, names in os.walk(root):
        for name in (*folders, *names):
            path = os.path.join(directory, name)
            if "/run/" not in path and (os.path.islink(path) or os.path.isfile(path)):
                found[path] = (os.readlink(path) if os.path.islink(path) else read(path), os.lstat(path).st_mode)
    return found


def agent(root, *options):
    return docker("run", "--rm", *CONFINED, "-v", f"{root}:/host", "-v", f"{CATALOG}:/catalog:ro", IMAGE, "node", *options, timeout=300)


def build():
    status, output = docker("build", "--tag", IMAGE, "image", timeout=600)
    tap.ok("the image builds without a network", status == 0, output)
    status, output = docker("run", "--rm", *CONFINED, "--entrypoint", "/usr/bin/kubectl", IMAGE, "version", "--client")
    tap.ok("kubectl runs in it", status == 0 and "Client Version" in output, output)
    status, output = docker("run", "--rm", *CONFINED, IMAGE, "--json", "version")
    tap.ok("aa-shimctl runs in it", status == 0 and "aa-shim" in json.loads(output), output)


def prepare():
    """A tree that is no running node: programs, configuration and catalog come to their places, and go again."""
    os.makedirs(f"{TREE}/etc/containerd")
    with open(f"{TREE}/{CONFIG}", "w", encoding="utf-8") as file:
        file.write(CONTAINERD)
    os.makedirs(f"{TREE}/usr/sbin")
    shutil.copy("/usr/sbin/runc", f"{TREE}/usr/sbin/runc")  # without a runtime no container could start there
    before = files(TREE)
    status, output = agent(TREE, "--prepare", "--handlers", "web,database")
    tap.ok("a tree is prepared", status == 0, output)
    for name in ("aa-shim", "aa-shimctl"):
        version = run(f"{TREE}/opt/aa-shim/bin/{name}", "--version" if name == "aa-shim" else "version")
        tap.ok(f"{name} is there and runs", version[0] == 0, version[1])
    for name in ("web", "database"):
        tap.equal(f"the handler {name}", os.readlink(f"{TREE}/opt/aa-shim/bin/aa-shim-{name}"), "aa-shim")
        tap.has(f"containerd knows the handler {name}", read(f"{TREE}/{CONFIG}").decode(), f'BinaryName = "/opt/aa-shim/bin/aa-shim-{name}"')
    tap.has("containerd's own lines are there", read(f"{TREE}/{CONFIG}").decode(), *CONTAINERD.splitlines())
    for folder in ("catalog.d", "apparmor.d"):
        names = sorted(name for name in os.listdir(f"{TREE}/etc/aa-shim/{folder}") if not name.startswith("."))
        tap.equal(f"the catalog's {folder}", names, sorted(os.listdir(f"share/{folder}")))
    prepared = files(TREE)
    agent(TREE, "--prepare", "--handlers", "web,database")
    tap.equal("a second time changes nothing", files(TREE), prepared)
    status, output = agent(TREE, "--prepare", "--remove")
    tap.ok("it is taken away again", status == 0, output)
    tap.equal("and the tree is as before, byte for byte", files(TREE), before)


def loaded():
    with open("/sys/kernel/security/apparmor/profiles", encoding="utf-8") as file:
        return {line.split(" (")[0] for line in file}


def node():
    """This host as a node: the profiles reach the kernel although the agent is not privileged."""
    names = set(os.listdir("share/apparmor.d"))
    must("aa-shimctl", "uninstall", "containerd")  # as the host was configured for other scenarios
    for name in names & loaded():
        must("apparmor_parser", "--remove", f"share/apparmor.d/{name}")
    tap.ok("before: none of the profiles is loaded", not names & loaded(), loaded())
    os.remove("/run/aa-shim/catalog")
    kept = "/etc/containerd/config.toml"
    before = read(kept) if os.path.exists(kept) else None
    status, output = agent("/", "--once", "--handlers", "web")
    tap.ok("a first round waits for the engine's restart", status == 1 and "restart pending" in output, output)
    tap.ok("the profiles are loaded", names <= loaded(), names - loaded())
    tap.has("containerd is configured", read(kept).decode(), "/opt/aa-shim/bin/aa-shim-web")
    status, output = docker("run", "--rm", "aa-example/busybox", "cat", "/proc/self/attr/apparmor/current")
    tap.equal("the catalog is in force", (status, output), (0, "aa-shim-baseline (enforce)"))
    status, output = docker("run", "--rm", "aa-example/busybox", "touch", "/proc/sys/kernel/hostname")
    tap.ok("and enforced", status != 0, output)
    os.remove("/run/aa-shim/engine-restart")
    status, output = agent("/", "--once", "--handlers", "web")
    tap.ok("then the node is ready", status == 0 and "ready: aa-shim " in output, output)
    must("apparmor_parser", "--remove", "share/apparmor.d/aa-shim-web")
    status, output = agent("/", "--once", "--handlers", "web")
    tap.ok("a profile that somebody removed is loaded again", status == 0 and "aa-shim-web" in loaded(), output)
    with open(f"{CATALOG}/90-wrong.json", "w", encoding="utf-8") as file:
        file.write('{ "confinements": { "x": { "apparmor": "no-such-profile", "capabilities": [] } } }')
    compiled = read("/run/aa-shim/catalog")
    status, output = agent("/", "--once", "--handlers", "web")
    tap.ok("a wrong catalog is refused with its place", status == 1 and "90-wrong.json:1:" in output and "no-such-profile" in output, output)
    tap.equal("and the one in force stays", read("/run/aa-shim/catalog"), compiled)
    os.remove(f"{CATALOG}/90-wrong.json")
    agent("/", "--remove", "--once")
    os.remove("/run/aa-shim/engine-restart")
    status, output = agent("/", "--remove", "--once")
    tap.ok("the node is left", status == 0 and not os.path.exists("/opt/aa-shim"), output)
    tap.equal("containerd's configuration is as it was", read(kept) if os.path.exists(kept) else None, before)
    must("aa-shimctl", "load")


def main():
    os.makedirs(CATALOG, exist_ok=True)
    for folder in ("catalog.d", "apparmor.d"):
        for name in os.listdir(f"share/{folder}"):
            shutil.copy(f"share/{folder}/{name}", CATALOG)
    build()
    prepare()
    node()
