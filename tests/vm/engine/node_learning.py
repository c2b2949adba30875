# SPDX-License-Identifier: Apache-2.0
"""The agent of a node learns from what its delivery marks, in a container with what the component deploy/kubernetes/learn gives it and nothing more. After
`installer`, whose image it is."""
import json
import os
import subprocess
import time

from engines import Ask, Cri
from harness import Container, docker, init_pid, label, must, run, tap, until
from installer import CATALOG, CONFINED, IMAGE, agent
from learn import BUSYBOX, RECORDINGS, only, program_facts, twins

MARKS = f"{CATALOG}/learning.json"
STATUS = "/run/aa-shim/node-status"
LEARNS = [word for word in CONFINED if word not in ("--network", "none")] + ["--pid", "host"]
LEARNS += [word for name in ("AUDIT_CONTROL", "AUDIT_READ", "NET_ADMIN", "SYS_PTRACE") for word in ("--cap-add", name)]


class Agent:
    """The pod of the agent, until the end of the block."""

    def __init__(self, network="host"):
        status, self.id = docker("run", "-d", *LEARNS, "--network", network, "-v", "/:/host", "-v", f"{CATALOG}:/catalog:ro", IMAGE, "node", "--name", "",
                                 "--handlers", "web", "--interval", "1", "--learn")
        tap.ok("the agent is started", status == 0, self.id)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        docker("rm", "-f", self.id)

    def log(self):
        return docker("logs", self.id)[1]

    def log_file(self, path):
        """What it wrote to its standard output."""
        with open(path, "w", encoding="utf-8") as file:
            subprocess.run(["docker", "logs", self.id], stdout=file, stderr=subprocess.DEVNULL, check=True)
        return path


def mark(*confinements):
    end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 1800))
    with open(f"{MARKS}.new", "w", encoding="utf-8") as file:
        json.dump({"learning": [{"confinement": name, "until": end} for name in confinements]}, file)
    os.rename(f"{MARKS}.new", MARKS)


def status():
    with open(STATUS, encoding="utf-8") as file:
        return json.load(file)["status"]


def read(path):
    with open(path, "rb") as file:
        return file.read()


def is_over():
    return twins().get("web") == (False, False)


def check_from_mark_to_proposal():
    mark("web")
    with Agent() as pod:
        tap.ok("the mark begins it", until(lambda: twins().get("web") == (True, True), 120), pod.log())
        tap.ok("the node's status says so", until(lambda: "; learning from 'web' until " in status()), status())
        with Container("--label", "tier=web", BUSYBOX, "sh", "-c", "echo > /etc/at-start; sleep 1000") as container:
            tap.equal("a container is learned from", label(init_pid(container.id)), only("aa-shim-learning-web", "complain"))
            tap.equal("what the profile forbids is done", container.exec("touch", "/etc/by-exec")[0], 0)
            mark()
            tap.ok("without the mark it ends", until(is_over, 120), twins())
            tap.equal("the container is forbidden again what it was", (container.exec("touch", "/etc/again")[0] != 0, label(init_pid(container.id))),
                      (True, only("aa-shim-learning-web", "enforce")))
        recording = read(f"{RECORDINGS}/web.recording")
        tap.has("it was recorded, of which program", program_facts("web").get("/usr/bin/touch", set()), "/etc/by-exec")
        tap.has("nothing was lost", recording.decode().splitlines()[0], '"backlog":0,"overruns":0,"suppressed":0,"unattributed":0,"unrecorded":0')
        tap.ok("the log has it", until(lambda: "aa-shim-learned" in pod.log()), pod.log())
        log = pod.log_file("/srv/agent.log")
        must("aa-shimctl", "learn", "web", "--recording", log, "--export", "/srv/exported")
        tap.ok("to the byte", read("/srv/exported") == recording, pod.log())
        tap.ok("the node's status does not tell of it any more", until(lambda: "learning" not in status()), status())


def facts_of(path):
    """The names of files in the recording PATH."""
    return {json.loads(line).get("name") for line in read(path).decode().splitlines()[1:]}


