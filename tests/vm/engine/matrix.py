# SPDX-License-Identifier: Apache-2.0
"""The scenarios that every engine runs with every runtime. What an engine has no word for it leaves out, and nothing else.

A cell of the matrix is one engine of one version with one runtime of one version; each writes a line to the file `cells`.
"""
import json
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from decisions import ACTIONS, ALLOWED, DENIAL, DENIED, OWN, check_process, profile_of
from engines import STOPPABLE, Ask, Refused, next_number, plain_version, process
from harness import ALL, label, must, parse_label, read_catalog, run, tap, until

RUNTIMES = {"runc": ["/usr/sbin/runc", "/usr/bin/runc"], "crun": ["/usr/bin/crun"]}
CELLS = "/mnt/share/cells"
CATALOG = "/run/aa-shim/catalog"
LABEL = "cat /proc/self/attr/apparmor/current"
README_ROWS = {"docker": "Docker", "cri": "containerd", "podman": "Podman"}


@dataclass
class Case:
    name: str
    ask: Ask
    confinement: str
    fact: str = ""  # what the engine must have; empty: every engine has it
    deep: bool = False  # also what is exec'd, and what is allowed and denied
    own: list = field(default_factory=list)  # further components of the label
    actions: list = field(default_factory=list)


FACTS = [
    Case("name", Ask(name="scenario-1-builder"), "builder", "name"),
    Case("image", Ask(image="marked"), "builder", "image"),
    Case("label", Ask(labels={"tier": "web"}), "web", "label"),
    Case("annotation", Ask(annotations={"example.aa/mode": "build"}), "builder", "annotation"),
    Case("a confinement asked for", Ask(annotations={"aa-shim/confinement": "database"}), "database", "annotation"),
    Case("entrypoint", Ask(command=["env", "sleep", "1000"]), "builder", "entrypoint"),
    Case("entrypoint behind an init", Ask(command=["env", "sleep", "1000"], init=True), "builder", "init"),
    Case("user", Ask(user=4242), "builder", "user"),
    Case("privileged", Ask(name="engines-privileged", privileged=True), "database", "privileged"),
    Case("namespace and pod", Ask(namespace="production", pod="shop-1"), "database", "pod"),
    Case("another pod", Ask(namespace="production", pod="other-1"), "baseline", "pod"),
    Case("handler", Ask(handler="web"), "web", "handler", deep=True),
]
ENGINE_CONFINEMENT = {"docker": "web", "podman": "database", "cri": "builder"}

CASES = [
    Case("nothing asked for", Ask(), "baseline", deep=True),
    Case("privileged", Ask(privileged=True), "baseline", deep=True,
         actions=[(DENIED, ["mount", "-t", "tmpfs", "x", "/tmp"]), (DENIED, ["sh", "-c", "echo x > /proc/sys/kernel/domainname"])]),
    Case("unconfined, all capabilities", Ask(profile="unconfined", add=["ALL"]), "baseline"),
    Case("no capabilities, no new privileges", Ask(drop=["ALL"], no_new_privileges=True), "baseline", actions=[(DENIED, ["chown", "1", "/tmp"])]),
    Case("own profile", Ask(profile="aa-scenario-own", add=["SYS_ADMIN"], drop=["CHOWN"]), "baseline", own=["aa-scenario-own"], deep=True, actions=OWN),
    Case("another user", Ask(user=1000), "baseline", actions=[(DENIED, ["touch", "/etc/denied"]), (ALLOWED, ["touch", "/tmp/allowed"])]),
    Case("init", Ask(init=True), "baseline", "init"),
    Case("read-only root", Ask(read_only=True), "baseline", actions=[(ALLOWED, ["cat", "/etc/passwd"])]),
    Case("the engine's network", Ask(network=True), "baseline"),
]


def asked(engine, ask):
    """The capabilities that ENGINE asks for."""
    if ask.privileged or "ALL" in ask.add:
        return ALL
    if "ALL" in ask.drop:
        return frozenset()
    return (engine.default_capabilities | frozenset(ask.add)) - frozenset(ask.drop)


