# SPDX-License-Identifier: Apache-2.0
"""`aa-shimctl learn --in-place`: a profile itself forbids next to nothing for a while, to containers that run already, and is then, or once somebody puts
right what a killed one left, to the byte what it was; and two learnings side by side."""
import json
import os
import signal

from denials import raw_policy
from harness import Container, init_pid, label, must, run, tap, until
from learn import BUSYBOX, CATALOG, TRIES, Learning, audit_backlog_limit, host_status, learn_status, now_says, only, program_facts, twins
from watch import Watch

PROFILE = "aa-shim-baseline"
ENFORCED, COMPLAINING = only(PROFILE, "enforce"), only(PROFILE, "complain")
QUIET = ("cp", "/dev/null", "/proc/version")  # what a rule of the profile denies without a record


def loaded_mode(profile):
    with open("/sys/kernel/security/apparmor/profiles", encoding="utf-8") as file:
        return next(line.rpartition(" ")[2].strip("()\n") for line in file if line.startswith(f"{profile} ("))


def in_place():
    """The profiles that status tells of: whether they complain, and whether somebody learns."""
    return {one["profile"]: (one["complains"], one["learning"]) for one in host_status()[1]["twins"] if one["inPlace"]}


def metric(name):
    return f'aa_shim_{name}{{confinement="baseline"}} 1' in must("aa-shimctl", "metrics")


def check_one_that_runs():
    with Container(BUSYBOX, "sh", "-c", TRIES.format(path="/dev/nvram")) as container, Watch("--kill", "--every", "2") as watch:
        pid = init_pid(container.id)
        tap.ok("before: what the profile forbids is denied", now_says(container, "denied"))
        learning = Learning("baseline", "--in-place", "--for", "20m")
        tap.has("whom it touches is said", learning.first, "'aa-shim-baseline' itself forbids next to nothing now", "1 containers that run",
                "What is open already is not looked at again")
        tap.ok("it is done, without a new start", now_says(container, "allowed"))
        tap.equal("its label", (label(pid), loaded_mode(PROFILE)), (COMPLAINING, "complain"))
        tap.equal("status tells of it, and is content", (host_status()[0], in_place()), (0, {PROFILE: (True, True)}))
        tap.has("status, in words", run("aa-shimctl", "status")[1], "Confinement 'baseline' is learned from in place: profile 'aa-shim-baseline' itself forbids next to nothing.")
        tap.ok("metrics tell of it", metric("learning") and metric("twin_complains"))
        tap.has("explain tells of it", run("aa-shimctl", "explain", "--image", BUSYBOX)[1], "'aa-shimctl learn --in-place' has 'aa-shim-baseline' itself forbid next to nothing")
        tap.equal("an exec does it, too", container.exec("touch", "/dev/by-exec")[0], 0)
        tap.ok("what nobody should ever do is not done", container.exec("touch", "/dev/kmem")[0] != 0)
        container.exec(*QUIET)
        with Container(BUSYBOX) as other:
            tap.equal("one that is started now is under it as well", label(init_pid(other.id)), COMPLAINING)
        status, output = run("aa-shimctl", "learn", "baseline")
        tap.ok("only once at a time", status == 1 and "is learned from already" in output, output)
        tap.equal("what was found wrong meanwhile", watch.read(), [])
        status, output = learning.end(signal.SIGTERM)
        tap.has("ended by a signal", f"{status} {output}", "0 ", "profile 'aa-shim-baseline' is again what it was before", "Nothing was lost")
        tap.ok("what the profile forbids is denied again", now_says(container, "denied"))
        tap.equal("its label, and that of its process, are what they were", (label(pid), init_pid(container.id)), (ENFORCED, pid))
        tap.ok("nothing is left", in_place() == {} and not os.path.exists("/run/aa-shim/in-place") and not metric("learning"))
    names = set().union(*program_facts("baseline").values())
    tap.has("the recording has what was done, what was executed and what was hidden", names, "/dev/nvram", "/dev/by-exec", QUIET[-1])
    tap.ok("and not what was denied", "/dev/kmem" not in names, names)
    told = learn_status("baseline")
    tap.equal("starts and execs", (told["starts"], told["execs"] >= 2), (1, True))


def check_killed():
    before = raw_policy(PROFILE)
    with Container(BUSYBOX, "sh", "-c", TRIES.format(path="/dev/nvram")) as container:
        Learning("baseline", "--in-place", "--for", "20m").end(signal.SIGKILL)
        tap.equal("killed: status is not content", (host_status()[0], in_place()), (1, {PROFILE: (True, False)}))
        tap.has("killed: in words", run("aa-shimctl", "status")[1], "by a command that was killed: profile 'aa-shim-baseline' itself forbids next to nothing; run 'aa-shimctl load'")
        with Watch("--every", "2") as watch:
            tap.equal("killed: the watch names it, once", [one["reason"] for one in watch.told(profile=PROFILE)], ["twin"])
        tap.has("killed: the next learning puts it right", Learning("web", "--for", "20m").end(signal.SIGTERM)[1], "the learning from confinement 'baseline' in place was not ended",
                "profile 'aa-shim-baseline' is again what it was before")
        tap.ok("killed: to the byte", raw_policy(PROFILE) == before and now_says(container, "denied") and in_place() == {})
        Learning("baseline", "--in-place", "--for", "20m").end(signal.SIGKILL)
        must("aa-shimctl", "load")
        tap.ok("killed: a load puts it right", raw_policy(PROFILE) == before and now_says(container, "denied") and (host_status()[0], in_place()) == (0, {}))


