# SPDX-License-Identifier: Apache-2.0
"""Whatever starts in a container, its first program or an exec's, makes the transition that its profile prescribes: the
programs here (aa-probe under several names) say which label the kernel gave them and what they could then do."""
import contextlib
import io
import os
import re
import subprocess
import tarfile
from dataclasses import dataclass, field

from harness import CAPABILITY_NAMES, DOCKER_DEFAULT, Container, capabilities, differences, docker, expected_sets, init_pid, inspect, label, must, run, tap, until

IMAGE = "aa-scenario/programs"
BIN = "/usr/local/bin"
OUR, DIFFERENT, ELSEWHERE, UNLISTED = (f"{BIN}/{name}" for name in ("our_special_binary", "a_different_special_binary", "elsewhere", "not_listed"))
# What the profiles aa-scenario-main and aa-scenario-elsewhere, which its rules lead to, allow.
PROFILE_CAPABILITIES = frozenset(["NET_BIND_SERVICE", "CHOWN", "SYS_NICE", "KILL", "SETUID"])
EPERM, EACCES = 1, 13


def main_profile(child=""):
    return "aa-scenario-main" + (f"//{child}" if child else "")


def acts(own, other):
    """Words for aa-probe, what its profile allows and what it does not; and what it then says."""
    return ["touch", f"/tmp/{own}", "touch", f"/tmp/{other}"], [f"touch /tmp/{own}: done", f"touch /tmp/{other}: errno {EACCES}"]


OUR_ACTS, OUR_RESULTS = acts("child", "main")
DIFFERENT_ACTS, DIFFERENT_RESULTS = acts("child_w_path", "child")


def labels(output):
    """The labels, in order, of the programs that introduced themselves in OUTPUT."""
    return re.findall(r"^uid=.* label=(.*)$", output, re.MULTILINE)


def held(output):
    """The five capability sets of the first program that introduced itself in OUTPUT."""
    sets = re.findall(r" (Inh|Prm|Eff|Bnd|Amb)=(\w+)", output)[:5]
    return {key: frozenset(name for number, name in enumerate(CAPABILITY_NAMES) if int(bits, 16) >> number & 1) for key, bits in sets}


def enforced(*names):
    return [f"{name} (enforce)" for name in names]


@dataclass
class Run:
    """A `docker run`, and what the programs in it say."""
    name: str
    options: list
    command: list
    labels: list
    says: list = field(default_factory=list)
    status: int = 0


@dataclass
class Refused:
    name: str
    options: list
    command: list
    says: list


def check_run(row, docker=docker, image=IMAGE):
    status, output = docker("run", "--rm", *row.options, image, *row.command)
    tap.equal(f"{row.name}: status", status, row.status)
    tap.equal(f"{row.name}: labels", labels(output), row.labels)
    if row.says:
        tap.has(f"{row.name}: what is allowed and denied", output, *row.says)
    return output


def check_refused(row, docker=docker, image=IMAGE):
    status, output = docker("run", "--rm", *row.options, image, *row.command)
    tap.equal(f"{row.name}: status", status, 126)
    tap.has(f"{row.name}: message", output, "aa-shim: ", "permission denied", *row.says)
    tap.equal(f"{row.name}: nothing ran", labels(output), [])


def check_exec(name, container, command, expected, says=(), options=()):
    status, output = docker("exec", *options, container, *command)
    tap.equal(f"{name}: status and labels", (status, labels(output)), (0, expected))
    if says:
        tap.has(f"{name}: what is allowed and denied", output, *says)
    return output


def check_exec_refused(name, container, command, *says, options=()):
    status, output = docker("exec", *options, container, *command)
    tap.equal(f"{name}: status", status, 126)
    tap.has(f"{name}: message", output, "permission denied", *says)
    tap.equal(f"{name}: nothing ran", labels(output), [])


# ---- the image

def add_file(archive, path, content=b"", uid=0, link=None):
    entry = tarfile.TarInfo(path.lstrip("/"))
    entry.uid = entry.gid = uid
    entry.mode, entry.size = 0o755, len(content)
    if link is not None:
        entry.type, entry.linkname, entry.size = tarfile.SYMTYPE, link, 0
    archive.addfile(entry, io.BytesIO(content))