def check_case(engine, case, confinements):
    confinement = confinements[case.confinement]
    ceiling, root = asked(engine, case.ask) & frozenset(confinement["capabilities"]), case.ask.user == 0
    profiles = [profile_of(confinement), *case.own]
    with engine.start(case.ask) as container:
        check_process(f"{case.name}: main process", container.pid(), profiles, ceiling, root, confinement)
        if case.deep:
            check_process(f"{case.name}: exec", container.exec_pid(), profiles, ceiling, root, confinement)
        if case.deep and engine.name != "cri":
            pid = container.exec_pid(user=0, privileged=True)
            check_process(f"{case.name}: exec --privileged", pid, profiles, frozenset(confinement["capabilities"]), True, confinement)
        for expected, command in (ACTIONS[case.confinement] if case.deep else []) + case.actions:
            check_action(f"{case.name}: {' '.join(command)}", container, expected, command)


def enforced(*profiles):
    return frozenset(profiles), "enforce"


def has_label(screen, profile):
    """Whether a line on SCREEN is the label PROFILE, enforced."""
    return any(parse_label(line.strip()) == enforced(profile) for line in screen.splitlines() if "(" in line)


def check_action(name, container, expected, command):
    status, output = container.exec(*command)
    right = status == 0 if expected == ALLOWED else status in (1, 255) and DENIAL.search(output)
    tap.ok(f"{name} is {'allowed' if expected == ALLOWED else 'denied'}", right, f"status {status}: {output}")


def check_exec_rules(engine):
    """Exec rules choose a child profile, deny, or leave the base profile."""
    with engine.start(Ask(scenario="closed")) as container:
        status, output = container.exec("cat", "/proc/self/attr/apparmor/current")
        tap.equal("exec rule: a child profile", (status, parse_label(output)), (0, enforced("aa-shim-web//shell")))
        status, output = container.exec_shown("touch", "/tmp/x")
        tap.equal("exec otherwise deny: status", status, engine.exec_refused_status)
        tap.has("exec otherwise deny: message", output, "permission denied", "'touch'", "/usr/bin/touch", "no exec rule allows it")
    with engine.start(Ask(scenario="strict")) as container:
        status, output = container.exec_shown("id")
        tap.equal("exec rule deny: status", status, engine.exec_refused_status)
        tap.has("exec rule deny: message", output, "permission denied", "/usr/bin/id", "nobody needs to know", "05-scenarios.json:")
        check_action("what no exec rule denies", container, ALLOWED, ["touch", "/tmp/allowed"])
        status, output = container.exec("mkdir", "/tmp/denied")
        # Podman's seccomp profile lets calls that it does not allow fail with ENOSYS, the others' with EPERM.
        tap.ok("denied syscall", status == 1 and re.search("operation not permitted|function not implemented", output, re.IGNORECASE), f"status {status}: {output}")
        status, screen = container.exec_terminal(f"{LABEL}; exit 6\n")
        tap.ok("exec on a terminal", status == 6 and has_label(screen, "aa-shim-web"), f"status {status}: {screen}")


def check_exit_status(engine):
    """A refusal that is given as the exit status of the command; none of it ever runs."""
    refusal = ["aa-shim: ", "permission denied", "/usr/bin/touch", "nothing is touched", "05-scenarios.json:"]
    with engine.start(Ask(scenario="status")) as container:
        status, output = container.exec_shown("touch", "/tmp/mark")
        tap.equal("refused as an exit status: a rule: status", status, 126)
        tap.has("refused as an exit status: a rule: message", output, *refusal)
        status, screen = container.exec_terminal("\n", ["touch", "/tmp/mark"])
        tap.equal("refused as an exit status: on a terminal: status", status, 126)
        tap.has("refused as an exit status: on a terminal: message", screen, *refusal)
        check_action("refused as an exit status: what is allowed", container, ALLOWED, ["cp", "/bin/busybox", "/tmp/tool"])
        status, output = container.exec_shown("/tmp/tool", "touch", "/tmp/mark")
        tap.equal("refused as an exit status: the profile: status", status, 126)
        tap.has("refused as an exit status: the profile: message", output, "aa-shim: ", "permission denied", "aa-shim-web", "/tmp/tool")
        status, output = container.exec_shown("no-such-program")
        tap.ok("refused as an exit status: not what is missing", "aa-shim: " in output and "refused" in output and "no-such-program" in output, output)
        with ThreadPoolExecutor(8) as pool:
            many = list(pool.map(lambda _: container.exec("touch", "/tmp/mark"), range(24)))
        tap.ok("refused as an exit status: many at once", all(status == 126 and "nothing is touched" in said for status, said in many), many)
        tap.equal("refused as an exit status: nothing ran", container.exec("ls", "/tmp"), (0, "tool"))
        tap.equal("refused as an exit status: the container runs on", label(container.pid()), enforced("aa-shim-web"))


