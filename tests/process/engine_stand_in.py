# SPDX-License-Identifier: Apache-2.0
"""An engine for aa-shimctl install --verify: the programs docker, podman, ctr and crictl, which hand what they are asked to a thread of the
test, as real ones hand it to a daemon."""

import base64
import io
import json
import shutil
import socket
import subprocess
import tarfile
import threading
import time
from pathlib import Path

import bundle as bundles
import harness

SOCKET = harness.WORK / "engine.sock"
PROGRAMS = Path("/usr/local/bin")
BOUNDED = ["setpriv", "--no-new-privs", "--bounding-set", "-all,+chown,+kill,+net_bind_service,+setgid,+setuid"]
CLIENT = f"""#!/usr/bin/python3
import base64, json, os, socket, sys
with socket.socket(socket.AF_UNIX) as daemon:
    try:
        daemon.connect("{SOCKET}")
    except OSError:
        sys.exit("Cannot connect to the daemon.\\nIs it running?")
    text = base64.b64encode(sys.stdin.buffer.read()).decode()
    daemon.sendall(json.dumps([sys.argv, text, os.getpid(), os.getppid()]).encode())
    daemon.shutdown(socket.SHUT_WR)
    code, output, errors = json.load(daemon.makefile())
sys.stdout.write(output)
sys.stderr.write(errors)
sys.exit(code)
"""


class Failed(Exception):
    """What the engine says in place of a result."""


class Engine:
    """One that knows one container at a time."""

    def __init__(self, test, *programs):
        self.test = test
        self.asked = []  # the words of each call, without those before the verb
        self.image = None  # what was imported: (name, {path: (mode, content)})
        self.container = None  # (ID, process)
        self.shim = True  # whether containers are started by aa-shim
        self.failing = {}  # verb → what it says, each time or, in a list, one after the other
        self.before_start = lambda client, ctl: None
        for name in programs:
            (PROGRAMS / name).write_text(CLIENT)
            (PROGRAMS / name).chmod(0o755)
            if (packaged := Path("/usr/bin") / name).exists():
                subprocess.run(["mount", "--bind", PROGRAMS / name, packaged], check=True)
                test.addCleanup(subprocess.run, ["umount", packaged], check=True)
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(str(SOCKET))
        self.server.listen()
        threading.Thread(target=self.serve, daemon=True).start()

    def stop(self):
        if not SOCKET.exists():
            return
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        SOCKET.unlink()
        self.remove_container()

    def serve(self):
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            with connection:
                words, text, client, ctl = json.load(connection.makefile())
                try:
                    answer = 0, self.answer(words, base64.b64decode(text), client, ctl), ""
                except Failed as failure:
                    answer = 1, "", f"{failure}\n"
                connection.sendall(json.dumps(answer).encode())

    def answer(self, words, text, client, ctl):
        verb = next((word for word in words[1:] if word in VERBS), "")  # podman info, too, is asked
        self.asked.append([Path(words[0]).name, *words[1:]])
        failure = self.failing.get(verb)
        if isinstance(failure, list):
            failure = failure.pop(0) if failure else None
        if failure:
            raise Failed(failure)
        if verb == "import":
            self.image = words[-1], read_archive(text)
        elif verb in ("run", "runp"):
            self.before_start(client, ctl)
            return self.start(words, verb)
        elif verb == "rmi":
            self.image = None
        elif verb in ("rm", "tasks", "rmp"):
            if self.container is None:
                raise Failed("Error: No such container")
            self.remove_container()
        elif verb == "pods":
            return self.container[0] if self.container else ""
        return "1.0\n"

    def start(self, words, verb):
        """A process that stands for the container's first, and the state that runc would have of it."""
        by_ctr = Path(words[0]).name == "ctr"
        identity = words[-3] if by_ctr else "c0ffee" * 10
        program = Path(harness.CTL) if verb == "runp" else self.unpacked(words, by_ctr)
        command = ["unshare", "--pid", "--fork", "--kill-child", *BOUNDED, program, "__wait"]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, preexec_fn=harness.filter_system_calls)
        pid = first_child(process.pid, program.name)
        directory = self.test.make_bundle(bundles.config(), name="verified")
        if self.shim:
            self.test.create(directory, container=identity)
        annotations = json.loads((directory / "config.json").read_bytes()).get("annotations", {})
        root = Path("/run/containerd/runc/default" if by_ctr or verb == "runp" else "/run/docker/runtime-runc/moby")
        root.mkdir(parents=True, exist_ok=True)
        self.test.make_runc_state(pid, directory, identity, root, annotations.items())
        self.container = identity, process, root / identity, directory
        return "" if by_ctr else f"{identity}\n"

    def unpacked(self, words, by_ctr):
        """The program in the container's root."""
        if by_ctr:
            return Path(words[-4]) / "aa-shimctl"
        program = harness.WORK / "image" / "aa-shimctl"
        program.parent.mkdir(exist_ok=True)
        program.write_bytes(self.image[1]["aa-shimctl"][1])
        program.chmod(0o755)
        return program

    def remove_container(self):
        if self.container is None:
            return
        _, process, state, directory = self.container
        process.kill()
        process.wait()
        shutil.rmtree(state)
        shutil.rmtree(directory)
        shutil.rmtree(harness.WORK / "image", ignore_errors=True)
        self.container = None


VERBS = {"version", "import", "run", "rm", "rmi", "runp", "pods", "stopp", "rmp", "tasks", "containers", "namespaces"}


def read_archive(text):
    with tarfile.open(fileobj=io.BytesIO(text)) as archive:
        return {member.name: (member.mode, archive.extractfile(member).read()) for member in archive}


def first_child(parent, name):
    for _ in range(500):
        for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
            if Path(f"/proc/{pid}/comm").read_text() == f"{name}\n":
                return int(pid)
        time.sleep(0.02)
    raise RuntimeError(f"{name} did not start")
