# SPDX-License-Identifier: Apache-2.0
"""Everything else that people do with containers works as it does with runc."""
import re
import shlex
import time

from harness import DOCKER_DEFAULT, Container, capabilities, docker, expected_sets, init_pid, inspect, label, remove, tap, until
from terminal import terminal

BUSYBOX = "aa-example/busybox"
BASELINE = (frozenset(["aa-shim-baseline"]), "enforce")


def foreground():
    status, output = docker("run", "--rm", BUSYBOX, "sh", "-c", "echo out; echo err >&2; exit 3")
    tap.equal("run in the foreground: status and both streams", (status, sorted(output.split())), (3, ["err", "out"]))
    status, output = docker("run", "--rm", "-i", BUSYBOX, "cat", input="from outside")
    tap.equal("run -i: standard input", (status, output), (0, "from outside"))
    status, screen = terminal("docker", "run", "--rm", "-it", BUSYBOX, "sh", keys="stty size; cat /proc/self/attr/apparmor/current; exit 5\n")
    tap.ok("run -it: a terminal, confined", status == 5 and "aa-shim-baseline (enforce)" in screen, f"status {status}: {screen}")
    status, output = docker("run", "--rm", BUSYBOX, "no-such-program")
    tap.equal("a program that is not there: status", status, 127)
    status, output = docker("run", "--rm", BUSYBOX, "/etc")
    tap.equal("a program that is a directory: status", status, 126)


def life():
    with Container("--name", "scenario-life", BUSYBOX, "sh", "-c", "trap 'echo ended; exit 0' TERM; echo begun; while :; do sleep 0.2; done") as container:
        name = container.id
        tap.ok("logs", until(lambda: docker("logs", name)[1] == "begun", 20), docker("logs", name)[1])
        status, output = docker("top", name)
        tap.ok("top", status == 0 and "sleep" in output, output)
        status, output = docker("stats", "--no-stream", "--format", "{{.PIDs}}", name)
        tap.ok("stats", status == 0 and output.isdigit() and int(output) > 0, output)
        status, output = terminal("docker", "exec", "-it", name, "sh", keys="cat /proc/self/attr/apparmor/current; exit 6\n")
        tap.ok("exec -it: a terminal, confined", status == 6 and "aa-shim-baseline (enforce)" in output, f"status {status}: {output}")
        status, output = docker("exec", "-i", "-e", "WORD=hello", "-w", "/tmp", "-u", "1000", name, "sh", "-c", "cat; pwd; id -u; echo $WORD", input="in\n")
        tap.equal("exec with input, environment, directory, user", (status, output.split()), (0, ["in", "/tmp", "1000", "hello"]))
        tap.equal("exec: the program's status", docker("exec", name, "sh", "-c", "exit 42")[0], 42)
        check_missing_program(name)
        check_copy(name)
        check_pause(name)
        check_update(name)
        status, _ = docker("stop", "-t", "20", name)
        tap.ok("stop: the program gets its signal", status == 0 and docker("logs", name)[1].endswith("ended") and inspect(name)["State"]["ExitCode"] == 0,
               docker("logs", name)[1])
        docker("start", name)
        tap.equal("start after stop: label", label(init_pid(name)), BASELINE)
        tap.equal("restart: status", docker("restart", "-t", "0", name)[0], 0)
        tap.equal("restart: label", label(init_pid(name)), BASELINE)
        docker("kill", name)
        tap.ok("kill", until(lambda: inspect(name)["State"]["ExitCode"] == 137, 20), inspect(name)["State"])
        tap.equal("rm of a stopped container", docker("rm", name)[0], 0)


def check_missing_program(name):
    """The same status, and the same reason in words, as without aa-shim."""
    with Container("--runtime", "runc", BUSYBOX) as plain:
        expected, reason = docker("exec", plain.id, "no-such-program")
    status, output = docker("exec", name, "no-such-program")
    tap.equal("exec: a program that is not there: status", status, expected)
    tap.ok("exec: a program that is not there: message", "not found" in reason and "not found" in output, output)


def check_copy(name):
    with open("/tmp/copied", "w", encoding="utf-8") as file:
        file.write("a copy")
    tap.equal("cp into the container", docker("cp", "/tmp/copied", f"{name}:/tmp/copied")[0], 0)
    tap.equal("the copy is there", docker("exec", name, "cat", "/tmp/copied")[1], "a copy")
    tap.equal("cp out of it", docker("cp", f"{name}:/tmp/copied", "/tmp/copied-back")[0], 0)