def programs_archive():
    with open("/usr/bin/aa-probe", "rb") as file:
        probe = file.read()
    archive = tarfile.open("/tmp/programs.tar", "w")
    with archive:
        for path in (OUR, DIFFERENT, ELSEWHERE, UNLISTED, f"{BIN}/owned_by_root"):
            add_file(archive, path, probe)
        add_file(archive, f"{BIN}/owned_by_1000", probe, uid=1000)
        for name in ("script", "unlisted_script"):
            add_file(archive, f"{BIN}/{name}", b"#!/usr/bin/sh\necho \"label=$(while read -r line; do echo $line; done < /proc/self/attr/apparmor/current)\"\n"
                                               b"echo > /tmp/script && echo script done\necho > /tmp/main && echo main done\ntrue\n")
        for name, target in (("link1", "link2"), ("link2", "../bin/link3"), ("link3", DIFFERENT), ("dangling", "nowhere"), ("loop", "loop"),
                             ("applets/cat", "/usr/bin/busybox")):
            add_file(archive, f"{BIN}/{name}", link=target)
    return "/tmp/programs.tar"


def commit(container, tag, change=""):
    must("docker", "commit", *(["--change", change] if change else []), container, tag)


# A command in its four forms; the image's tag → the instruction.
OUR_WORDS = ", ".join(f'"{word}"' for word in [OUR, *OUR_ACTS])
FORMS = {
    "cmd-exec": f"CMD [{OUR_WORDS}]",
    "cmd-shell": "CMD " + " ".join([OUR, *OUR_ACTS]),
    "entrypoint-exec": f"ENTRYPOINT [{OUR_WORDS}]",
    "entrypoint-shell": "ENTRYPOINT " + " ".join([OUR, *OUR_ACTS]),
}


def make_images():
    container = must("docker", "create", "aa-example/busybox", "true")
    with open(programs_archive(), "rb") as file:
        status, output = run("docker", "cp", "-", f"{container}:/", stdin=file)
    tap.equal("the programs are put into an image", (status, output), (0, ""))
    commit(container, IMAGE)
    for tag, change in FORMS.items():
        commit(container, f"{IMAGE}:{tag}", change)
    commit(container, f"{IMAGE}:health-exec", f'HEALTHCHECK --interval=2s --timeout=60s CMD ["{DIFFERENT}"]')
    commit(container, f"{IMAGE}:health-shell", f"HEALTHCHECK --interval=2s --timeout=60s CMD {DIFFERENT}")
    must("docker", "rm", container)


# ---- the example as people are given it

SEED = ["--label", "scenario=seed"]
SEED_ROWS = [
    Run("seed: a child that attaches", SEED, [DIFFERENT, *DIFFERENT_ACTS], enforced("main_profile//child_profile_w_path"), DIFFERENT_RESULTS),
    Run("seed: a child that attaches, behind an init", [*SEED, "--init"], [DIFFERENT, *DIFFERENT_ACTS], enforced("main_profile//child_profile_w_path"),
        DIFFERENT_RESULTS),
    Refused("seed: a child that attaches to nothing", SEED, [OUR], [OUR, "main_profile", "no child of it attaches"]),
    Refused("seed: a child that attaches to nothing, behind an init", [*SEED, "--init"], [OUR], [OUR, "main_profile", "no child of it attaches"]),
    Refused("seed: a program that no rule names", SEED, [UNLISTED], [UNLISTED, "main_profile", "no rule", "scenario-seed"]),
    Refused("seed: shell form", SEED, ["sh", "-c", DIFFERENT], ["'sh'", "/usr/bin/sh", "main_profile", "no rule"]),
    Refused("seed: entrypoint in place of the image's", [*SEED, "--entrypoint", UNLISTED], [], [UNLISTED, "main_profile"]),
]


def check_seed():
    for row in SEED_ROWS:
        (check_run if isinstance(row, Run) else check_refused)(row)
    with Container(*SEED, IMAGE, DIFFERENT, "sleep") as container:
        tap.equal("seed: main process: the kernel's label", label(init_pid(container.id)), (frozenset(["main_profile//child_profile_w_path"]), "enforce"))
        check_exec("seed: exec of a child that attaches", container.id, [DIFFERENT, *DIFFERENT_ACTS], enforced("main_profile//child_profile_w_path"), DIFFERENT_RESULTS)
        pid = container.exec_pid([DIFFERENT, "sleep"])
        tap.equal("seed: exec of a child that attaches: the kernel's label", label(pid), (frozenset(["main_profile//child_profile_w_path"]), "enforce"))
        check_exec_refused("seed: exec of a child that attaches to nothing", container.id, [OUR], OUR, "main_profile", "no child of it attaches")
        check_exec_refused("seed: exec of a program that no rule names", container.id, ["not_listed"], "'not_listed'", UNLISTED, "main_profile", "no rule")
        check_exec_refused("seed: exec of a shell", container.id, ["sh", "-c", DIFFERENT], "'sh'", "/usr/bin/sh", "main_profile")


