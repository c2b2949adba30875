# SPDX-License-Identifier: Apache-2.0
"""The private host that scripts/bench measures on: AppArmor's files, catalogs, bundles, a running container. Nothing of it outlives the
mount namespace."""

import json
import os
import shutil
import struct
import subprocess
from pathlib import Path

import bundle as bundles
import run as namespace

ROOT = Path(__file__).resolve().parent.parent.parent
WORK = Path("/mnt/aa-bench")
STATE = WORK / "state"
CATALOG = Path("/run/aa-shim/catalog")
SMALL, MIDDLE, LARGE = 13_970, 1_000_000, 10_000_000
PROFILE, REVISION = "aa-bench", 42
# Name of a catalog → (rules, policy). An exec is evaluated by the compiled policy of its base profile.
CATALOGS = {f"{rules}": (rules, "small") for rules in (10, 1_000, 10_000, 100_000)} | {"large policy": (10, "large")}
# What containerd's shim hands on to the runtime. libc looks at each variable at every start.
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "GOMAXPROCS": "2",
    "GRPC_ADDRESS": "/run/containerd/containerd.sock",
    "TTRPC_ADDRESS": "/run/containerd/containerd.sock.ttrpc",
    "INVOCATION_ID": "0123456789abcdef0123456789abcdef",
    "MAX_SHIM_VERSION": "2",
    "NAMESPACE": "moby",
    "SYSTEMD_EXEC_PID": "1234",
}


def catalog(rules):
    """A catalog of RULES rules, of which none matches before `otherwise`."""
    confinement = {"apparmor": PROFILE, "capabilities": ["CHOWN", "KILL"], "noNewPrivileges": True}
    return {
        "confinements": {"bench": confinement},
        "rules": [{"match": {"image": f"registry.example/team{n}/*"}, "use": "bench"} for n in range(rules)],
        "otherwise": "bench",
    }


def policy(profiles, rules):
    """The text of a policy: the profile that is used, with RULES rules for programs, and PROFILES others that attach to programs."""
    own = "".join(f"  /{{,usr/}}lib/tools/{n}/*/[a-f]*{n} rix,\n  owner /srv/{n}/** rw,\n" for n in range(rules))
    text = f"profile {PROFILE} {{\n  /{{,usr/}}bin/** mrix,\n{own}  profile shell {{ /** r, }}\n}}\n"
    return text + "".join(f"profile other{n} /{{,usr/}}bin/program{n} {{ /** r, }}\n" for n in range(profiles))


def prepare_kernel():
    """Files that answer as AppArmor's do: this kernel may have none. A query is written over the beginning of `.access`; what
    is read then is what follows."""
    namespace.mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/sys/module")
    namespace.mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/sys/kernel/security")
    parameters, files = Path("/sys/module/apparmor/parameters"), Path("/sys/kernel/security/apparmor")
    parameters.mkdir(parents=True)
    files.mkdir()
    (parameters / "enabled").write_text("Y\n")
    (parameters / "mode").write_text("enforce\n")
    (files / "revision").write_text(f"{REVISION}\n")
    (files / ".access").write_text("\0" * len(f"label\0{PROFILE}\0\2/") + "allow 0x00000001\n")


def compile_policy(name, text):
    """The compiled policy TEXT, as the parser of this host makes it for a kernel like Debian's."""
    (WORK / name).write_text(text)
    features = ROOT / "tests" / "apparmor" / "policy" / "features" / "6.12"
    parser = ["apparmor_parser", "--config-file", "/dev/null", "-q", "-Q", "-K", "-S", "-M", features, WORK / name]
    (WORK / f"{name}.compiled").write_bytes(subprocess.run(parser, check=True, capture_output=True).stdout)
    return WORK / f"{name}.compiled"


def prepare(programs):
    """Lays out the private host: runtime, catalogs, bundles, the state of a running container."""
    prepare_kernel()
    for directory in (WORK / "bin", STATE / "c1", CATALOG.parent, Path("/etc/aa-shim")):
        directory.mkdir(parents=True, exist_ok=True)
    built = programs / "tests" / "bench"
    shutil.copy(built / "bench_empty", WORK / "bin" / "runc")
    shutil.copy(programs / "shim" / "aa-shim", WORK / "aa-shim")
    for name in ("wrapper", "copier", "decoder"):
        if (built / f"bench_{name}").exists():  # there is no decoder without Go
            shutil.copy(built / f"bench_{name}", WORK / name)
    Path("/etc/aa-shim/runtime").unlink(missing_ok=True)
    Path("/etc/aa-shim/runtime").symlink_to(WORK / "bin" / "runc")
    policies = {"small": compile_policy("policy-small", policy(0, 4)), "large": compile_policy("policy-large", policy(200, 400))}
    for name, (rules, size) in CATALOGS.items():
        source = WORK / "source.json"
        source.write_text(json.dumps(catalog(rules)))
        subprocess.run([built / "bench_catalog", source, policies[size], str(REVISION), catalog_file(name)], check=True)
    shutil.copy(catalog_file("10"), CATALOG)
    # As aa-shimctl load makes them (docs/logging.md).
    (CATALOG.parent / "counters").write_bytes(struct.pack("=8sII16Q", b"\x89AACNTS\n", 1, 16, *[0] * 16))
    for size in (SMALL, MIDDLE, LARGE):
        bundle(size).mkdir(mode=0o700)
        config(size).write_bytes(bundles.docker_like(size))
        shutil.copy(config(size), bundle(size) / "config.json")
    write_state()


def catalog_file(name):
    return WORK / f"catalog-{name.replace(' ', '-')}"


def bundle(size):
    return WORK / f"bundle-{size}"


def config(size):
    """What is put into bundle(SIZE) before each run."""
    return WORK / f"config-{size}"


def write_state():
    """runc's state of a container whose init is this program, created through aa-shim."""
    created = bundle(SMALL)
    subprocess.run([WORK / "aa-shim", "create", "--bundle", created, "c1"], check=True)
    annotations = json.loads((created / "config.json").read_text())["annotations"]
    start = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    state = {
        "id": "c1",
        "init_process_pid": os.getpid(),
        "init_process_start": start,
        "config": {"rootfs": "/", "labels": [*(f"{key}={value}" for key, value in annotations.items()), f"bundle={created}"]},
    }
    (STATE / "c1" / "state.json").write_text(json.dumps(state))
    (STATE / "c1" / "state.json").chmod(0o600)
    process = bundles.process(("/bin/sh",), bundles.ALL_CAPABILITIES)
    (WORK / "process.json").write_bytes(bundles.encode(process))
