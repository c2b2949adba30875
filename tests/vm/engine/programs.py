# SPDX-License-Identifier: Apache-2.0
"""Programs that say which label the kernel gave them and what they could then do (aa-probe under several names), and what is expected
of them when they are started in a container."""
import io
import re
import tarfile
from dataclasses import dataclass, field

from harness import CAPABILITY_NAMES, docker, must, run, tap

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
