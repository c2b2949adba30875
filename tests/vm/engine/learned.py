# SPDX-License-Identifier: Apache-2.0
"""Learning from end to end: a server works while it is learned from, and does the same work under the profile and the ceiling that are proposed;
nothing of it is denied, and what it did not do is. Labels, capabilities and denials are the kernel's."""
import json
import os
import signal
import sys
import urllib.request

import new
from harness import Container, capabilities, docker, expected_sets, init_pid, inspect, label, must, no_new_privileges, run, tap, until
from learn import Learning

EPERM, EACCES = 1, 13
# What becomes of what an intruder tries. A ceiling or Yama may be in the way before the profile is.
MAY = ("a library", "a socket")
MAY_NOT = ("passwords", "a shell", "a program", "a raw socket", "a mount", "tracing", "a switch of the kernel", "the host's name")


class Nginx:
    template, name, image = "web", "shop", "aa-example/nginx"
    ceiling = ["CHOWN", "SETGID", "SETUID"]

    @staticmethod
    def serves(container):
        address = inspect(container.id)["NetworkSettings"]["IPAddress"]
        try:
            with urllib.request.urlopen(f"http://{address}/", timeout=5) as page:
                return "served by nginx" in page.read().decode()
        except OSError:
            return False

    @classmethod
    def work(cls, container):
        """What it does between two starts: what was done → whether."""
        workers = must("docker", "top", container.id)
        must("docker", "kill", "--signal", "HUP", container.id)
        yield "it is reloaded: other workers", until(lambda: must("docker", "top", container.id) != workers, 30)
        yield "it serves then", until(lambda: cls.serves(container), 30)
        yield "exec of nginx -t", "test is successful" in container.exec("/usr/sbin/nginx", "-t")[1]


class Redis:
    template, name, image = "database", "store", "aa-example/redis"
    ceiling = []

    @staticmethod
    def serves(container):
        return container.exec("redis-cli", "ping")[1] == "PONG"

    @staticmethod
    def work(container):
        yield "a key is written", container.exec("redis-cli", "set", "key", "value")[1] == "OK"
        yield "and read", container.exec("redis-cli", "get", "key")[1] == "value"


SERVERS = (Nginx, Redis)


def check_work(server, when, container):
    """Two starts, with all that the server does."""
    tap.ok(f"{server.name}, {when}: it serves", until(lambda: server.serves(container), 60), docker("logs", container.id)[1])
    for what, done in server.work(container):
        tap.ok(f"{server.name}, {when}: {what}", done, docker("logs", container.id)[1])
    must("docker", "stop", container.id)
    tap.equal(f"{server.name}, {when}: it stops by itself", inspect(container.id)["State"]["ExitCode"], 0)
    must("docker", "start", container.id)
    tap.ok(f"{server.name}, {when}: started again, it serves", until(lambda: server.serves(container), 60), docker("logs", container.id)[1])


def learn(server):
    learning = Learning(server.name, "--for", "20m")
    with Container(f"{server.name}:1") as container:
        tap.equal(f"{server.name}: what it is learned under", label(init_pid(container.id)), (frozenset([f"aa-shim-learning-{server.name}"]), "complain"))
        check_work(server, "learned from", container)
        must("docker", "stop", container.id)
    status, output = learning.end(signal.SIGTERM)
    tap.equal(f"{server.name}: learning ends", status, 0)
    tap.has(f"{server.name}: nothing was lost", output, "Nothing was lost.")


def finish(server):
    """The proposal comes into force."""
    shown = must("aa-shimctl", "learn", server.name, "--finish")
    tap.has(f"{server.name}: the proposal is shown", shown, f"+profile aa-shim-learned-{server.name} ", "Nothing was changed")
    must("aa-shimctl", "learn", server.name, "--finish", "--write")
    must("aa-shimctl", "load")


def denials_of(profile):
    """What was denied under PROFILE, and how much of the log is missing."""
    document = json.loads(must("aa-shimctl", "--json", "denials"))
    denied = {f"{one['operation']} {one['name']}" for one in document["denials"] if one["label"] == profile}
    return denied, sum(document["lost"].values())


def tried(pid, *label_of):
    return json.loads(must(sys.executable, "-B", "engine/intruder.py", str(pid), *label_of))


def check_attacks(server, profile, container):
    pid = init_pid(container.id)
    tap.equal(f"{server.name}: the capabilities that it used, and no others", capabilities(pid)["Bnd"], expected_sets(server.ceiling)["Bnd"])
    tap.equal(f"{server.name}: no-new-privileges stays", no_new_privileges(pid), True)
    tap.ok(f"{server.name}: no shell by exec", "refused" in container.exec("/bin/sh", "-c", "true")[1])
    status, output = container.exec("cat", "/etc/shadow", user="0")
    tap.ok(f"{server.name}: no other command by exec", status != 0 and "refused" in output, output)
    tap.equal(f"{server.name}: without the profile all is done", tried(pid), dict.fromkeys(MAY + MAY_NOT, 0))
    found = tried(pid, profile)
    for what in MAY:
        tap.equal(f"{server.name}: under it, {what}", found[what], 0)
    for what in MAY_NOT:
        tap.ok(f"{server.name}: under it, not {what}", found[what] in (EPERM, EACCES), f"errno {found[what]}")
    tap.ok(f"{server.name}: and that is a denial", "open /etc/shadow" in denials_of(profile)[0], denials_of(profile))


def check_learned(server):
    profile = f"aa-shim-learned-{server.name}"
    with Container(f"{server.name}:1") as container:
        must("docker", "cp", "/srv/new/shadow", f"{container.id}:/etc/shadow")
        tap.equal(f"{server.name}: the kernel's label", label(init_pid(container.id)), (frozenset([profile]), "enforce"))
        check_work(server, "under what was learned", container)
        tap.equal(f"{server.name}: nothing of it is denied, and nothing lost", denials_of(profile), (set(), 0))
        check_attacks(server, profile, container)


def forget(server):
    for path in (*new.files_of(server.name), f"apparmor.d/aa-shim-learned-{server.name}"):
        if os.path.exists(f"/etc/aa-shim/{path}"):
            os.remove(f"/etc/aa-shim/{path}")


def main():
    with open("/proc/sys/kernel/printk_ratelimit", "w", encoding="utf-8") as file:
        file.write("0")  # all denials are printed: that there is none says something then
    os.makedirs("/srv/new", exist_ok=True)
    with open("/srv/new/shadow", "w", encoding="utf-8") as file:
        file.write("root:secret:1::::::\n")
    try:
        for server in SERVERS:
            new.begin(server.template, server.name)
            must("docker", "tag", server.image, f"{server.name}:1")
            must("aa-shimctl", "load")
            learn(server)
            finish(server)
            check_learned(server)
    finally:
        for server in SERVERS:
            forget(server)
        must("aa-shimctl", "load")
