# SPDX-License-Identifier: Apache-2.0
"""Docker, Podman and containerd's CRI as one: a container is asked for in the words of `Ask`, and each engine says it in its own."""
import contextlib
import itertools
import json
import os
import re
import threading
import time
from dataclasses import dataclass, field

import cri
from harness import DOCKER_DEFAULT, api, docker, exec_in, exec_pid, inspect, must, remove, run, until
from terminal import terminal

IMAGES = {name: f"aa-example/{name}:latest" for name in ("busybox", "marked", "nginx")}
# What Podman gives a container that asks for nothing.
PODMAN_DEFAULT = DOCKER_DEFAULT - {"AUDIT_WRITE", "MKNOD", "NET_RAW"}
STOPPABLE = ["sh", "-c", "trap 'exit 7' TERM; while :; do sleep 0.2; done"]
next_number = itertools.count(100001).__next__


class Refused(Exception):
    """The engine did not start it: its exit status, as far as it has one, and what it told the person."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status, self.text = status, text


@dataclass
class Ask:
    command: list = field(default_factory=list)  # none: the image's, which sleeps
    image: str = "busybox"
    name: str = ""
    labels: dict = field(default_factory=dict)
    annotations: dict = field(default_factory=dict)
    scenario: str = ""  # selects a confinement of the scenarios' catalog, by what the engine has
    handler: str = ""
    namespace: str = ""
    pod: str = ""
    user: int = 0
    privileged: bool = False
    add: list = field(default_factory=list)
    drop: list = field(default_factory=list)
    profile: str = ""  # a caller's own, or "unconfined"
    no_new_privileges: bool = False
    read_only: bool = False
    init: bool = False
    health: str = ""
    network: bool = False  # the engine's usual network in place of none
    policy: str = ""  # restart policy


def process(command):
    """The pid on the host of the process with the words COMMAND; None if there is none."""
    wanted = "\0".join(command).encode() + b"\0"
    for pid in os.listdir("/proc"):
        if pid.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:
                if file.read() == wanted:
                    return int(pid)
    return None


class Running:
    """A container; gone at the end of the block. What engines do differently is in the classes below."""

    id = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.remove()

    def exec_shown(self, *command):
        return self.exec(*command)

    def exec_pid(self, **options):
        """Starts a program in the container as the engine's exec does and leaves it running; its pid on the host."""
        command = ["sleep", str(next_number())]
        answer = []
        thread = threading.Thread(target=lambda: answer.append(self.exec(*command, **options)), daemon=True)
        thread.start()
        until(lambda: process(command) or answer, 60)
        pid = process(command)
        if pid is None:
            raise RuntimeError(f"exec of {command}: {answer}")
        return pid


def plain_version(text):
    """The version in TEXT, without what a distribution adds."""
    return re.search(r"\d+(\.\d+)+", text)[0]


class Docker:
    name, fact = "docker", "docker"
    facts = {"name", "image", "label", "entrypoint", "user", "privileged", "handler", "engine", "init", "health", "restart"}
    default_capabilities, default_profile = DOCKER_DEFAULT, "docker-default"
    refused_status, exec_refused_status = 125, 126

    def __init__(self):
        self.version = plain_version(api("GET", "/version")["Version"])
        if int(self.version.split(".")[0]) >= 25:
            self.facts = self.facts | {"annotation"}

    def start(self, ask):
        """By the daemon's API, as the docker program takes its time under emulation."""
        host = {
            "Runtime": f"aa-shim-{ask.handler}" if ask.handler else "", "Privileged": ask.privileged, "CapAdd": ask.add, "CapDrop": ask.drop,
            "SecurityOpt": security_options(ask), "ReadonlyRootfs": ask.read_only, "Init": ask.init, "RestartPolicy": {"Name": ask.policy},
            "NetworkMode": "default" if ask.network else "none", "Annotations": ask.annotations,
        }
        body = {"Image": IMAGES[ask.image], "Cmd": ask.command or None, "User": str(ask.user or ""), "HostConfig": host,
                "Labels": ask.labels | ({"scenario": ask.scenario} if ask.scenario else {})}
        if ask.health:
            body["Healthcheck"] = {"Test": ["CMD-SHELL", ask.health], "Interval": 2 * 10**9, "Timeout": 60 * 10**9, "Retries": 1}
        container = DockerContainer(api("POST", f"/containers/create?name={ask.name}" if ask.name else "/containers/create", body)["Id"])
        try:
            api("POST", f"/containers/{container.id}/start")
        except RuntimeError as error:
            container.remove()
            raise Refused(None, str(error)) from None
        return container

    def run(self, ask):
        """As a person starts it, who sees what was refused and why."""
        options = ["--label", f"scenario={ask.scenario}"] if ask.scenario else []
        return DockerContainer(must_start(["docker", "run", "-d", *options, *common_options(ask), IMAGES[ask.image], *ask.command]))

    def run_terminal(self, ask, keys):
        return terminal("docker", "run", "--rm", "-it", *common_options(ask), IMAGES[ask.image], "sh", keys=keys)

    def close(self):
        pass


