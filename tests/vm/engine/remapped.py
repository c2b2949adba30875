# SPDX-License-Identifier: Apache-2.0
"""Transitions in containers with a user namespace, by a second dockerd: owner rules see the users of the host."""
import contextlib
import os
import subprocess

from harness import label, must, run, tap, until
from programs import (IMAGE, BIN, OUR, DIFFERENT, main_profile, OUR_ACTS, OUR_RESULTS, DIFFERENT_ACTS, DIFFERENT_RESULTS, labels, enforced, Run,
    Refused, check_run, check_refused, make_images)
from transitions import CHILD, W_PATH

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
               "--bridge", "none", "--iptables=false",
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
    check_remapped()