# ---- the example put right

MAIN = ["--label", "scenario=main"]
STRICT = ["--label", "scenario=main-strict"]
NNP = ["--security-opt", "no-new-privileges"]
CHILD, W_PATH = enforced(main_profile("child_profile")), enforced(main_profile("child_profile_w_path"))
WORKERS = enforced(main_profile("child_profile"), main_profile("worker"))
WORKER_ACTS, WORKER_RESULTS = acts("worker", "child")
MAIN_ROWS = [
    Run("named target", MAIN, [OUR, *OUR_ACTS], CHILD, OUR_RESULTS),
    Run("by attachment", MAIN, [DIFFERENT, *DIFFERENT_ACTS], W_PATH, DIFFERENT_RESULTS),
    Run("another profile", MAIN, [ELSEWHERE, *acts("elsewhere", "main")[0]], enforced("aa-scenario-elsewhere"), acts("elsewhere", "main")[1]),
    Run("workers of the same binary", MAIN, [OUR, "run", OUR, *WORKER_ACTS], WORKERS, WORKER_RESULTS),
    Run("workers of the same binary, behind an init", [*MAIN, "--init"], [OUR, "run", OUR, *WORKER_ACTS], WORKERS, WORKER_RESULTS),
    Run("workers of the same binary, shell form", MAIN, ["sh", "-c", f"{OUR} run {OUR} {' '.join(WORKER_ACTS)}"], WORKERS, WORKER_RESULTS),
    Run("workers that stay", MAIN, [DIFFERENT, "run", DIFFERENT, *DIFFERENT_ACTS], W_PATH * 2, DIFFERENT_RESULTS),
    Refused("a program that no rule names", MAIN, [UNLISTED], [UNLISTED, "aa-scenario-main", "no rule", "scenario-main"]),
    Refused("a program that no rule names, behind an init", [*MAIN, "--init"], [UNLISTED], [UNLISTED, "aa-scenario-main", "no rule"]),
    # From outside the label is put on, which the kernel lets happen under no-new-privileges; from inside it does not.
    Run("no-new-privileges: named target", [*MAIN, *NNP], [OUR, *OUR_ACTS], CHILD, OUR_RESULTS),
    Run("no-new-privileges: by attachment", [*MAIN, *NNP], [DIFFERENT, *DIFFERENT_ACTS], W_PATH, DIFFERENT_RESULTS),
    Run("no-new-privileges: workers that change their label", [*MAIN, *NNP], [OUR, "run", OUR], CHILD, [f"run {OUR}: errno {EPERM}"], status=126),
    Run("no-new-privileges: workers that stay", [*MAIN, *NNP], [DIFFERENT, "run", DIFFERENT], W_PATH * 2),
    Run("no-new-privileges of the catalog", STRICT, [OUR, *OUR_ACTS], CHILD, OUR_RESULTS),
    Refused("no-new-privileges behind an init", [*MAIN, *NNP, "--init"], [OUR], [OUR, main_profile("child_profile"), "no-new-privileges", "--init"]),
    Refused("no-new-privileges of the catalog behind an init", [*STRICT, "--init"], [OUR], [OUR, main_profile("child_profile"), "no-new-privileges", "--init"]),
    Run("--read-only", [*MAIN, "--read-only", "--tmpfs", "/tmp"], [OUR, *OUR_ACTS], CHILD, OUR_RESULTS),
    Run("--user 1000", [*MAIN, "--user", "1000"], [OUR, *OUR_ACTS], CHILD, OUR_RESULTS),
    Run("owner rule: root's, by root", MAIN, [f"{BIN}/owned_by_root"], enforced(main_profile("owner"))),
    Refused("owner rule: another's, by root", MAIN, [f"{BIN}/owned_by_1000"], ["owned_by_1000", "aa-scenario-main", "only the owner"]),
    Run("owner rule: its own, by another user", [*MAIN, "--user", "1000"], [f"{BIN}/owned_by_1000"], enforced(main_profile("owner"))),
    Refused("owner rule: root's, by another user", [*MAIN, "--user", "1000"], [f"{BIN}/owned_by_root"], ["owned_by_root", "aa-scenario-main", "only the owner"]),
    Run("a chain of symbolic links", MAIN, [f"{BIN}/link1", *DIFFERENT_ACTS], W_PATH, DIFFERENT_RESULTS),
    Run("a chain of symbolic links, by PATH", MAIN, ["link1", *DIFFERENT_ACTS], W_PATH, DIFFERENT_RESULTS),
    Refused("a script that no rule names", MAIN, [f"{BIN}/unlisted_script"], [f"{BIN}/unlisted_script", "no rule"]),
    Run("stacked on what was asked for", [*MAIN, "--security-opt", "apparmor=aa-scenario-asked"], [OUR, "touch", "/tmp/child", "touch", "/tmp/x"],
        ["STACK"], [f"touch /tmp/child: errno {EACCES}", f"touch /tmp/x: errno {EACCES}"]),
    Refused("stacked: what the other component denies", [*MAIN, "--security-opt", "apparmor=aa-scenario-asked"], [ELSEWHERE],
            [ELSEWHERE, "aa-scenario-asked"]),
]
ASKED_STACK = frozenset(["aa-scenario-asked//child", main_profile("child_profile")])