def must_start(command):
    status, output = run(*command)
    if status != 0:
        raise Refused(status, output)
    return output.splitlines()[-1]


def security_options(ask):
    return ([f"apparmor={ask.profile}"] if ask.profile else []) + (["no-new-privileges"] if ask.no_new_privileges else [])


def common_options(ask):
    """What Docker and Podman call the same."""
    values = [("--name", [ask.name] if ask.name else []), ("--label", pairs(ask.labels)), ("--annotation", pairs(ask.annotations)),
              ("--user", [str(ask.user)] if ask.user else []), ("--cap-add", ask.add), ("--cap-drop", ask.drop), ("--security-opt", security_options(ask)),
              ("--restart", [ask.policy] if ask.policy else []), ("--network", [] if ask.network else ["none"])]
    if ask.health:
        values += [("--health-cmd", [ask.health]), ("--health-interval", ["2s"]), ("--health-timeout", ["60s"]), ("--health-retries", ["1"])]
    flags = [("--privileged", ask.privileged), ("--read-only", ask.read_only), ("--init", ask.init)]
    return [word for option, texts in values for text in texts for word in (option, text)] + [option for option, on in flags if on]


def pairs(mapping):
    return [f"{key}={value}" for key, value in mapping.items()]


class DockerContainer(Running):
    def __init__(self, identity):
        self.id = identity

    def pid(self):
        return inspect(self.id)["State"]["Pid"]

    def exec(self, *command, **options):
        return exec_in(self.id, command, **options)

    def exec_pid(self, user="", privileged=False):
        return exec_pid(self.id, ["sleep", "1000"], privileged, str(user))

    def exec_shown(self, *command):
        """As a person execs it."""
        return docker("exec", self.id, *command)

    def exec_terminal(self, keys, command=("sh",)):
        return terminal("docker", "exec", "-it", self.id, *command, keys=keys)

    def stop(self, seconds):
        return docker("stop", "-t", str(seconds), self.id)

    def kill(self):
        return docker("kill", self.id)

    def restart(self):
        docker("restart", "-t", "0", self.id)

    def exit_code(self):
        state = inspect(self.id)["State"]
        return None if state["Running"] else state["ExitCode"]

    def healthy(self):
        """Whether a health check found it healthy; waits for the first."""
        until(lambda: inspect(self.id)["State"]["Health"]["Status"] != "starting", 60)
        health = inspect(self.id)["State"]["Health"]
        return health["Status"] == "healthy", health["Log"][-1]["Output"] if health["Log"] else ""

    def remove(self):
        remove(self.id)


STORAGE = "/run/containers/storage/overlay-containers"


def podman(*arguments, **options):
    return run("podman", *arguments, **options)


class Podman:
    name, fact = "podman", "podman"
    facts = {"name", "image", "annotation", "entrypoint", "user", "handler", "engine", "init", "health", "restart"}
    default_capabilities = PODMAN_DEFAULT
    refused_status, exec_refused_status = 126, 126

    def __init__(self):
        self.version = plain_version(must("podman", "--version"))
        self.default_profile = "containers-default-"

    def start(self, ask):
        options = ["--annotation", f"scenario={ask.scenario}"] if ask.scenario else []
        runtime = ["--runtime", f"/usr/bin/aa-shim-{ask.handler}"] if ask.handler else []
        return PodmanContainer(must_start(["podman", *runtime, "run", "-d", *options, *common_options(ask), IMAGES[ask.image], *ask.command]))

    def run(self, ask):
        return self.start(ask)

    def run_terminal(self, ask, keys):
        return terminal("podman", "run", "--rm", "-it", *common_options(ask), IMAGES[ask.image], "sh", keys=keys)

    def close(self):
        pass


class PodmanContainer(Running):
    def __init__(self, identity):
        self.id = identity

    def inspect(self):
        return json.loads(must("podman", "inspect", "--type", "container", self.id))[0]

    def pid(self):
        """From the file that the runtime writes for conmon."""
        with open(f"{STORAGE}/{self.id}/userdata/pidfile", encoding="utf-8") as file:
            return int(file.read())

    def exec(self, *command, user=None, privileged=False):
        options = [*(["-u", str(user)] if user is not None else []), *(["--privileged"] if privileged else [])]
        return podman("exec", *options, self.id, *command)

    def exec_terminal(self, keys, command=("sh",)):
        return terminal("podman", "exec", "-it", self.id, *command, keys=keys)

    def stop(self, seconds):
        return podman("stop", "-t", str(seconds), self.id)

    def kill(self):
        return podman("kill", self.id)

    def restart(self):
        podman("restart", "-t", "0", self.id)

    def exit_code(self):
        state = self.inspect()["State"]
        return None if state["Running"] else state["ExitCode"]

    def healthy(self):
        """Podman leaves the rhythm of health checks to systemd, which is not here; this is one beat."""
        status, output = podman("healthcheck", "run", self.id)
        return status == 0, output

    def remove(self):
        podman("rm", "--force", "--time", "0", self.id)


