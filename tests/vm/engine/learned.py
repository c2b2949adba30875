# SPDX-License-Identifier: Apache-2.0
"""Learning from end to end: an application works while it is learned from, and does the same work under the profile and the ceiling that are
proposed; nothing of it is denied, and what it did not do is. Labels, capabilities and denials are the kernel's."""
import concurrent.futures
import contextlib
import glob
import json
import os
import re
import signal
import sys

import new
from applications import Nginx, Redis
from engines import Ask, Docker
from harness import capabilities, label, must, no_new_privileges, read_catalog, tap, until
from learn import RECORDINGS, Learning, twins

EPERM, EACCES = 1, 13


class Stage:
    """An application in an engine: containers of it, and what of its life differs from one engine to another."""

    def __init__(self, engine, application):
        self.engine, self.application, self.name = engine, application, application.name
        self.profile = f"aa-shim-learned-{self.name}"

    @contextlib.contextmanager
    def container(self):
        with self.engine.start(Ask(image=self.name, network=self.engine.name != "podman")) as container:
            yield container

    def again(self, container):
        """Starts it once more, after it was stopped; the kubelet has another container for that."""
        if self.engine.name == "cri":
            container.restart()
        else:
            must(self.engine.name, "start", container.id)


def check_work(stage, when, container):
    """Two starts, with all that the application does."""
    application = stage.application
    tap.ok(f"{stage.name}, {when}: it serves", until(lambda: application.serves(container), 60))
    for what, done in application.work(container):
        tap.ok(f"{stage.name}, {when}: {what}", done)
    container.stop(3)
    tap.equal(f"{stage.name}, {when}: how it ends when it is stopped", container.exit_code(), application.exit_code)
    stage.again(container)
    tap.ok(f"{stage.name}, {when}: started again, it serves", until(lambda: application.serves(container), 60))


def proposed(stage):
    """The rules for what was recorded up to now."""
    return {rule["rule"] for rule in json.loads(must("aa-shimctl", "--json", "learn", stage.name, "--finish"))["rules"]}


def learn_half(stage):
    """What is proposed for half of the work."""
    learning = Learning(stage.name, "--for", "20m")
    with stage.container() as container:
        tap.ok(f"{stage.name}, half of it: it serves", until(lambda: stage.application.serves(container), 60))
        for what, done in stage.application.half(container):
            tap.ok(f"{stage.name}, half of it: {what}", done)
    learning.end(signal.SIGTERM)
    return proposed(stage)


def check_rest(stage, rules):
    """RULES are those that half of the work gives alone, or all of it."""
    is_rest = [any(part in rule for part in stage.application.rest) for rule in rules]
    tap.ok(f"{stage.name}: half of the work lacks what the rest did, and nothing else", is_rest and all(is_rest), rules)


def learn(stage):
    learning = Learning(stage.name, "--for", "20m")
    with stage.container() as container:
        # Where crun is a component, the mode of the label does not tell.
        tap.equal(f"{stage.name}: what it is learned under", label(container.pid())[0], frozenset([f"aa-shim-learning-{stage.name}"]))
        tap.equal(f"{stage.name}: which complains", twins()[stage.name], (True, True))
        check_work(stage, "learned from", container)
        container.stop(3)
    status, output = learning.end(signal.SIGTERM)
    tap.equal(f"{stage.name}: learning ends", status, 0)
    tap.has(f"{stage.name}: nothing was lost", output, "Nothing was lost.")


def rules_of(path):
    """How many rules the profile in PATH has: those of its block stand on a line each."""
    with open(path, encoding="utf-8") as file:
        return sum(bool(re.match(r" +[^#\s].*,( +#.*)?$", line)) for line in file)


def finish(stage):
    """The proposal comes into force: always the same, and not much longer than what a person wrote for all of its like."""
    shown = must("aa-shimctl", "learn", stage.name, "--finish")
    tap.has(f"{stage.name}: the proposal is shown", shown, f"+profile {stage.profile} ", "Nothing was changed")
    tap.equal(f"{stage.name}: the same recording gives the same proposal", must("aa-shimctl", "learn", stage.name, "--finish"), shown)
    must("aa-shimctl", "learn", stage.name, "--finish", "--write")
    rules, by_hand = rules_of(f"/etc/aa-shim/apparmor.d/{stage.profile}"), rules_of(f"share/apparmor.d/{stage.application.by_hand}")
    tap.ok(f"{stage.name}: at most one and a half times the rules of {stage.application.by_hand}", 5 < rules <= 1.5 * by_hand, f"{rules}, {by_hand}")
    must("aa-shimctl", "load")


def denials_of(profile):
    """What was denied under PROFILE and its children, and how much of the log is missing."""
    document = json.loads(must("aa-shimctl", "--json", "denials"))
    denied = {f"{one['operation']} {one['name']}" for one in document["denials"] if f"{one['label']}//".startswith(f"{profile}//")}
    return denied, sum(document["lost"].values())