def check_main():
    for row in MAIN_ROWS:
        if isinstance(row, Refused):
            check_refused(row)
        elif row.labels == ["STACK"]:
            check_stack(row)
        else:
            check_run(row)
    for tag in FORMS:
        for options in ([], ["--init"]):
            check_run(Run(f"{tag} {' '.join(options)}", [*MAIN, *options], [], CHILD, OUR_RESULTS), image=f"{IMAGE}:{tag}")
    for program in (f"{BIN}/dangling", "dangling", f"{BIN}/loop", BIN):
        expected, _ = docker("run", "--rm", "--runtime", "runc", IMAGE, program)
        status, output = docker("run", "--rm", *MAIN, IMAGE, program)
        tap.ok(f"{program}: the same status as without aa-shim", status == expected and program in output, f"status {status} instead of {expected}: {output}")


def check_stack(row):
    status, output = docker("run", "--rm", *row.options, IMAGE, *row.command)
    tap.equal(f"{row.name}: status", status, 0)
    tap.equal(f"{row.name}: both components have moved", [frozenset(text.removesuffix(" (enforce)").split("//&")) for text in labels(output)], [ASKED_STACK])
    tap.has(f"{row.name}: what is denied", output, *row.says)


def check_script(says, name):
    tap.has(f"{name}: its own path decides", says, f"label={main_profile('script')} (enforce)", "script done")
    tap.ok(f"{name}: what it may not", "main done" not in says, says)


def check_main_execs():
    with Container(*MAIN, IMAGE, "sh", "-c", f"{OUR} sleep") as container:
        name = container.id
        check_exec("exec: named target", name, [OUR, *OUR_ACTS], CHILD, OUR_RESULTS)
        check_exec("exec: by attachment", name, [DIFFERENT, *DIFFERENT_ACTS], W_PATH, DIFFERENT_RESULTS)
        check_exec("exec: by PATH", name, ["our_special_binary"], CHILD)
        check_exec("exec: relative to the working directory", name, ["./our_special_binary"], CHILD, options=["-w", BIN])
        check_exec("exec: another profile", name, [ELSEWHERE], enforced("aa-scenario-elsewhere"))
        check_exec("exec: workers", name, [OUR, "run", OUR, *WORKER_ACTS], WORKERS, WORKER_RESULTS)
        check_exec("exec: shell form", name, ["sh", "-c", f"{OUR}; {DIFFERENT}"], CHILD + W_PATH)
        check_exec("exec: a chain of symbolic links", name, ["link1"], W_PATH)
        check_exec("exec -u 1000", name, [OUR], CHILD, options=["-u", "1000"])
        check_exec("exec: owner rule, root", name, [f"{BIN}/owned_by_root"], enforced(main_profile("owner")))
        check_exec("exec -u 1000: owner rule", name, [f"{BIN}/owned_by_1000"], enforced(main_profile("owner")), options=["-u", "1000"])
        check_exec_refused("exec: owner rule, another's", name, [f"{BIN}/owned_by_1000"], "owned_by_1000", "only the owner")
        check_exec_refused("exec -u 1000: owner rule, root's", name, [f"{BIN}/owned_by_root"], "owned_by_root", "only the owner", options=["-u", "1000"])
        check_exec_refused("exec: a program that no rule names", name, ["not_listed"], "'not_listed'", UNLISTED, "aa-scenario-main", "no rule", "scenario-main")
        check_exec_refused("exec --privileged: a program that no rule names", name, [UNLISTED], UNLISTED, "no rule", options=["--privileged"])
        check_exec_refused("exec: a script that no rule names", name, ["unlisted_script"], f"{BIN}/unlisted_script", "no rule")
        check_script(docker("exec", name, "script")[1], "exec: a script")
        status, output = docker("exec", name, f"{BIN}/applets/cat", "/proc/self/attr/apparmor/current")
        tap.equal("exec: an applet by symbolic link: label", (status, output), (0, f"{main_profile('applet')} (enforce)"))
        check_missing_programs(name)
        check_main_capabilities(container)