def check_loaded_meanwhile():
    before = raw_policy(PROFILE)
    learning = Learning("baseline", "--in-place", "--for", "20m")
    must("aa-shimctl", "load")
    output, _ = learning.process.communicate(timeout=120)
    tap.has("a load ends it", output, "profile 'aa-shim-baseline' was loaded since, and stays as that left it")
    tap.ok("as loaded", raw_policy(PROFILE) == before and in_place() == {})


def check_unknown():
    """A profile that complains, though nobody learns from it, is named."""
    must("apparmor_parser", "--replace", "--skip-cache", "--Complain", f"/etc/aa-shim/apparmor.d/{PROFILE}")
    with Watch("--every", "2") as watch:
        tap.equal("another one's doing is told", [one["reason"] for one in watch.told(profile=PROFILE)], ["complain"])
    status, output = run("aa-shimctl", "learn", "baseline", "--in-place")
    tap.ok("and is not learned from", status == 1 and "is in complain mode, and forbids nothing as it is: run 'aa-shimctl load'" in output, output)
    must("aa-shimctl", "load")


def check_whom():
    with Container(BUSYBOX) as one, Container(BUSYBOX) as other:
        status, output = run("aa-shimctl", "learn", "baseline", "--in-place", "--container", one.id[:12])
        tap.ok("a container that was not named is in the way", status == 1 and f"container '{other.id}' (of confinement 'baseline')" in output and one.id not in output, output)
        learning = Learning("baseline", "--in-place", "--container", one.id[:12], "--container", other.id[:12])
        tap.has("both are named", learning.end(signal.SIGTERM)[1], "2 containers that run")
        status, output = run("aa-shimctl", "learn", "baseline", "--in-place", "--container", "feed")
        tap.ok("one that there is not", status != 0 and "no container whose ID begins with 'feed'" in output, output)
    status, output = run("aa-shimctl", "learn", "web", "--in-place")
    tap.ok("other confinements are in the way", status == 1 and "would forbid next to nothing to more than was named: confinement 'scenario-" in output and "--shared" in output, output)
    tap.equal("nothing was changed", (in_place(), loaded_mode("aa-shim-web")), ({}, "enforce"))
    learning = Learning("web", "--in-place", "--shared", "--for", "20m")
    tap.ok("spelled, it is done", loaded_mode("aa-shim-web") == "complain", learning.first)
    learning.end(signal.SIGTERM)
    tap.equal("and put back", loaded_mode("aa-shim-web"), "enforce")


def check_attached():
    """A profile that programs of the host come under: they would run unconfined meanwhile."""
    os.makedirs("/srv/profiles", exist_ok=True)
    with open("/srv/profiles/aa-scenario-attached", "w", encoding="utf-8") as file:
        file.write("abi <abi/3.0>,\nprofile aa-scenario-attached /srv/no-such-* flags=(attach_disconnected,mediate_deleted) { file, }\n")
    entry = {"apparmor": "aa-scenario-attached", "capabilities": [], "hostPaths": [], "devices": [], "hostNamespaces": ["user"], "keepMasked": True}
    with open(CATALOG, "w", encoding="utf-8") as file:
        json.dump({"confinements": {"attached": entry}, "rules": [{"match": {"handler": "attached"}, "use": "attached"}], "profileDirs": ["/srv/profiles"]}, file)
    must("aa-shimctl", "load")
    status, output = run("aa-shimctl", "learn", "attached", "--in-place")
    tap.ok("one that attaches is refused", status == 1 and "attaches to programs of the host" in output, output)
    os.remove(CATALOG)
    must("aa-shimctl", "load")


def check_side_by_side():
    limit = audit_backlog_limit()
    one, other, third = Learning("web", "--for", "20m"), Learning("baseline", "--for", "20m"), Learning("database", "--in-place", "--for", "20m")
    tap.equal("side by side: the limit", audit_backlog_limit(), 65536)
    one.end(signal.SIGTERM)
    tap.equal("side by side: the first that ends leaves it", audit_backlog_limit(), 65536)
    other.end(signal.SIGKILL)
    with Container("--label", "tier=web", BUSYBOX) as container:
        tap.equal("side by side: only what still goes on is learned from", (label(init_pid(container.id)), in_place()), (only("aa-shim-web", "enforce"), {"aa-shim-database": (True, True)}))
    third.end(signal.SIGTERM)
    tap.equal("side by side: the last puts it back, whoever was killed", audit_backlog_limit(), limit)
    must("aa-shimctl", "load")
    tap.ok("side by side: nothing complains", until(lambda: not any(complains for complains, _ in twins().values())), twins())


def main():
    check_one_that_runs()
    check_killed()
    check_loaded_meanwhile()
    check_unknown()
    check_whom()
    check_attached()
    check_side_by_side()