def print_all_denials():
    """That there is none says something then."""
    with open("/proc/sys/kernel/printk_ratelimit", "w", encoding="utf-8") as file:
        file.write("0")


def tried(pid, *label_of):
    return json.loads(must(sys.executable, "-B", "engine/intruder.py", str(pid), *label_of))


def plant_passwords(container):
    with open(f"/proc/{container.pid()}/root/etc/shadow", "w", encoding="utf-8") as file:
        file.write("root:secret:1::::::\n")


def check_attacks(stage, container):
    plant_passwords(container)
    application, pid = stage.application, container.pid()
    held, used = capabilities(pid)["Bnd"], set(application.ceiling)
    tap.ok(f"{stage.name}: the capabilities that it used, and no others", used <= held <= used | application.perhaps, held)
    tap.equal(f"{stage.name}: which are those of the entry", held, set(read_catalog()[stage.name]["capabilities"]))
    tap.equal(f"{stage.name}: no-new-privileges is as it was", no_new_privileges(pid), application.no_new_privileges)
    tap.ok(f"{stage.name}: no shell by exec", "refused" in container.exec("/bin/sh", "-c", "true")[1])
    status, output = container.exec("cat", "/etc/shadow")
    tap.ok(f"{stage.name}: no other command by exec", status != 0 and "refused" in output, output)
    free = tried(pid)
    tap.equal(f"{stage.name}: without the profile all is done", {what for what in free if free[what] == 0} & (application.may | application.may_not),
              application.may | application.may_not)
    found = tried(pid, stage.profile)
    for what in sorted(application.may):
        tap.equal(f"{stage.name}: under it, {what}", found[what], 0)
    for what in sorted(application.may_not):
        # A ceiling or Yama may be in the way before the profile is.
        tap.ok(f"{stage.name}: under it, not {what}", found[what] in (EPERM, EACCES), f"errno {found[what]}")
    tap.ok(f"{stage.name}: and that is a denial", "open /etc/shadow" in denials_of(stage.profile)[0], denials_of(stage.profile))


def runs_under(name):
    """Whether some process of the host runs under the label NAME, as the kernel has it."""
    for path in glob.glob("/proc/[0-9]*/attr/apparmor/current"):
        with contextlib.suppress(OSError), open(path, encoding="utf-8") as file:
            if file.read().strip() == f"{name} (enforce)":
                return True
    return False


def check_child(stage, container, child):
    name = f"{stage.profile}//{child.name}"
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        started = pool.submit(child.start, container)
        tap.ok(f"{stage.name}: a program runs under {name}", until(lambda: runs_under(name) or started.done(), 60) and not started.done())
        tap.ok(f"{stage.name}: and does what it is to", started.result())
    tap.equal(f"{stage.name}: nothing of it is denied", denials_of(stage.profile), (set(), 0))
    found = tried(container.pid(), name) if child.may | child.may_not else {}
    for what in sorted(child.may):
        tap.equal(f"{stage.name}: under {child.name}, {what}", found[what], 0)
    for what in sorted(child.may_not):
        tap.ok(f"{stage.name}: under {child.name}, not {what}", found[what] in (EPERM, EACCES), f"errno {found[what]}")


def allow_new_privileges(name):
    """The template sets no-new-privileges, under which no exec leads to a child."""
    path = f"/etc/aa-shim/catalog.d/50-{name}.json"
    with open(path, encoding="utf-8") as file:
        text = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(re.sub(' *"noNewPrivileges": true,\n', "", text))


def check_learned(stage):
    with stage.container() as container:
        tap.equal(f"{stage.name}: the kernel's label", label(container.pid()), (frozenset([stage.profile]), "enforce"))
        check_work(stage, "under what was learned", container)
        tap.equal(f"{stage.name}: nothing of it is denied, and nothing lost", denials_of(stage.profile), (set(), 0))
        for child in stage.application.children:
            check_child(stage, container, child)
        check_attacks(stage, container)


def forget(name):
    for path in (*(f"/etc/aa-shim/{file}" for file in new.files_of(name)), f"/etc/aa-shim/apparmor.d/aa-shim-learned-{name}",
                 *(f"{RECORDINGS}/{name}.{kind}" for kind in ("recording", "progress"))):
        with contextlib.suppress(FileNotFoundError):
            os.remove(path)
    must("rm", "-rf", f"/run/new/{name}")


def check(engine, *applications):
    """All of it, with each of APPLICATIONS in ENGINE."""
    print_all_denials()
    os.makedirs("/srv/new", exist_ok=True)
    for application in applications:
        stage = Stage(engine, application)
        try:
            new.begin(application.template, application.name)
            if not application.no_new_privileges:
                allow_new_privileges(application.name)
            application.prepare(engine)
            must("aa-shimctl", "load")
            half = learn_half(stage) if application.half else None
            learn(stage)
            if half:
                check_rest(stage, proposed(stage) ^ half)
            finish(stage)
            check_learned(stage)
        finally:
            forget(application.name)
            must("aa-shimctl", "load")


def main():
    check(Docker(), Nginx, Redis)