def check_missing_programs(name):
    with Container("--runtime", "runc", IMAGE, OUR, "sleep") as plain:
        for program in (f"{BIN}/dangling", "dangling", f"{BIN}/loop", BIN):
            expected, _ = docker("exec", plain.id, program)
            status, output = docker("exec", name, program)
            tap.ok(f"exec: {program}: the same status as without aa-shim", status == expected and program in output, f"status {status} instead of {expected}: {output}")


def check_sets(name, got, asked):
    expected = expected_sets(PROFILE_CAPABILITIES & asked)
    tap.ok(f"{name}: five capability sets", got == expected, differences(got, expected) if got.keys() == expected.keys() else got)


def check_main_capabilities(container):
    check_sets("from-profile: main process", capabilities(init_pid(container.id)), DOCKER_DEFAULT)
    check_sets("from-profile: exec", held(docker("exec", container.id, OUR)[1]), DOCKER_DEFAULT)
    pid = container.exec_pid([OUR, "sleep"], privileged=True)
    tap.equal("exec --privileged: label", label(pid), (frozenset([main_profile("child_profile")]), "enforce"))
    check_sets("from-profile: exec --privileged", capabilities(pid), frozenset(CAPABILITY_NAMES))
    check_sets("from-profile: --privileged", held(docker("run", "--rm", "--privileged", *MAIN, IMAGE, OUR)[1]), frozenset(CAPABILITY_NAMES))
    check_sets("from-profile: --cap-drop ALL", held(docker("run", "--rm", "--cap-drop", "ALL", "--cap-add", "CHOWN", *MAIN, IMAGE, OUR)[1]), frozenset(["CHOWN"]))


def check_under_no_new_privileges():
    with Container(*MAIN, *NNP, IMAGE, OUR, "sleep") as container:
        tap.equal("no-new-privileges: main process: the kernel's label", label(init_pid(container.id)), (frozenset([main_profile("child_profile")]), "enforce"))
        check_exec("no-new-privileges: exec", container.id, [DIFFERENT, *DIFFERENT_ACTS], W_PATH, DIFFERENT_RESULTS)
        check_exec("no-new-privileges: exec of another profile", container.id, [ELSEWHERE], enforced("aa-scenario-elsewhere"))


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as file:
        return [int(word) for word in file.read().split()]


def check_init():
    with Container(*MAIN, "--init", IMAGE, OUR, "sleep") as container:
        init = init_pid(container.id)
        tap.equal("--init: the init's label", label(init), (frozenset([main_profile()]), "enforce"))
        tap.ok("--init: the program runs", until(lambda: [label(pid) for pid in children(init)] == [(frozenset([main_profile("child_profile")]), "enforce")], 20),
               [label(pid) for pid in children(init)])
        check_exec("--init: exec", container.id, [DIFFERENT, *DIFFERENT_ACTS], W_PATH, DIFFERENT_RESULTS)


def check_health():
    for tag in ("health-exec", "health-shell"):
        with Container(*MAIN, f"{IMAGE}:{tag}", OUR, "sleep") as container:
            healthy = until(lambda: inspect(container.id)["State"]["Health"]["Status"] == "healthy", 60)
            log = inspect(container.id)["State"]["Health"]["Log"]
            tap.ok(f"{tag}: runs under the child that its profile prescribes", healthy and labels(log[-1]["Output"]) == W_PATH, log)
    with Container(*MAIN, "--health-cmd", UNLISTED, "--health-interval", "2s", "--health-retries", "1", "--health-timeout", "60s", IMAGE, OUR, "sleep") as container:
        until(lambda: inspect(container.id)["State"]["Health"]["Status"] == "unhealthy", 60)
        health = inspect(container.id)["State"]["Health"]
        tap.ok("a health check of a program that no rule names fails", health["Status"] == "unhealthy" and not labels(health["Log"][-1]["Output"]), health)