def check_life(engine):
    with engine.start(Ask(command=STOPPABLE)) as container:
        tap.equal("exec: the program's status", container.exec("sh", "-c", "exit 42")[0], 42)
        status, output = container.exec_shown("no-such-program")
        tap.ok("exec of a program that is not there", status != 0 and re.search("not found|no such file", output, re.IGNORECASE), f"status {status}: {output}")
        tap.equal("stop", container.stop(30)[0], 0)
        tap.equal("stop: the program got its signal", container.exit_code(), 7)
        container.restart()
        tap.equal("restart: label", label(container.pid()), enforced("aa-shim-baseline"))
        tap.equal("kill", container.kill()[0], 0)
        tap.ok("kill: the program is gone", until(lambda: container.exit_code() == 137, 20), container.exit_code())


def check_status(engine):
    """`aa-shimctl status` knows the containers of every engine, and finds nothing wrong with them."""
    with engine.start(Ask()) as container, engine.start(Ask(handler="web")):
        container.exec_pid()
        code, output = run("aa-shimctl", "status", "--json")
        reports = [report for report in json.loads(output)["containers"] if report["standing"] != "passed"]
        found = sorted((report["engine"], report["standing"], report["decision"]["confinement"]) for report in reports)
        tap.equal("status", (code, found), (0, [(engine.fact, "as-decided", "baseline"), (engine.fact, "as-decided", "web")]))
        tap.ok("status: the exec's process, too", max(len(report["processes"]) for report in reports) >= 2, reports)


def check_signals(engine):
    """The processes of a container can signal each other, whatever the runtime made of their label."""
    with engine.start(Ask(handler="web", command=["sh", "-c", "sleep 1000 & kill $!; wait $!; exit $?"])) as container:
        tap.ok("processes of a container signal each other", until(lambda: container.exit_code() is not None, 30) and container.exit_code() == 143,
               container.exit_code())


def check_health(engine):
    for check, expected in [("grep -q aa-shim-baseline /proc/self/attr/apparmor/current", True), ("echo > /dev/tty9", False)]:
        with engine.start(Ask(health=check)) as container:
            healthy, output = container.healthy()
            tap.ok(f"a health check that does what is {'allowed' if expected else 'denied'}: {'passes' if expected else 'fails'}", healthy == expected, output)


def check_restart_policy(engine):
    """The second time it stays: what runs then was started by the engine itself."""
    number = str(next_number())
    script = f"test -e /tmp/again && exec sleep {number}; touch /tmp/again; exit 1"
    with engine.start(Ask(command=["sh", "-c", script], policy="always")):
        if tap.ok("restart policy: it starts again", until(lambda: process(["sleep", number]), 60)):
            tap.equal("restart policy: label", label(process(["sleep", number])), enforced("aa-shim-baseline"))


def without_catalog():
    os.rename(CATALOG, CATALOG + ".away")


def with_catalog():
    os.rename(CATALOG + ".away", CATALOG)


REFUSALS = [
    ("the catalog rejects it", Ask(scenario="reject"), ["no such thing on this host", "05-scenarios.json:"], ""),
    ("its profile is not loaded", Ask(scenario="removed"), ["aa-scenario-removed", "not loaded"], ""),
    ("a request for what does not exist", Ask(annotations={"aa-shim/confinement": "no-such"}), ["no-such"], "annotation"),
    ("an annotation under the reserved prefix", Ask(annotations={"aa-shim/decision": "mine"}), ["aa-shim/decision"], "annotation"),
]


def check_refused(engine, name, ask, says):
    try:
        engine.run(ask).remove()
        tap.ok(f"refused: {name}", False, "it started")
    except Refused as error:
        tap.equal(f"refused: {name}: status", error.status, engine.refused_status)
        tap.has(f"refused: {name}: message", error.text, "aa-shim: ", *says)