class Cri:
    """containerd as a kubelet drives it. A container lives in a sandbox: one for each pod that is asked for."""
    name, fact = "cri", "cri-containerd"
    facts = {"name", "image", "annotation", "entrypoint", "user", "handler", "engine", "namespace", "pod"}
    default_capabilities, default_profile = DOCKER_DEFAULT, "cri-containerd.apparmor.d"
    refused_status = exec_refused_status = None

    def __init__(self):
        self.version = plain_version(cri.call("Version", version="v1")["runtime_version"])
        self.sandboxes = {}

    def sandbox(self, handler="", namespace="", pod="", privileged=False, annotations=(), network=False):
        """The sandbox for that, started if there is none: its ID and its configuration."""
        key = (handler, namespace, pod, privileged, tuple(annotations), network)
        if key not in self.sandboxes:
            name = pod or f"pod-{len(self.sandboxes)}"
            config = {
                "metadata": {"name": name, "uid": f"uid-{name}-{time.monotonic_ns()}", "namespace": namespace or "default"},
                "log_directory": f"/tmp/logs/{name}", "annotations": dict(annotations),
                "linux": {"security_context": {"privileged": privileged,
                                               "namespace_options": {"network": cri.POD if network else cri.NODE, "pid": cri.CONTAINER}}},
            }
            handler = f"aa-shim-{handler}" if handler else "aa-shim"
            self.sandboxes[key] = cri.call("RunPodSandbox", config=config, runtime_handler=handler)["pod_sandbox_id"], config
        return self.sandboxes[key]

    def start(self, ask):
        annotations = ask.annotations | ({"scenario": ask.scenario} if ask.scenario else {})
        security = {
            "privileged": ask.privileged, "namespace_options": {"network": cri.POD if ask.network else cri.NODE, "pid": cri.CONTAINER},
            "capabilities": {"add": ask.add, "drop": ask.drop}, "readonly_rootfs": ask.read_only, "no_new_privs": ask.no_new_privileges,
        }
        if ask.profile:
            security["apparmor"] = {"profile_type": cri.UNCONFINED} if ask.profile == "unconfined" else {
                "profile_type": cri.LOCALHOST, "localhost_ref": ask.profile}
        if ask.user:
            security["run_as_user"] = {"value": ask.user}
        config = {
            "metadata": {"name": ask.name or f"container-{next_number()}"}, "image": {"image": f"docker.io/{IMAGES[ask.image]}"}, "command": ask.command,
            "annotations": annotations, "log_path": "log", "linux": {"security_context": security},
        }
        try:
            sandbox = self.sandbox(ask.handler, ask.namespace, ask.pod, ask.privileged, network=ask.network)
            return CriContainer(sandbox, config)
        except cri.Refused as error:
            raise Refused(None, str(error)) from None

    def run(self, ask):
        return self.start(ask)

    def close(self):
        for identity, _ in self.sandboxes.values():
            cri.call("StopPodSandbox", pod_sandbox_id=identity)
            cri.call("RemovePodSandbox", pod_sandbox_id=identity)
        self.sandboxes = {}


class CriContainer(Running):
    def __init__(self, sandbox, config):
        self.sandbox, self.config = sandbox, config
        self.id = cri.call("CreateContainer", pod_sandbox_id=sandbox[0], config=config, sandbox_config=sandbox[1])["container_id"]
        try:
            cri.call("StartContainer", container_id=self.id)
        except cri.Refused:
            self.remove()
            raise

    def status(self):
        return cri.call("ContainerStatus", container_id=self.id, verbose=True)

    def pid(self):
        return json.loads(self.status()["info"]["info"])["pid"]

    def exec(self, *command, timeout=100):
        try:
            answer = cri.call("ExecSync", container_id=self.id, cmd=list(command), timeout=timeout)
        except cri.Refused as error:
            return None, str(error)
        return answer["exit_code"], (answer["stdout"] + answer["stderr"]).decode(errors="replace").strip()

    def exec_terminal(self, keys, command=("sh",)):
        status, screen, verdict = cri.streaming_exec(self.id, list(command), tty=True, stdin=keys.encode(), await_output=b"#")
        return status, f"{screen}\n{verdict}"

    def stop(self, seconds):
        try:
            cri.call("StopContainer", container_id=self.id, timeout=seconds)
        except cri.Refused as error:
            return 1, str(error)
        return 0, ""

    def kill(self):
        return self.stop(0)

    def restart(self):
        """As the kubelet does: another container, with the next number."""
        self.kill()
        self.remove()
        metadata = self.config["metadata"]
        again = CriContainer(self.sandbox, self.config | {"metadata": metadata | {"attempt": metadata.get("attempt", 0) + 1}})
        self.id, self.config = again.id, again.config

    def exit_code(self):
        status = self.status()["status"]
        return status["exit_code"] if status["state"] == cri.EXITED else None

    def remove(self):
        cri.call("RemoveContainer", container_id=self.id)


ENGINES = {"docker": Docker, "cri": Cri, "podman": Podman}