# ---- volumes over programs

def check_volumes():
    os.makedirs("/srv/programs", exist_ok=True)
    must("cp", "/usr/bin/aa-probe", "/srv/probe")
    must("cp", "/usr/bin/aa-probe", "/srv/programs/a_different_special_binary")
    with contextlib.suppress(FileExistsError):
        os.symlink("a_different_special_binary", "/srv/programs/our_special_binary")
    file, folder, over_link = ["-v", f"/srv/probe:{OUR}:ro"], ["-v", f"/srv/programs:{BIN}"], ["-v", f"/srv/probe:{BIN}/link1"]
    for init in ([], ["--init"]):
        name = "".join(init)
        check_run(Run(f"a volume over the binary {name}", [*MAIN, *file, *init], [OUR, *OUR_ACTS], CHILD, OUR_RESULTS))
        check_run(Run(f"a volume over its folder, where it is a link {name}", [*MAIN, *folder, *init], [OUR, *DIFFERENT_ACTS], W_PATH, DIFFERENT_RESULTS))
        check_run(Run(f"a volume over a link, which lands on its target {name}", [*MAIN, *over_link, *init], ["link1", *DIFFERENT_ACTS], W_PATH, DIFFERENT_RESULTS))
    with Container(*MAIN, *folder, IMAGE, OUR, "sleep") as container:
        check_exec("exec: a volume over its folder, where it is a link", container.id, [OUR, *DIFFERENT_ACTS], W_PATH, DIFFERENT_RESULTS)
        status, output = docker("exec", container.id, UNLISTED)
        tap.ok("exec: what a volume hides is not found", status in (126, 127) and "not_listed" in output and "no rule" not in output, f"status {status}: {output}")


# ---- complain mode, and rules that lead out of AppArmor

def check_complaining():
    options = ["--label", "scenario=complain"]
    check_run(Run("complain mode: a program that no rule names", options, [UNLISTED, "touch", "/tmp/learned"], ["aa-scenario-complain (complain)"],
                  ["touch /tmp/learned: done"]))
    with Container(*options, IMAGE, UNLISTED, "sleep") as container:
        check_exec("complain mode: exec", container.id, [UNLISTED], ["aa-scenario-complain (complain)"])


def check_leaving():
    options = ["--label", "scenario=leaving"]
    check_refused(Refused("ux: the first program", options, [OUR], [OUR, "aa-scenario-leaving", "unconfined"]))
    with Container(*options, IMAGE, DIFFERENT, "sleep") as container:
        check_exec_refused("ux: exec", container.id, [OUR], OUR, "aa-scenario-leaving", "unconfined")
        check_exec("beside ux: exec", container.id, [DIFFERENT], enforced("aa-scenario-leaving"))
    with Container("--label", "scenario=left", IMAGE, DIFFERENT, "sleep") as container:
        check_exec("ux that the catalog allows: exec", container.id, [OUR], ["unconfined"])
        check_exec("beside ux that the catalog allows: exec", container.id, [DIFFERENT], enforced("aa-scenario-leaving"))
        check_exec_refused("ux that the catalog allows: what no rule names", container.id, [UNLISTED], UNLISTED, "no rule")


# ---- user namespaces

REMAPPED = "unix:///run/docker-remapped.sock"


