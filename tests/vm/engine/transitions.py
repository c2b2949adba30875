# SPDX-License-Identifier: Apache-2.0
"""Whatever starts in a container, its first program or an exec's, makes the transition that its profile prescribes."""
import contextlib
import os

from harness import (CAPABILITY_NAMES, DOCKER_DEFAULT, Container, capabilities, differences, docker, expected_sets, init_pid, inspect, label,
    must, tap, until)
from programs import (IMAGE, BIN, OUR, DIFFERENT, ELSEWHERE, UNLISTED, PROFILE_CAPABILITIES, EPERM, EACCES, main_profile, acts, OUR_ACTS,
    OUR_RESULTS, DIFFERENT_ACTS, DIFFERENT_RESULTS, labels, held, enforced, Run, Refused, check_run, check_refused, check_exec,
    check_exec_refused, FORMS, make_images)

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