def check_pause(name):
    tap.equal("pause", docker("pause", name)[0], 0)
    tap.ok("paused", inspect(name)["State"]["Paused"])
    status, output = docker("exec", name, "true")
    tap.ok("exec in a paused container is refused by the engine", status != 0 and "paused" in output, output)
    tap.equal("unpause", docker("unpause", name)[0], 0)
    tap.equal("exec afterwards", docker("exec", name, "true")[0], 0)


def check_update(name):
    status, output = docker("update", "--memory", "64m", "--memory-swap", "64m", "--pids-limit", "77", name)
    tap.equal("update", status, 0)
    with open(f"/proc/{init_pid(name)}/cgroup", encoding="utf-8") as file:
        group = "/sys/fs/cgroup" + file.read().strip().split("::")[1]
    with open(f"{group}/pids.max", encoding="utf-8") as file:
        tap.equal("update reaches the kernel", file.read().strip(), "77")


def health():
    check = "cat /proc/self/attr/apparmor/current; grep -q aa-shim-baseline /proc/self/attr/apparmor/current"
    with Container("--health-cmd", check, "--health-interval", "2s", "--health-timeout", "60s", BUSYBOX) as container:
        healthy = until(lambda: inspect(container.id)["State"]["Health"]["Status"] == "healthy", 60)
        log = inspect(container.id)["State"]["Health"]["Log"]
        tap.ok("a health check is confined and passes", healthy and "aa-shim-baseline (enforce)" in log[-1]["Output"], log)
    with Container("--health-cmd", "echo > /dev/tty9", "--health-interval", "2s", "--health-retries", "1", "--health-timeout", "60s", BUSYBOX) as container:
        unhealthy = until(lambda: inspect(container.id)["State"]["Health"]["Status"] == "unhealthy", 60)
        tap.ok("a health check that does what is denied fails", unhealthy, inspect(container.id)["State"]["Health"])


def restart_policy():
    with Container("--restart", "always", BUSYBOX, "sh", "-c", "sleep 1; exit 1") as container:
        again = until(lambda: inspect(container.id)["RestartCount"] >= 2, 90)
        tap.ok("--restart always", again, inspect(container.id)["State"])
        until(lambda: init_pid(container.id) > 0, 30)
        restarted = inspect(container.id)["State"]
        if restarted["Running"]:
            tap.equal("a restarted container: label", label(restarted["Pid"]), BASELINE)


def engine_knows_the_runtime():
    status, output = docker("info", "--format", "{{.DefaultRuntime}} {{json .Runtimes}}")
    tap.ok("info: the default runtime", status == 0 and output.startswith("aa-shim "), output)
    status, output = docker("version", "--format", "{{json .Server.Components}}")
    tap.ok("version: that of the real runtime", re.search(r'"Name":"aa-shim|"Name":"runc', output) and "1.1.15" in output, output)


def shared_namespaces():
    with Container(BUSYBOX) as first, Container("--pid", f"container:{first.id}", "--label", "tier=web", BUSYBOX) as second:
        tap.equal("a container that shares namespaces: label", label(init_pid(second.id)), (frozenset(["aa-shim-web"]), "enforce"))
        status, output = docker("exec", second.id, "kill", "-9", "1")
        tap.ok("it cannot signal the other", status == 1 and "denied" in output, f"status {status}: {output}")
        status, output = docker("exec", second.id, "sh", "-c", "sleep 100 & kill -9 $!")
        tap.equal("it can signal its own", (status, output), (0, ""))
        tap.equal("and the other goes on under its own label", label(init_pid(first.id)), BASELINE)


def several_at_once():
    containers = [Container(BUSYBOX) for _ in range(3)]
    started = time.monotonic()
    pids = [container.exec_pid(["sleep", "1000"]) for container in containers for _ in range(4)]
    tap.equal("twelve execs: labels", {label(pid) for pid in pids}, {BASELINE})
    expected = expected_sets(DOCKER_DEFAULT - {"MKNOD"})
    tap.ok(f"twelve execs: capabilities ({time.monotonic() - started:.1f} s)", all(capabilities(pid) == expected for pid in pids))
    for container in containers:
        remove(container.id)


def readme():
    """The last command of the README as it stands there, and with the option of which the README speaks."""
    with open("/mnt/share/README.md", encoding="utf-8") as file:
        command = next(line for line in file if line.startswith("docker run "))
    words = shlex.split(command)[2:]
    docker("tag", BUSYBOX, "busybox")
    tap.equal(f"README: {command.strip()}", docker("run", *words), (0, "aa-shim-baseline (enforce)"))
    tap.equal("README: and so with --privileged", docker("run", "--privileged", *words), (0, "aa-shim-baseline (enforce)"))


def main():
    engine_knows_the_runtime()
    readme()
    foreground()
    life()
    health()
    restart_policy()
    shared_namespaces()
    several_at_once()