@contextlib.contextmanager
def remapped_docker():
    """A second dockerd, whose containers see user 0 where the host sees 100000; yields a function like docker()."""
    for path, line in (("/etc/passwd", "remapped:x:2000:2000::/:/bin/false\n"), ("/etc/group", "remapped:x:2000:\n"),
                       ("/etc/subuid", "remapped:100000:65536\n"), ("/etc/subgid", "remapped:100000:65536\n")):
        with open(path, "a", encoding="utf-8") as file:
            file.write(line)
    with open("/run/docker-remapped.json", "w", encoding="utf-8") as file:
        file.write("{}")
    command = ["dockerd", "--config-file", "/run/docker-remapped.json", "--userns-remap", "remapped", "--data-root", "/var/lib/docker-remapped", "--exec-root",
               "/run/docker-remapped", "--pidfile", "/run/docker-remapped.pid", "--host", REMAPPED, "--containerd", "/run/containerd/containerd.sock",
               "--containerd-namespace", "remapped", "--containerd-plugins-namespace", "remapped-plugins", "--bridge", "none", "--iptables=false",
               "--ip6tables=false", "--add-runtime", "aa-shim=/usr/bin/aa-shim", "--default-runtime", "aa-shim"]
    environment = os.environ | {"DOCKER_HOST": REMAPPED}

    def remapped(*arguments, **options):
        return run("docker", *arguments, env=environment, **options)

    with open("/run/docker-remapped.log", "w", encoding="utf-8") as log:
        daemon = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        tap.ok("a dockerd with user namespaces starts", until(lambda: daemon.poll() is not None or remapped("version")[0] == 0, 60) and daemon.poll() is None,
               run("tail", "-n", "20", "/run/docker-remapped.log")[1])
        yield remapped
    finally:
        daemon.terminate()
        daemon.wait()


REMAPPED_MAIN = ["--network", "none", "--annotation", "scenario=main"]
REMAPPED_ROWS = [
    Run("user namespace: named target", REMAPPED_MAIN, [OUR, *OUR_ACTS], CHILD, OUR_RESULTS),
    Run("user namespace: by attachment, behind an init", [*REMAPPED_MAIN, "--init"], [DIFFERENT, *DIFFERENT_ACTS], W_PATH, DIFFERENT_RESULTS),
    Run("user namespace: owner rule, root's, by root", REMAPPED_MAIN, [f"{BIN}/owned_by_root"], enforced(main_profile("owner"))),
    Run("user namespace: owner rule, its own, by another user", [*REMAPPED_MAIN, "--user", "1000"], [f"{BIN}/owned_by_1000"], enforced(main_profile("owner"))),
    Refused("user namespace: owner rule, another's, by root", REMAPPED_MAIN, [f"{BIN}/owned_by_1000"], ["owned_by_1000", "only the owner"]),
    # The same numbers mean different users inside and outside.
    Refused("user namespace: owner rule, the host's root's, by root", [*REMAPPED_MAIN, "-v", f"/srv/probe:{BIN}/owned_by_root"], [f"{BIN}/owned_by_root"],
            ["owned_by_root", "only the owner"]),
    Run("user namespace: owner rule, the host's 100000's, by root", [*REMAPPED_MAIN, "-v", f"/srv/probe-100000:{BIN}/owned_by_1000"], [f"{BIN}/owned_by_1000"],
        enforced(main_profile("owner"))),
]


def check_remapped():
    must("cp", "/usr/bin/aa-probe", "/srv/probe-100000")
    os.chown("/srv/probe-100000", 100000, 100000)
    must("docker", "save", "--output", "/tmp/programs-image.tar", IMAGE)
    with remapped_docker() as remapped:
        tap.equal("the image is loaded there", remapped("load", "--input", "/tmp/programs-image.tar")[0], 0)
        for row in REMAPPED_ROWS:
            (check_run if isinstance(row, Run) else check_refused)(row, docker=remapped)
        status, container = remapped("run", "-d", *REMAPPED_MAIN, IMAGE, OUR, "sleep")
        tap.equal("user namespace: a container runs", status, 0)
        status, output = remapped("exec", container, f"{BIN}/owned_by_root")
        tap.equal("user namespace: exec: owner rule, root's, by root", (status, labels(output)), (0, enforced(main_profile("owner"))))
        status, output = remapped("exec", "-u", "1000", container, f"{BIN}/owned_by_root")
        tap.equal("user namespace: exec -u 1000: owner rule, root's", (status, labels(output)), (126, []))
        status, output = remapped("exec", "-u", "1000", container, f"{BIN}/owned_by_1000")
        tap.equal("user namespace: exec -u 1000: owner rule, its own", (status, labels(output)), (0, enforced(main_profile("owner"))))
        pid = int(remapped("inspect", "--format", "{{.State.Pid}}", container)[1])
        tap.equal("user namespace: the kernel's label", label(pid), (frozenset([main_profile("child_profile")]), "enforce"))
        remapped("rm", "-f", container)


def main():
    make_images()
    check_seed()
    check_main()
    check_main_execs()
    check_under_no_new_privileges()
    check_init()
    check_health()
    check_volumes()
    check_complaining()
    check_leaving()
    check_remapped()