def check_pod():
    """A pod as a kubelet starts it, by the RuntimeClass of the confinement; what its node recorded is merged with what the first one did."""
    must("aa-shimctl", "learn", "web", "--export", "/srv/first")
    os.remove(f"{RECORDINGS}/web.recording")
    mark("web")
    cri = Cri()
    with Agent() as pod:
        tap.ok("pod: the mark begins it", until(lambda: twins().get("web") == (True, True), 120), pod.log())
        with cri.start(Ask(handler="web", pod="learned", command=["sh", "-c", "echo > /etc/by-pod; sleep 1000"])) as container:
            tap.equal("pod: it is learned from", label(container.pid()), only("aa-shim-learning-web", "complain"))
            tap.equal("pod: a probe does what the profile forbids", container.exec("touch", "/etc/by-probe")[0], 0)
            mark()
            tap.ok("pod: without the mark it ends", until(is_over, 120), twins())
            tap.equal("pod: it is forbidden again what it was", (container.exec("touch", "/etc/again")[0] != 0, label(container.pid())),
                      (True, only("aa-shim-learning-web", "enforce")))
        tap.ok("pod: the log has it", until(lambda: "aa-shim-learned" in pod.log()), pod.log())
        log = pod.log_file("/srv/pod.log")
    cri.close()
    own = facts_of(f"{RECORDINGS}/web.recording")
    tap.ok("pod: its recording is its own", {"/etc/by-pod", "/etc/by-probe"} <= own and "/etc/by-exec" not in own, own)
    must("aa-shimctl", "learn", "web", "--recording", log, "--merge", "/srv/first", "--export", "/srv/merged")
    merged = facts_of("/srv/merged")
    tap.ok("pod: merged with another node's", {"/etc/by-pod", "/etc/by-probe", "/etc/by-exec"} <= merged, merged)
    status, output = run("aa-shimctl", "--json", "learn", "web", "--finish", "--recording", log, "--merge", "/srv/first")
    tap.ok("pod: a profile is proposed from both", status == 0 and all(name in output for name in ("by-pod", "by-exec")), output)


def check_killed():
    mark("web")
    with Agent() as pod:
        until(lambda: twins().get("web") == (True, True), 120)
        with Container("--label", "tier=web", BUSYBOX) as container:
            docker("kill", "--signal", "KILL", pod.id)
            until(lambda: twins().get("web") in ((True, False), (False, False)), 60)
            tap.ok("killed: nobody learns", not twins()["web"][1], twins())
            mark()
            result, output = agent("/", "--once", "--handlers", "web")
            tap.ok("killed: the next agent, which may not learn, has the twin enforce", result == 0 and is_over(), output)
            tap.equal("killed: the container is under it", label(init_pid(container.id)), only("aa-shim-learning-web", "enforce"))


def check_ended():
    mark("web")
    with Agent() as pod:
        until(lambda: twins().get("web") == (True, True), 120)
        must("docker", "stop", "--time", "60", pod.id)
        tap.ok("SIGTERM: it ends with the agent", is_over(), twins())


def check_refused():
    mark("web", "no-such")
    result, output = agent("/", "--once", "--handlers", "web")
    tap.ok("without --learn nothing is", result == 1 and "runs without --learn" in output and is_over(), output)
    with Agent(network="none"):
        tap.ok("where the kernel is not heard nothing is learned", until(lambda: "not learning from 'web': nothing is heard from the kernel" in status(), 120), status())
        tap.ok("nor from what is no confinement", until(lambda: "not learning from 'no-such': " in status(), 60), status())
        tap.ok("and no twin complains", is_over(), twins())
    os.remove(MARKS)


def main():
    agent("/", "--once", "--handlers", "web")
    if os.path.exists("/run/aa-shim/engine-restart"):
        os.remove("/run/aa-shim/engine-restart")
    check_from_mark_to_proposal()
    check_pod()
    check_killed()
    check_ended()
    check_refused()