def check_refusals(engine):
    must("apparmor_parser", "--remove", "/etc/aa-shim/apparmor.d/aa-scenario-removed")
    for name, ask, says, fact in REFUSALS:
        if not fact or fact in engine.facts:
            check_refused(engine, name, ask, says)
    must("apparmor_parser", "--replace", "/etc/aa-shim/apparmor.d/aa-scenario-removed")
    with engine.start(Ask()) as container:
        without_catalog()
        check_refused(engine, "there is no catalog", Ask(), ["aa-shimctl load"])
        status, output = container.exec_shown("true")
        tap.ok("exec without a catalog", status != 0 and "aa-shimctl load" in output, f"status {status}: {output}")
        tap.equal("stop without a catalog", container.stop(0)[0], 0)
        with_catalog()


def runtime_version(runtime):
    return plain_version(must(runtime, "--version"))


def use_runtime(runtime):
    """The runtime that aa-shim becomes; its version."""
    path = next(path for path in RUNTIMES[runtime] if os.path.exists(path))
    run("ln", "-sfn", path, "/etc/aa-shim/runtime")
    return runtime_version(path)


def suite():
    with open("/mnt/share/suite", encoding="utf-8") as file:
        return file.read().strip()


def check_readme(cell):
    """The README's table says of this host what the host says of itself; a version there is one up to where it ends."""
    with open("/mnt/share/README.md", encoding="utf-8") as file:
        table = [[word.strip() for word in line.strip().strip("|").split("|")] for line in file if line.startswith("|")]
    column = next(number for number, word in enumerate(table[0]) if f"({cell['host']})" in word)
    for row, version in ((cell["engine"], cell["version"]), (cell["runtime"], cell["runtime version"]), ("kernel", cell["kernel"]),
                         ("AppArmor", cell["apparmor"])):
        said = next(words[column] for words in table if words[0].startswith(README_ROWS.get(row, row)))
        tap.ok(f"README: {row} {version} on {cell['host']}", f"{version}.".startswith(f"{said}."), said)


def check_cell(engine, special):
    confinements = read_catalog()
    engine_case = Case("engine", Ask(user=4243), ENGINE_CONFINEMENT[engine.name])
    for case in FACTS + [engine_case] + CASES:
        if not case.fact or case.fact in engine.facts:
            prefix = "decision by " if case in FACTS or case is engine_case else ""
            attempt(check_case, engine, Case(prefix + case.name, case.ask, case.confinement, case.fact, case.deep, case.own, case.actions), confinements)
    attempt(check_exec_rules, engine)
    attempt(check_exit_status, engine)
    attempt(check_life, engine)
    attempt(check_status, engine)
    attempt(check_signals, engine)
    if "health" in engine.facts:
        attempt(check_health, engine)
    if "restart" in engine.facts:
        attempt(check_restart_policy, engine)
    attempt(check_refusals, engine)
    for check in special:
        attempt(check, engine)


def attempt(check, *arguments):
    """One scenario's failure must not hide what the next ones find."""
    try:
        check(*arguments)
    except Exception as error:
        what = getattr(arguments[1], "name", check.__name__) if len(arguments) > 1 else check.__name__
        tap.ok(f"{what} came to its end", False, f"{type(error).__name__}: {error}")


def main(kind, special=()):
    """All cells of one engine. SPECIAL: scenarios that only this engine has."""
    for runtime in RUNTIMES:
        version = use_runtime(runtime)
        engine = kind()
        before, started = (tap.count, tap.failed), time.monotonic()
        tap.prefix = f"{engine.name} {engine.version}, {runtime} {version}: "
        check_cell(engine, special)
        attempt(lambda engine: engine.close(), engine)
        tap.prefix = ""
        cell = {
            "host": suite(), "kernel": plain_version(os.uname().release),
            "apparmor": plain_version(must("apparmor_parser", "--version")), "engine": engine.name, "version": engine.version, "runtime": runtime,
            "runtime version": version, "passed": tap.count - before[0] - (tap.failed - before[1]), "failed": tap.failed - before[1],
            "seconds": round(time.monotonic() - started),
        }
        check_readme(cell)
        print(f"# {json.dumps(cell)}", flush=True)
        with open(CELLS, "a", encoding="utf-8") as file:
            print(json.dumps(cell), file=file)
    os.unlink("/etc/aa-shim/runtime")
