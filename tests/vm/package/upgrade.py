# SPDX-License-Identifier: Apache-2.0
"""The package on a host with a real AppArmor kernel and Docker: installed, upgraded to a version with another format of the
compiled catalog while containers run and are used, an upgrade called off, removed, purged. Labels are the kernel's."""
import json
import os
import shlex
import subprocess
import threading
import time
import traceback

from harness import Container, docker, exec_in, exec_pid, init_pid, label, must, run, tap

BUSYBOX = "aa-example/busybox"
BASELINE = (frozenset(["aa-shim-baseline"]), "enforce")
WEB = (frozenset(["aa-shim-web"]), "enforce")
SHELL = (frozenset(["aa-shim-web//shell"]), "enforce")
OPERATOR = "/etc/aa-shim/catalog.d/90-here.json"
DAEMON_JSON = "/etc/docker/daemon.json"
RECORD = "/var/lib/aa-shim/install"
# What dpkg, the engine, the host's start-engine and others write down for themselves.
NOT_OURS = ("/var/lib/dpkg/", "/var/lib/docker", "/var/lib/containerd", "/var/log/", "/var/cache/", "/mnt/share", "/etc/docker", "/root/",
            "/etc/containers/containers.conf.d/40-nat.conf")


def all_files():
    found = set()
    for folder in ("/", "/run/aa-shim"):
        output = subprocess.run(["find", folder, "-xdev"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False).stdout
        found |= {name for name in output.splitlines() if not name.startswith(NOT_OURS)}
    return found


def dpkg(*arguments):
    return run("dpkg", *arguments, timeout=600, env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"})


def compiled_format():
    with open("/run/aa-shim/catalog", "rb") as file:
        return int.from_bytes(file.read(12)[8:], "little")


def version():
    return dict(line.split(" ", 1) for line in must("aa-shimctl", "version").splitlines())


class Execs:
    """Execs, one after the other, until the end of the block: how many there were, and what the refused ones said."""

    def __init__(self, container):
        self.container, self.count, self.refused, self.end = container, 0, [], threading.Event()
        self.thread = threading.Thread(target=self.work)

    def work(self):
        while not self.end.is_set():
            status, output = exec_in(self.container, ["cat", "/proc/self/attr/apparmor/current"])
            self.count += 1
            if (status, output) != (0, "aa-shim-baseline (enforce)"):
                self.refused.append((time.monotonic(), output))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.end.set()
        self.thread.join()


def check_containers(when, plain, web):
    """The labels of what runs, and an allowed and a denied action in an exec of each."""
    tap.equal(f"{when}: label of the plain container", label(init_pid(plain)), BASELINE)
    tap.equal(f"{when}: label of the web container", label(init_pid(web)), WEB)
    tap.equal(f"{when}: label of an exec in the plain container", label(exec_pid(plain, ["sleep", "100"])), BASELINE)
    tap.equal(f"{when}: label of a shell in the web container", label(exec_pid(web, ["sh", "-c", "sleep 100; true"])), SHELL)
    status, output = exec_in(plain, ["sh", "-c", "echo x > /tmp/file && cat /tmp/file"])
    tap.equal(f"{when}: what the baseline allows", (status, output), (0, "x"))
    status, output = exec_in(web, ["sh", "-c", "cat /tmp/alive > /dev/null && echo read; echo x > /tmp/file"])
    tap.ok(f"{when}: a shell in the web container reads, and does not write", status != 0 and "read" in output and "ermission denied" in output, f"{status}: {output}")
    status, output = exec_in(web, ["apt", "update"])
    tap.ok(f"{when}: what an exec rule denies", status == 126 or "denied" in output or "127" in str(status), f"{status}: {output}")


def take_digest(container):
    """Leaves in the runtime's state of CONTAINER what an aa-shim from before there were digests recorded."""
    path = f"/run/docker/runtime-runc/moby/{container}/state.json"
    with open(path, encoding="utf-8") as file:
        state = json.load(file)
    labels = state["config"]["labels"]
    state["config"]["labels"] = [text for text in labels if not text.startswith("aa-shim/digest=")]
    assert len(state["config"]["labels"]) == len(labels) - 1, labels
    with open(path, "w", encoding="utf-8") as file:
        json.dump(state, file)


def standings(*containers):
    """The exit status of `aa-shimctl status`, and how each of CONTAINERS stands by it."""
    code, output = run("aa-shimctl", "status", "--json")
    found = {report["id"]: report["standing"] for report in json.loads(output)["containers"]}
    return code, [found.get(container) for container in containers]


def check_undigested(when, plain, web):
    """Containers whose records have no digest count as not started by aa-shim."""
    tap.equal(f"{when}: how containers without a digest stand", standings(plain, web), (1, ["forged", "forged"]))
    tap.equal(f"{when}: their labels", (label(init_pid(plain)), label(init_pid(web))), (BASELINE, WEB))
    tap.equal(f"{when}: an exec in one is judged anew", label(exec_pid(plain, ["sleep", "100"])), BASELINE)
    status, output = exec_in(web, ["sh", "-c", "true"])
    tap.ok(f"{when}: and refused where the catalog denies system calls", status != 0 and "the container was not started by aa-shim, so system calls that "
           "confinement 'web'" in output and "start it anew through aa-shim" in output, f"{status}: {output}")


def readme_install():
    """The command by which the README makes Docker use aa-shim, as words."""
    with open("README.md", encoding="utf-8") as file:
        line = next(line for line in file if line.startswith("sudo aa-shimctl install docker") and "--dry-run" not in line)
    return shlex.split(line.partition(" && ")[0].removeprefix("sudo "))


def left_since(before, apart="/run/"):
    return sorted(name for name in all_files() - before if not name.startswith(("/run/", apart)) and not apart.startswith(f"{name}/"))


def start(*arguments):
    return Container("--label", "scenario=package", *arguments).id


def main():
    before = all_files()
    status, output = dpkg("--install", "this.deb")
    tap.ok("installing", status == 0 and "In force: /run/aa-shim/catalog" in output, output)
    old = version()
    old_format = compiled_format()
    tap.equal("the catalog is in force", old["catalog"], "in force")
    tap.equal("installing touches no engine", os.path.exists(DAEMON_JSON), False)
    must(*readme_install())
    configured = open(DAEMON_JSON, "rb").read()
    must("./start-engine")

    plain = start(BUSYBOX, "sleep", "100000")
    web = start("--label", "tier=web", BUSYBOX, "sh", "-c", "while :; do date > /tmp/alive; sleep 1; done")
    third = start(BUSYBOX, "sleep", "100000")
    check_containers("before", plain, web)
    plain_undigested = start(BUSYBOX, "sleep", "100000")
    web_undigested = start("--label", "tier=web", BUSYBOX, "sleep", "100000")
    ours, undigested = (plain, web, third), (plain_undigested, web_undigested)
    tap.equal("before: how containers stand", standings(*ours, *undigested), (0, ["as-decided"] * 5))
    for container in undigested:
        take_digest(container)

    key = open("/run/aa-shim/key", "rb").read()
    with Execs(third) as execs:
        begun = time.monotonic()
        status, output = dpkg("--install", "next.deb")
        took = time.monotonic() - begun
        done = execs.count
    new = version()
    tap.ok("upgrading while containers run", status == 0, output)
    tap.equal("the key of the records is the old one", open("/run/aa-shim/key", "rb").read(), key)
    tap.equal("the format of the compiled catalog is the new one", compiled_format(), old_format + 1)
    tap.ok("the version is the new one", new["aa-shim"] != old["aa-shim"] and new["catalog"] == "in force", new)
    window = execs.refused[-1][0] - execs.refused[0][0] if execs.refused else 0
    print(f"# the upgrade took {took:.1f} s; {done} execs during it, {len(execs.refused)} refused within {window:.1f} s: {execs.refused[:1]}", flush=True)
    tap.ok("an exec is refused only by the catalog's format, and in that moment", all("of a version that this aa-shim does not read" in text for _, text in execs.refused)
           and window < took / 2, execs.refused)
    check_containers("after the upgrade", plain, web)
    tap.equal("after the upgrade: how containers with a digest stand", standings(*ours)[1], ["as-decided"] * 3)
    check_undigested("after the upgrade", *undigested)

    fresh = start("--label", "tier=web", BUSYBOX, "sh", "-c", "while :; do date > /tmp/alive; sleep 1; done")
    tap.equal("a container started after it", label(init_pid(fresh)), WEB)
    tap.equal("stopping one from before", docker("stop", "--time=1", third)[0], 0)
    tap.equal("starting it again", docker("start", third)[0], 0)
    tap.equal("starting it again: label", label(init_pid(third)), BASELINE)
    tap.equal("started anew, one without a digest gets one", (docker("restart", "--time=1", web_undigested)[0], standings(web_undigested)[1]), (0, ["as-decided"]))
    tap.equal("and its shell its own label", label(exec_pid(web_undigested, ["sh", "-c", "sleep 100; true"])), SHELL)

    with open(OPERATOR, "w", encoding="utf-8") as file:
        file.write('{ "nonsense": 1 }\n')
    status, output = dpkg("--install", "this.deb")
    tap.ok("a change of version that would leave no catalog is called off", status != 0 and OPERATOR in output and "not upgraded" in output, output)
    tap.equal("the version is still the new one", version(), new)
    check_containers("after that", plain, web)
    os.remove(OPERATOR)
    status, output = dpkg("--install", "this.deb")
    tap.ok("back to the old version", status == 0 and compiled_format() == old_format, output)
    check_containers("back", plain, web)

    status, output = dpkg("--purge", "aa-shim")
    needing = all(container[:12] in output for container in ours + undigested)
    tap.ok("it is not removed while containers need it", status != 0 and needing and "only aa-shim can stop" in output, output)
    tap.equal("an exec goes on working", exec_in(plain, ["true"])[0], 0)
    for container in (*ours, *undigested, fresh):
        tap.equal("stopping and removing", (docker("stop", "--time=1", container)[0], docker("rm", container)[0]), (0, 0))
    status, output = dpkg("--purge", "aa-shim")
    tap.ok("purging, and a warning of the engine that is still configured", status == 0 and "docker is configured" in output
           and "aa-shimctl uninstall docker" in output, output)
    tap.equal("nothing is left but the record of what the engine's configuration was", left_since(before, RECORD), [])
    tap.equal("the engine's configuration is as it was", open(DAEMON_JSON, "rb").read(), configured)
    status, output = docker("run", "--rm", BUSYBOX, "true")
    tap.ok("an engine still configured for it starts nothing, and says why", status != 0 and "aa-shim" in output, output)

    tap.equal("installing again", dpkg("--install", "this.deb")[0], 0)
    must("aa-shimctl", "uninstall", "docker")
    tap.equal("uninstall docker: the configuration is as before everything", os.path.exists(DAEMON_JSON), False)
    tap.equal("purging again", dpkg("--purge", "aa-shim")[0], 0)
    tap.equal("nothing is left", left_since(before), [])


try:
    main()
except Exception:  # what was found before it counts all the same
    tap.ok("it came to its end", False, traceback.format_exc())
tap.done()
